"""The command line: `wildsage COMMAND`, one module of `wildsage.local_runner.commands` for each."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

import wildsage
from wildsage.local_runner import commands

COMMANDS = (
    "up",
    "status",
    "open",
    "down",
    "run",
    "jobs",
    "logs",
    "endpoints",
    "stop",
    "clean",
    "reset",
    "algorithms",
    "train",
    "serve",
    "build",
    "push",
    "manifest",
)
"""As help lists them. A command's module, and the function in it, are called as the command is, where `FUNCTIONS` says nothing."""
FUNCTIONS = {"open": "open_console"}
SETTINGS = {"run": {"allow_interspersed_args": False}}
EXIT_CODES = """
Exit status: 0 done · 1 your data or settings (ClientError) · 2 wrong usage, or the algorithm failed (AlgorithmError) ·
3 the machine (InternalServerError) · 130 stopped by Ctrl-C · `run` returns the status of your script.
"""


def command_line(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The command line with some commands. Their modules alone are imported, which is much of the time that a short one takes."""
    made = typer.Typer(
        name="wildsage",
        help="Amazon SageMaker's built-in algorithms, and as much of AWS as they need, on your own machine.",
        epilog=EXIT_CODES,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_global_options)
    for name in names:
        function = FUNCTIONS.get(name, name)
        module = importlib.import_module(f"{commands.__name__}.{function}")
        made.command(name, epilog=module.EXAMPLES, context_settings=SETTINGS.get(name))(getattr(module, function))
    return made


def __getattr__(name: str) -> Any:
    """`app`: the whole command line."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = command_line()
    return globals()[name]


def show_version(wanted: bool) -> None:
    """Print the version and exit, if `wanted`."""
    if wanted:
        typer.echo(f"wildsage {wildsage.__version__}")
        raise typer.Exit


def _global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line, with the command that the arguments begin with if it is one."""
    command_line([name for name in sys.argv[1:2] if name in COMMANDS] or COMMANDS)(prog_name="wildsage")


if __name__ == "__main__":
    main()
