"""`wildsage manifest`."""

import pytest
import yaml
from typer.testing import CliRunner

from wildsage.local_runner.__main__ import app

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
        ([*JOB, "--cpus", "2Gi"], "--cpus: got '2Gi', expected a number, such as 2."),
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
