"""Options that say what SageMaker's files say: hyperparameters, channels and the place of the model."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import NoReturn

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract.paths import CHANNEL_NAME

INPUT_MODES = ("File", "Pipe")
COMMAND = "python -m wildsage.containers"


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line. Places are paths or S3 URIs."""

    hyperparameters: dict[str, str] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)
    content_types: dict[str, str] = field(default_factory=dict)
    input_modes: dict[str, str] = field(default_factory=dict)
    whole: tuple[str, ...] = ()
    model: str | None = None
    checkpoints: str | None = None

    @property
    def given(self) -> bool:
        """Whether there was any."""
        return any(getattr(self, part.name) for part in fields(self))


def parse(arguments: Sequence[str]) -> Options:
    """Read the options. Raises UserError for others, and for a name that is given twice."""
    found = _parser().parse_args(arguments)
    options = Options(
        _pairs("--hp", found.hp),
        _pairs("--channel", found.channel),
        _pairs("--content-type", found.content_type),
        _pairs("--input-mode", found.input_mode),
        tuple(found.whole),
        found.model,
        found.checkpoints,
    )
    _check(options)
    return options


def parse_serve(arguments: Sequence[str]) -> str | None:
    """Read the option of `serve`: the place of the model, if it is given. Raises UserError for others."""
    parser = _Parser(f"{COMMAND} serve", allow_abbrev=False, description="Serve a model as SageMaker would.")
    parser.add_argument(
        "--model", metavar="PLACE", help="model.tar.gz: a file or s3://bucket/key; without it, what /opt/ml/model holds"
    )
    return parser.parse_args(arguments).model


def _check(options: Options) -> None:
    named = {"--content-type": options.content_types, "--input-mode": options.input_modes, "--whole": options.whole}
    for option, names in named.items():
        for name in names:
            if name not in options.channels:
                raise UserError(
                    f"{option} {name}: no --channel has this name; expected one of {', '.join(options.channels)}."
                )
    for name in options.channels:
        if not CHANNEL_NAME.fullmatch(name):
            raise UserError(
                f"--channel: got the name {name!r}, expected 1 to 64 letters, digits, dots, dashes or underscores."
            )
    for name, mode in options.input_modes.items():
        if mode not in INPUT_MODES:
            raise UserError(f"--input-mode {name}: got {mode!r}, expected {' or '.join(INPUT_MODES)}.")
    if options.checkpoints and "://" in options.checkpoints:
        raise UserError(f"--checkpoints: got {options.checkpoints!r}, expected a folder that all hosts see.")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}. {self.format_usage().strip()}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        f"{COMMAND} train",
        allow_abbrev=False,
        description="Train as SageMaker would. Without options, /opt/ml says everything.",
    )
    parser.add_argument("--hp", action="append", default=[], metavar="NAME=VALUE", help="a hyperparameter")
    parser.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar="NAME=PLACE",
        help="a channel: a file, a folder or s3://bucket/prefix. Each host takes its share of the files",
    )
    parser.add_argument(
        "--whole", action="append", default=[], metavar="NAME", help="a channel that every host reads whole"
    )
    parser.add_argument(
        "--content-type", action="append", default=[], metavar="NAME=TYPE", help="the type of a channel's data"
    )
    parser.add_argument(
        "--input-mode",
        action="append",
        default=[],
        metavar="NAME=MODE",
        help="File (assumed), or Pipe, which streams the channel and needs no disk",
    )
    parser.add_argument(
        "--model", metavar="PLACE", help="a folder or s3://bucket/prefix; the first host puts model.tar.gz there"
    )
    parser.add_argument("--checkpoints", metavar="DIR", help="a folder of checkpoints, from which a job resumes")
    return parser


def _pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not name or not equals:
            raise UserError(f"{option}: got {entry!r}, expected NAME=VALUE.")
        if name in found:
            raise UserError(f"{option}: {name} is given twice.")
        found[name] = value
    return found
