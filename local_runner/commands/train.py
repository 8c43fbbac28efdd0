"""`wildsage train`: train a model from files, without AWS."""

from __future__ import annotations

import enum
import os
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract.pretrained_weights import VARIABLE
from wildsage.local_runner.commands import standalone, training_display
from wildsage.local_runner.commands.terminal import (
    PretrainedWeightsOption,
    examples,
    folder_for_results,
    report_errors,
    require_algorithm,
    stderr,
)
from wildsage.local_runner.commands.training_log import TrainingLog
from wildsage.local_runner.images import catalogue

EXAMPLES = examples(
    "wildsage train kmeans --channel train=rows.csv --hp k=7 --hp feature_dim=34 --output model",
    "wildsage train pca --channel train=shards/ --content-type application/x-recordio-protobuf"
    " --hp num_components=2 --hp feature_dim=784 --hp mini_batch_size=500 --output model",
)


class InputMode(enum.StrEnum):
    """Input mode of all channels, as in SageMaker."""

    FILE = "File"
    PIPE = "Pipe"


def train(
    algorithm: Annotated[str, typer.Argument(help="Name of the algorithm in SageMaker, such as kmeans or pca.")],
    channel: Annotated[
        list[str],
        typer.Option(metavar="NAME=PATH", help="A channel and its file or folder: `train`, often `test` too."),
    ],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder for model.tar.gz.")],
    hp: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A hyperparameter, as in SageMaker.")
    ] = None,
    content_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Content type of all channels; default: by their file names.")
    ] = None,
    input_mode: Annotated[
        InputMode, typer.Option(help="Read files, or stream them through named pipes.")
    ] = InputMode.FILE,
    checkpoints: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of checkpoints. An interrupted job continues from them.")
    ] = None,
    pretrained_weights: PretrainedWeightsOption = None,
    verbose: Annotated[
        bool,
        typer.Option("--verbose", "-v", help="Show the log of the job, as SageMaker has it, in place of progress."),
    ] = False,
) -> None:
    """Train a model without AWS, from files to DIR/model.tar.gz. Ctrl-C stops early and saves the model so far.

    On a terminal one line shows the progress; elsewhere the log of the job is printed.
    """
    hyperparameters = parse_pairs("--hp", hp or [])
    require_algorithm(algorithm)
    with report_errors():
        channels = {
            name: read_channel(name, path, content_type, algorithm)
            for name, path in parse_pairs("--channel", channel).items()
        }
        with (
            folder_for_results(output) as results,
            folder_for_results(checkpoints) if checkpoints else nullcontext() as kept,
        ):
            standalone.check(algorithm, hyperparameters, channels, input_mode.value)
            weights = {VARIABLE: str(pretrained_weights)} if pretrained_weights else {}
            environment = {**os.environ, **weights}
            log = TrainingLog(definitions(algorithm), rounds(hyperparameters))
            begun_s = time.monotonic()
            with training_display.log_shown(log, verbose or not stderr.is_terminal) as show:
                standalone.train(
                    algorithm, hyperparameters, channels, input_mode.value, results, environment, kept, show
                )
    model = output / standalone.MODEL_ARCHIVE
    training_display.summarize(algorithm, log, time.monotonic() - begun_s, model, channels.get("train"))


def definitions(algorithm: str) -> Mapping[str, str]:
    """The metric definitions of an algorithm."""
    found = catalogue.named(algorithm)
    return found.metric_definitions if found else {}


def rounds(hyperparameters: Mapping[str, str]) -> int | None:
    """The number of rounds that a job was told to make, for algorithms that count rounds."""
    given = hyperparameters.get("num_round", "")
    return int(given) if given.isascii() and given.isdigit() else None


def parse_pairs(option: str, given: list[str]) -> dict[str, str]:
    """Parse the NAME=VALUE entries of an option. Raises BadParameter for other entries and repeated names."""
    found: dict[str, str] = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"got {entry!r}, expected NAME=VALUE.", param_hint=option)
        if name in found:
            raise typer.BadParameter(f"{name} is given twice.", param_hint=option)
        found[name] = value
    return found


def read_channel(name: str, place: str, content_type: str | None, algorithm: str) -> standalone.ChannelData:
    """Data and content type of a channel. Raises UserError if the path does not exist or its type is unknown."""
    path = Path(place)
    if "://" in place:
        raise UserError(f"Channel {name}: got {place}, expected a file or a folder. Download the data first.")
    if not path.exists():
        raise UserError(f"Channel {name}: {path} does not exist.")
    if content_type:
        found, remark = content_type, ""
    else:
        found, remark = standalone.content_type_of(path, algorithm), " (by its extension; --content-type overrides it)"
    stderr.print(f"Channel {name}: {escape(f'{path} as {found}')}{remark}")
    return standalone.ChannelData(path, found)
