"""`wildsage manifest`."""

import math

import kubernetes_validate
import pytest
import yaml
from typer.testing import CliRunner

from wildsage.local_runner.__main__ import app
from wildsage.local_runner.manifests import serving_cost

JOB = ["manifest", "kmeans", "--channel", "train=s3://b/rows/", "--hp", "k=3", "--model", "s3://b/m"]
SERVERS = ["manifest", "kmeans", "--serve", "--hosts", "3", "--model", "s3://b/m/model.tar.gz"]


def output(*words: str) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("launcher", ["kubernetes", "kubeflow", "slurm", "compose", "torchrun"])
def test_every_launcher_gets_the_options_of_the_container(launcher):
    text = output(*JOB, "--for", launcher, "--hosts", "4", "--name", "night")
    assert "train=s3://b/rows/" in text and "k=3" in text and "s3://b/m" in text


def test_servers_are_told_where_the_model_is():
    [_, deployment] = yaml.safe_load_all(output(*SERVERS))
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["serve", "--model", "s3://b/m/model.tar.gz"] and deployment["spec"]["replicas"] == 3


def requested(*options: str) -> str:
    [_, deployment] = yaml.safe_load_all(output(*SERVERS, *options))
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    return container["resources"]["requests"]["cpu"]


def test_servers_ask_for_processors_by_the_rate_that_they_are_to_answer():
    assert requested() == "2"
    cost = serving_cost.measured_for("kmeans")
    alone, together = (cost.processors(9000, rows) / 3 for rows in (1, 100))
    assert requested("--rows-per-s", "9000") == f"{math.ceil(10 * alone) / 10:g}"
    assert requested("--rows-per-s", "9000", "--rows-per-request", "100") == f"{math.ceil(10 * together) / 10:g}"
    assert together < alone / 10


def test_a_manifest_says_where_its_processors_come_from():
    text = output(*SERVERS, "--rows-per-s", "9000", "--rows-per-request", "100")
    assert text.startswith("# Processors for 9,000 rows/s in requests of 100, busy 70% of the time.\n# Measured: ")
    for document in yaml.safe_load_all(text):
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("launcher", ["kubernetes", "slurm", "compose", "torchrun"])
def test_a_job_may_resume_from_a_folder_that_stays(launcher):
    text = output(*JOB, "--for", launcher, "--checkpoints", "/data/state", "--claim", "rows:/data")
    assert "--checkpoints" in text and "/data/state" in text


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["manifest", "kmeans", "--model", "m"], "A job needs its data: --channel train=PLACE."),
        ([*JOB, "--whole", "test"], "--whole test: no --channel has this name"),
        ([*JOB, "--name", "Night Run"], "--name: got 'Night Run', expected at most 52 lower-case letters"),
        ([*JOB, "--memory", "lots"], "--memory: got 'lots'"),
        ([*JOB, "--memory", "4096"], "--memory: got '4096', expected a whole number of Ki, Mi, Gi or Ti, such as 4Gi."),
        ([*JOB, "--cpus", ""], "--cpus: got '', expected a number above 0, such as 2."),
        ([*JOB, "--cpus", "0"], "--cpus: got '0', expected a number above 0, such as 2."),
        ([*JOB, "--cpus", "0.00"], "--cpus: got '0.00', expected a number above 0, such as 2."),
        ([*JOB, "--cpus", "2Gi"], "--cpus: got '2Gi', expected a number above 0, such as 2."),
        ([*JOB, "--rows-per-s", "10"], "--rows-per-s is for servers: add --serve, or say --cpus."),
        ([*SERVERS, "--rows-per-s", "10", "--cpus", "1"], "--rows-per-s and --cpus both say how many processors"),
        ([*SERVERS, "--rows-per-s", "0"], "--rows-per-s: got 0, expected a finite number above 0."),
        ([*SERVERS, "--rows-per-s", "-1"], "--rows-per-s: got -1, expected a finite number above 0."),
        ([*SERVERS, "--rows-per-s", "inf"], "--rows-per-s: got inf, expected a finite number above 0."),
        ([*SERVERS, "--rows-per-s", "nan"], "--rows-per-s: got nan, expected a finite number above 0."),
        ([*SERVERS, "--rows-per-request", "9"], "--rows-per-request is for --rows-per-s: give both, or say --cpus."),
        (
            ["manifest", "image-classification", *SERVERS[2:], "--rows-per-s", "10"],
            "--rows-per-s: nobody has measured what a row costs image-classification. Say --cpus instead.",
        ),
        ([*SERVERS, "--hp", "k=3"], "unrecognized arguments: --hp k=3"),
        ([*JOB, "--claim", "rows"], "--claim: got 'rows', expected NAME:/PATH."),
        (
            [*JOB, "--checkpoints", "/state"],
            "--checkpoints /state would vanish with the container; expected a folder on a volume: --claim NAME:/PATH.",
        ),
        (
            [*JOB, "--checkpoints", "/state", "--claim", "rows:/data"],
            "expected a folder below /data, which --claim mounts.",
        ),
        (
            [*JOB, "--for", "kubeflow", "--checkpoints", "/state"],
            "--checkpoints: a TrainJob mounts what its runtime mounts.",
        ),
        ([*SERVERS, "--checkpoints", "/state"], "unrecognized arguments: --checkpoints /state"),
        ([*SERVERS, "--for", "slurm"], "--serve writes a Deployment of Kubernetes, and not for slurm."),
    ],
)
def test_what_does_not_fit_is_said(words, text):
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1 and text in " ".join(result.output.split())


def test_what_is_not_given_has_a_default():
    [job] = [one for one in yaml.safe_load_all(output(*JOB)) if one["kind"] == "Job"]
    assert job["metadata"]["name"] == "kmeans" and job["spec"]["completions"] == 1
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "wildsage/kmeans:cpu"
    assert {container["resources"]["requests"][name] for name in ("cpu", "memory")} == {"2", "4Gi"}
    text = output(*JOB)
    assert not text.startswith("#"), "processors are explained where a rate gave them"
    assert text.endswith("\n") and not text.endswith("\n\n")


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--hosts", "0"], 2),
        (["--hosts", "1000"], 0),
        (["--hosts", "1001"], 2),
        (["--name", "n" * 52], 0),
        (["--name", "n" * 53], 1),
        (["--cpus", "0.01"], 0),
        (["--memory", "1Ki"], 0),
        (["--memory", "0Gi"], 1),
        (["--claim", "a:b:/data"], 0),
        (["--claim", ":/data"], 1),
        (["--claim", "rows:data"], 1),
    ],
)
def test_the_first_and_the_last_that_is_accepted(options, status):
    assert CliRunner().invoke(app, [*JOB, *options]).exit_code == status


def test_a_request_has_at_least_one_row():
    assert CliRunner().invoke(app, [*SERVERS, "--rows-per-s", "1", "--rows-per-request", "0"]).exit_code == 2
    assert "in requests of 1, busy" in output(*SERVERS, "--rows-per-s", "1")


@pytest.mark.parametrize("launcher", ["slurm", "torchrun"])
def test_hosts_that_share_a_disk_keep_checkpoints_without_a_claim(launcher):
    assert "/state" in output(*JOB, "--for", launcher, "--checkpoints", "/state")
