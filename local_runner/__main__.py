"""The command line: `wildsage COMMAND`, one module of `wildsage.local_runner.commands` for each."""

from __future__ import annotations

from typing import Annotated

import typer

import wildsage
from wildsage.local_runner.commands import (
    algorithms,
    build,
    clean,
    down,
    endpoints,
    jobs,
    logs,
    manifest,
    open_console,
    push,
    reset,
    run,
    serve,
    status,
    stop,
    train,
    up,
)

EXIT_CODES = """
Exit status: 0 done · 1 your data or settings (ClientError) · 2 wrong usage, or the algorithm failed (AlgorithmError) ·
3 the machine (InternalServerError) · 130 stopped by Ctrl-C · `run` returns the status of your script.
"""

app = typer.Typer(
    name="wildsage",
    help="Amazon SageMaker's built-in algorithms, and as much of AWS as they need, on your own machine.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=up.EXAMPLES)(up.up)
app.command(epilog=status.EXAMPLES)(status.status)
app.command("open", epilog=open_console.EXAMPLES)(open_console.open_console)
app.command(epilog=down.EXAMPLES)(down.down)
app.command(epilog=run.EXAMPLES, context_settings={"allow_interspersed_args": False})(run.run)
app.command(epilog=jobs.EXAMPLES)(jobs.jobs)
app.command(epilog=logs.EXAMPLES)(logs.logs)
app.command(epilog=endpoints.EXAMPLES)(endpoints.endpoints)
app.command(epilog=stop.EXAMPLES)(stop.stop)
app.command(epilog=clean.EXAMPLES)(clean.clean)
app.command(epilog=reset.EXAMPLES)(reset.reset)
app.command(epilog=algorithms.EXAMPLES)(algorithms.algorithms)
app.command(epilog=train.EXAMPLES)(train.train)
app.command(epilog=serve.EXAMPLES)(serve.serve)
app.command(epilog=build.EXAMPLES)(build.build)
app.command(epilog=push.EXAMPLES)(push.push)
app.command(epilog=manifest.EXAMPLES)(manifest.manifest)


def show_version(wanted: bool) -> None:
    """Print the version and exit, if `wanted`."""
    if wanted:
        typer.echo(f"wildsage {wildsage.__version__}")
        raise typer.Exit


@app.callback()
def _global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    app(prog_name="wildsage")


if __name__ == "__main__":
    main()
