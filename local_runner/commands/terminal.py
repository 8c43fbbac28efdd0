"""What commands share: output, errors, and options that several commands have."""

from __future__ import annotations

import contextlib
import difflib
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import platformdirs
import typer
from rich.console import Console
from rich.markup import escape

from wildsage.algorithms.base.errors import WildsageError
from wildsage.containers.contract import failure, pretrained_weights
from wildsage.local_runner.images import built_in, catalogue
from wildsage.local_runner.processes import ports

if TYPE_CHECKING:
    from wildsage.local_runner.monitor.overview import Overview

HOST = "127.0.0.1"
DATA = platformdirs.user_data_path("wildsage", appauthor=False)

stderr = Console(stderr=True, highlight=False, soft_wrap=True)


class JobFailed(Exception):
    """A container ended with `status`. `has_reason`: it said why, which is the text; otherwise its log may tell."""

    def __init__(self, status: int, text: str, has_reason: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.has_reason = has_reason


def expand_home(folder: Path) -> Path:
    """Expand `~`, which shells do not expand in environment variables."""
    return folder.expanduser()


def require_weights(path: Path | None) -> Path | None:
    """Exit with an error if a file is not one of weights, before anything starts."""
    if path and path.is_file() and path.suffix not in pretrained_weights.SUFFIXES:
        expected = ", ".join(pretrained_weights.SUFFIXES)
        raise typer.BadParameter(f"{path.name} is not a file of weights, expected suffix {expected}, or a folder.")
    return path


DataOption = Annotated[
    Path,
    typer.Option(
        "--data",
        help="Folder of buckets, jobs, models and endpoints, which it keeps between runs.",
        envvar="WILDSAGE_DATA",
        callback=expand_home,
    ),
]
PublicS3Option = Annotated[
    bool, typer.Option("--public-s3", help="Fetch objects of AWS's public sample buckets on first use.")
]
PretrainedWeightsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        exists=True,
        resolve_path=True,
        callback=require_weights,
        help="Weights for use_pretrained_model=1: a .pth or .params file, or a folder with resnet-<num_layers>.pth for each depth.",
    ),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Reject what AWS rejects but old notebooks rely on: images of another region.")
]
TokenOption = Annotated[
    bool | None,
    typer.Option(
        "--token/--no-token",
        help="Accept only requests that are signed with the keys of the data folder; clients get them with the other "
        "variables. Default: where --bind opens the port to other machines.",
    ),
]
SdkPollingOption = Annotated[
    bool, typer.Option("--sdk-polling", help="Keep the SDK's own sleeps of 5 to 120 s between two calls.")
]

ProxyOption = Annotated[
    bool,
    typer.Option(
        "--proxy",
        help="Reach the local AWS through an HTTPS proxy: for Java, Spark and SDKs older than 2023.",
    ),
]
TunnelOption = Annotated[
    bool, typer.Option("--tunnel", help="With --proxy: tunnel connections to hosts that are not AWS's.")
]


def examples(*commands: str) -> str:
    """The examples at the end of a command's help."""
    return "Examples:\n\n" + "\n\n".join(f"  [cyan]{escape(command)}[/]" for command in commands)


def data_option(data: Path) -> str:
    """` --data DATA` where it is not the default folder, to be added to a command."""
    return "" if data == DATA else f" --data {shlex.quote(str(data))}"


def fail(status: int, text: str) -> NoReturn:
    """Print an error in red and exit with a status."""
    stderr.print(f"[red]{escape(text)}[/]")
    raise typer.Exit(status)


def reject_without(context: typer.Context, other: str, *parameters: str) -> None:
    """Exit with an error if one of the parameters was given, since it has no effect without the option `other`."""
    for name in parameters:
        if is_given(context, name):
            fail(2, f"--{name.replace('_', '-')} has no effect without {other}. Add {other}, or leave it out.")


def is_given(context: typer.Context, parameter: str) -> bool:
    """Whether a parameter was given on the command line, and not by a variable."""
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def make_folder(path: Path) -> Path:
    """The absolute path of a folder, which is created if it does not exist. Exits with an error if that fails."""
    try:
        path.expanduser().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(1, f"{path} cannot be used as a folder: {error.strerror}.")
    return path.expanduser().resolve()


@contextlib.contextmanager
def folder_for_results(path: Path) -> Iterator[Path]:
    """As `make_folder`. What it creates is removed again if the block fails and leaves it empty."""
    created = [folder for folder in (path.expanduser(), *path.expanduser().parents) if not folder.exists()]
    folder = make_folder(path)
    try:
        yield folder
    except BaseException:
        with contextlib.suppress(OSError):  # the first folder that is not empty
            for new in created:
                new.rmdir()
        raise


def require_free_port(port: int) -> None:
    """Exit with an error if the port is in use."""
    if problem := ports.problem(HOST, port):
        fail(1, problem)


@contextlib.contextmanager
def report_errors() -> Iterator[None]:
    """Turn errors meant for the user into one sentence and an exit status. Any other error is a bug and keeps its trace."""
    try:
        yield
    except JobFailed as error:
        fail(error.status, str(error))
    except WildsageError as error:
        fail(failure.exit_status(error), str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def require_algorithm(name: str) -> None:
    """Exit with an error if the algorithm does not run here, before anything is written."""
    with report_errors():
        found = catalogue.named(name)
        if found is None:
            fail(2, built_in.explain(name, [one.name for one in catalogue.algorithms()]))
    if found.problem:
        fail(1, found.problem)


@contextlib.contextmanager
def open_overview(data: Path) -> Iterator[Overview]:
    """Open the overview of a data folder. Exits with an error if no local AWS ever ran on it, or one of a later version did."""
    from wildsage.local_runner.monitor.overview import Overview  # half of the commands need no state

    try:
        overview = Overview(data)
    except FileNotFoundError:
        fail(1, f"No local AWS has run on {data} yet. Start one with `wildsage up`, or give its folder with --data.")
    with report_errors(), contextlib.closing(overview):
        yield overview


def suggestion(name: str, names: Iterable[str]) -> str:
    """` Did you mean NAME?`, or "" if no name is similar."""
    close = difflib.get_close_matches(name, names, n=1)
    return f" Did you mean {close[0]}?" if close else ""
