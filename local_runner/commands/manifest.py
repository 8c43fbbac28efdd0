"""`wildsage manifest`: a job, or servers of a model, for a cluster that others run."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated

import typer

from wildsage.algorithms.base.errors import UserError
from wildsage.local_runner.commands.terminal import examples, report_errors, require_algorithm
from wildsage.local_runner.manifests import serving_cost
from wildsage.local_runner.manifests.description import VolumeClaim, Workload

EXAMPLES = examples(
    "wildsage manifest kmeans --hosts 4 --channel train=s3://bucket/rows/ --hp k=10 --hp feature_dim=784"
    " --model s3://bucket/models/first --image registry.example/kmeans:cpu >job.yaml",
    "wildsage manifest kmeans --for slurm --hosts 4 --channel train=/shared/rows --hp k=10 --hp feature_dim=784"
    " --model /shared/models/first",
    "wildsage manifest kmeans --serve --hosts 3 --rows-per-s 5000 --model s3://bucket/models/first/model.tar.gz",
)

NAME = re.compile(r"[a-z]([-a-z0-9]{0,50}[a-z0-9])?")
CPUS = re.compile(r"(?=.*[1-9])[0-9]+(\.[0-9]+)?")
MEMORY = re.compile(r"[1-9][0-9]*(Ki|Mi|Gi|Ti)")
"""What all launchers can express: Slurm has no fractions, and takes a number without a unit for megabytes."""


class Launcher(enum.StrEnum):
    """What starts the hosts."""

    KUBERNETES = "kubernetes"
    KUBEFLOW = "kubeflow"
    SLURM = "slurm"
    COMPOSE = "compose"
    TORCHRUN = "torchrun"


def manifest(
    algorithm: Annotated[str, typer.Argument(help="Name of the algorithm in SageMaker, such as kmeans or pca.")],
    model: Annotated[
        str,
        typer.Option(metavar="PLACE", help="Where model.tar.gz goes, or with --serve, where it is: a path or s3://…."),
    ],
    launcher: Annotated[Launcher, typer.Option("--for", help="What starts the hosts.")] = Launcher.KUBERNETES,
    hosts: Annotated[int, typer.Option(min=1, max=1000, help="How many hosts train, or servers serve.")] = 1,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve the model instead of training it: for Kubernetes.")
    ] = False,
    channel: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PLACE", help="A channel and its path or s3:// address; hosts take turns at its files."
        ),
    ] = None,
    whole: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A channel that every host reads whole.")
    ] = None,
    content_type: Annotated[
        list[str] | None, typer.Option(metavar="NAME=TYPE", help="Content type of a channel.")
    ] = None,
    input_mode: Annotated[list[str] | None, typer.Option(metavar="NAME=MODE", help="File or Pipe.")] = None,
    hp: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A hyperparameter.")] = None,
    checkpoints: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="A folder that all hosts see; a job that is started again resumes from it."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the job; default: that of the algorithm.")] = None,
    image: Annotated[str | None, typer.Option(help="Image; default: wildsage/ALGORITHM:cpu.")] = None,
    cpus: Annotated[str | None, typer.Option(help="Processors of a host; default: 2.")] = None,
    rows_per_s: Annotated[
        float | None,
        typer.Option(
            "--rows-per-s", help="With --serve, instead of --cpus: how many rows a second all servers answer."
        ),
    ] = None,
    rows_per_request: Annotated[
        int | None, typer.Option(min=1, help="With --rows-per-s: rows of a request; default: 1.")
    ] = None,
    memory: Annotated[str, typer.Option(help="Memory of a host, as in Kubernetes.")] = "4Gi",
    secret: Annotated[
        str | None, typer.Option(help="Secret of Kubernetes, or file for compose, with variables such as AWS's keys.")
    ] = None,
    claim: Annotated[
        str | None, typer.Option(metavar="NAME:PATH", help="Volume claim (compose: folder), and where hosts see it.")
    ] = None,
) -> None:
    """Print a manifest or script that starts a job's hosts elsewhere: same images, same model.

    The hosts are those of a SageMaker job with as many instances, so the model has the same bytes.
    """
    require_algorithm(algorithm)
    with report_errors():
        named = {
            "--channel": channel,
            "--whole": whole,
            "--content-type": content_type,
            "--input-mode": input_mode,
            "--hp": hp,
        }
        given = [part for option, values in named.items() for value in values or () for part in (option, value)]
        if checkpoints:
            given += ["--checkpoints", checkpoints]
        rate = _rate(rows_per_s, rows_per_request, cpus, serve)
        workload = Workload(
            _matching(
                "--name", name or algorithm, NAME, "at most 52 lower-case letters, digits and dashes, first a letter"
            ),
            image or f"wildsage/{algorithm}:cpu",
            algorithm,
            hosts,
            _arguments([*given, "--model", model], serve),
            _processors(algorithm, cpus, rate, hosts),
            _matching("--memory", memory, MEMORY, "a whole number of Ki, Mi, Gi or Ti, such as 4Gi"),
            secret,
            _claim(claim),
        )
        if checkpoints:
            _require_kept(checkpoints, launcher, workload)
        text = _text(launcher, serve)(workload)
        typer.echo((_explained(algorithm, rate) if rate else "") + text, nl=False)


def _arguments(options: list[str], serve: bool) -> tuple[str, ...]:
    """Arguments of the container, after a check by the options' own reader. Raises UserError."""
    from wildsage.containers.contract import train_options

    if serve:
        train_options.parse_serve(options)
        return ("serve", *options)
    if not train_options.parse(options).channels:
        raise UserError("A job needs its data: --channel train=PLACE.")
    return ("train", *options)


def _text(launcher: Launcher, serve: bool) -> Callable[[Workload], str]:
    from wildsage.local_runner.manifests import compose, kubeflow, kubernetes, slurm, torchrun

    if serve:
        if launcher is not Launcher.KUBERNETES:
            raise UserError(f"--serve writes a Deployment of Kubernetes, and not for {launcher.value}.")
        return kubernetes.deployment
    return {
        Launcher.KUBERNETES: kubernetes.job,
        Launcher.KUBEFLOW: kubeflow.job,
        Launcher.SLURM: slurm.job,
        Launcher.COMPOSE: compose.job,
        Launcher.TORCHRUN: torchrun.job,
    }[launcher]


def _require_kept(folder: str, launcher: Launcher, workload: Workload) -> None:
    """Raise UserError for a folder that would vanish with its container: with an image, only a volume stays."""
    if launcher in (Launcher.SLURM, Launcher.TORCHRUN):
        return
    if launcher is Launcher.KUBEFLOW:
        raise UserError("--checkpoints: a TrainJob mounts what its runtime mounts. Use --for kubernetes with --claim.")
    claim = workload.claim
    if claim is None or not PurePosixPath(folder).is_relative_to(claim.path):
        within = f"below {claim.path}, which --claim mounts" if claim else "on a volume: --claim NAME:/PATH"
        raise UserError(f"--checkpoints {folder} would vanish with the container; expected a folder {within}.")


@dataclass(frozen=True)
class RequestRate:
    """The rows a second that servers are to answer, and how many of them come in a request."""

    rows_per_s: float
    rows_per_request: int


def _rate(rows_per_s: float | None, rows_per_request: int | None, cpus: str | None, serve: bool) -> RequestRate | None:
    """The rate that is asked for. Raises UserError for one that has no effect, or is not a rate."""
    if rows_per_s is None:
        if rows_per_request is not None:
            raise UserError("--rows-per-request is for --rows-per-s: give both, or say --cpus.")
        return None
    if not serve:
        raise UserError("--rows-per-s is for servers: add --serve, or say --cpus.")
    if cpus is not None:
        raise UserError("--rows-per-s and --cpus both say how many processors: give one of them.")
    if not 0 < rows_per_s < math.inf:
        raise UserError(f"--rows-per-s: got {rows_per_s:g}, expected a finite number above 0.")
    return RequestRate(rows_per_s, rows_per_request or 1)


def _processors(algorithm: str, cpus: str | None, rate: RequestRate | None, servers: int) -> str:
    """Processors of each host: those given, or those that servers need for a rate."""
    if rate:
        return serving_cost.cpus(serving_cost.measured_for(algorithm), rate.rows_per_s, rate.rows_per_request, servers)
    return _matching("--cpus", "2" if cpus is None else cpus, CPUS, "a number above 0, such as 2")


def _explained(algorithm: str, rate: RequestRate) -> str:
    """A comment on top of the manifest: where its processors come from."""
    cost = serving_cost.measured_for(algorithm)
    asked = f"{rate.rows_per_s:,g} rows/s in requests of {rate.rows_per_request:,}"
    return (
        f"# Processors for {asked}, busy {serving_cost.BUSY:.0%} of the time.\n"
        f"# Measured: {cost.request_ms:g} ms for a request of one row, {cost.row_us:g} µs for each further one ({cost.model}).\n"
    )


def _matching(option: str, value: str, pattern: re.Pattern[str], expected: str) -> str:
    if not pattern.fullmatch(value):
        raise UserError(f"{option}: got {value!r}, expected {expected}.")
    return value


def _claim(given: str | None) -> VolumeClaim | None:
    if given is None:
        return None
    name, _, path = given.rpartition(":")
    if not name or not path.startswith("/"):
        raise UserError(f"--claim: got {given!r}, expected NAME:/PATH.")
    return VolumeClaim(name, path)
