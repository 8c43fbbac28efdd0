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
