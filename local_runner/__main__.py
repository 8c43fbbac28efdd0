"""The command line: `sagebrush up | run | train | serve`."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import os
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from algorithms.base.errors import SagebrushError, UserError
from containers.contract import failure
from local_runner import client, foreground, launch, standalone

HOST = "127.0.0.1"
PORT = 4577
DATA = Path("~/.sagebrush")

EXIT_CODES = """
Exit status: 0 done · 1 your data or settings (ClientError) · 2 wrong usage, or the algorithm gave up (AlgorithmError) ·
3 the machine (InternalServerError) · 130 stopped by Ctrl-C · `run` passes on the status of your script.
"""

app = typer.Typer(
    name="sagebrush",
    help="Amazon SageMaker's built-in algorithms, and as much of AWS as they need, on your own machine.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
told = Console(stderr=True, highlight=False, soft_wrap=True)

DataOption = Annotated[
    Path,
    typer.Option(
        "--data", help="Folder of buckets, models and endpoints; they survive a restart.", envvar="SAGEBRUSH_DATA"
    ),
]
PublicS3Option = Annotated[
    bool, typer.Option("--public-s3", help="Fetch objects of AWS's public sample buckets on first use.")
]
SdkPollingOption = Annotated[
    bool, typer.Option("--sdk-polling", help="Keep the SDK's own sleeps of 5 to 120 s between two questions.")
]


class InputMode(enum.StrEnum):
    FILE = "File"
    PIPE = "Pipe"


def examples(*commands: str) -> str:
    """The end of a command's help: what one would type."""
    return "Examples:\n\n" + "\n\n".join(f"  [cyan]{escape(command)}[/]" for command in commands)


def fail(status: int, text: str) -> NoReturn:
    """Say what went wrong, in red, and end with a status."""
    told.print(f"[red]{escape(text)}[/]")
    raise typer.Exit(status)


def folder_at(path: Path) -> Path:
    """The folder at `path`, created if need be."""
    try:
        path.expanduser().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(1, f"{path} cannot be used as a folder: {error.strerror}.")
    return path.expanduser().resolve()


@contextlib.contextmanager
def errors_told() -> Iterator[None]:
    """Errors with a reader become one sentence and an exit status; anything else is a bug and keeps its trace."""
    try:
        yield
    except standalone.JobFailed as error:
        fail(error.status, str(error))
    except SagebrushError as error:
        fail(failure.exit_status(error), str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def show_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        version = metadata.version("sagebrush")
    except metadata.PackageNotFoundError:
        version = "(run from its source folder, not installed)"
    typer.echo(f"sagebrush {version}")
    raise typer.Exit


@app.callback()
def sagebrush(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog=examples(
        "sagebrush up",
        "sagebrush up --data ./aws --port 5000 --public-s3",
        'eval "$(sagebrush up --export)"     in a second terminal: point its AWS clients here',
    )
)
def up(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes any free one.")] = PORT,
    data: DataOption = DATA,
    sdk_polling: SdkPollingOption = False,
    public_s3: PublicS3Option = False,
    export: Annotated[
        bool,
        typer.Option(
            "--export", help="Print the variables of the server that is running, for a shell to eval, and exit."
        ),
    ] = False,
    until_stdin_closes: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run the local AWS until Ctrl-C: SageMaker, its runtime, S3, STS, IAM and Logs on one loopback port."""
    data = folder_at(data)
    endpoint = launch.running(data)
    if export:
        if not endpoint:
            fail(1, f"Nothing runs on {data}: start `sagebrush up` in another terminal first.")
        typer.echo(exports(endpoint, data, sdk_polling))
        return
    if endpoint:
        fail(1, f"A server runs on {data} already, at {endpoint}. Use it, stop it, or name another folder with --data.")
    if port:
        require_free(port)
    if until_stdin_closes:
        threading.Thread(target=stop_when_stdin_closes, daemon=True).start()
    start_serving(port, data, sdk_polling, public_s3)


def start_serving(port: int, data: Path, sdk_polling: bool, public_s3: bool) -> None:
    from local_runner.server import CannotServe, Settings, serve  # no other command needs the AWS service models

    settings = Settings(data=data, host=HOST, port=port, public_s3=public_s3)
    if not sdk_polling:  # a client that asks often needs no held answer, and sees logs while they are written
        settings = dataclasses.replace(settings, hold_first_describe_s=0)

    def announce(endpoint: str) -> None:
        told.print(
            f"[bold green]Local AWS[/] on [bold]{endpoint}[/], its state in {escape(str(data))}. Ctrl-C stops it."
        )
        told.print("SageMaker, its runtime, S3, STS, IAM and Logs answer there; jobs and endpoints are processes.")
        told.print("Point a shell's AWS clients here with these lines:\n")
        typer.echo(exports(endpoint, data, sdk_polling))

    client.write_telemetry_opt_out(data)
    try:
        serve(settings, announce)
    except CannotServe as error:
        fail(1, str(error))


def stop_when_stdin_closes() -> None:
    """The lifeline of a server that `run` started: the other end closes however that process ends."""
    while os.read(0, 1024):  # past sys.stdin: its lock, held by this thread, would be held forever in a forked worker
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def exports(endpoint: str, data: Path, sdk_polling: bool) -> str:
    """Lines for a shell that make it a client of `endpoint`."""
    variables = client.variables(endpoint, data, sdk_polling, os.environ)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    stray = client.removed(os.environ)
    return "\n".join([f"unset {' '.join(stray)}", *lines] if stray else lines)


def require_free(port: int) -> None:
    """End with a clear message if something listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            fail(1, f"Port {port} of {HOST} cannot be used ({error.strerror}). Choose another with --port.")


@app.command(
    context_settings={"allow_interspersed_args": False},
    epilog=examples(
        "sagebrush run train.py",
        "sagebrush run --public-s3 examples/census_segmentation.py --output plots",
        "sagebrush run --output executed.ipynb notebook.ipynb",
    ),
)
def run(
    program: Annotated[
        Path, typer.Argument(metavar="SCRIPT_OR_NOTEBOOK", help="A .py or .ipynb file written for AWS.")
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="ARGS", help="Passed to the script untouched.")
    ] = None,
    data: DataOption = DATA,
    sdk_polling: SdkPollingOption = False,
    public_s3: PublicS3Option = False,
    output: Annotated[
        Path | None, typer.Option(help="Where the executed notebook goes; default: NAME.executed.ipynb beside it.")
    ] = None,
) -> None:
    """Run a script or notebook, unchanged, against the local AWS.

    The server of the data folder is used if one runs (`sagebrush up`); otherwise one runs as long as the program does.
    Options of ours come before the program, whatever follows is the program's. No credentials of yours are passed on.
    """
    check_program(program, arguments or [], output)
    data = folder_at(data)
    with errors_told(), launch.server(data, sdk_polling, public_s3) as server:
        was_running = " (was running)" if server.reused else ""
        told.print(f"[dim]Local AWS on {server.endpoint}, state in {escape(str(data))}{was_running}[/]")
        if server.reused and public_s3:
            told.print("[yellow]--public-s3 has no effect on a server that runs already; give it to `sagebrush up`.[/]")
        client.write_telemetry_opt_out(data)
        environment = client.environment_for(server.endpoint, data, sdk_polling, os.environ)
        status = execute(program, arguments or [], output, environment)
    raise typer.Exit(status)


def check_program(program: Path, arguments: list[str], output: Path | None) -> None:
    if not program.is_file():
        fail(1, f"{program}: no such file. Give the path of a Python script or a notebook.")
    notebook = program.suffix == ".ipynb"
    if notebook and arguments:
        fail(2, f"{program}: a notebook takes no arguments, got {' '.join(arguments)}. Options go before its name.")
    if output and not notebook:
        fail(2, f"--output is for notebooks; to pass it to {program.name}, write it after the script's name.")


def execute(program: Path, arguments: list[str], output: Path | None, environment: dict[str, str]) -> int:
    """Run the program in its environment and return its exit status."""
    if program.suffix != ".ipynb":
        command = [sys.executable, str(program), *arguments]
        return foreground.run_script(command, {"PYTHONUNBUFFERED": "1", **environment})
    try:
        from local_runner import notebook
    except ModuleNotFoundError as error:
        fail(1, f'Running a notebook needs {error.name}: pip install "sagebrush[notebook]"')
    return notebook.run(
        program, output or program.with_suffix(".executed.ipynb"), environment, Console(highlight=False)
    )


@app.command(
    epilog=examples(
        "sagebrush train kmeans --channel train=rows.csv --hp k=7 --hp feature_dim=34 --output model",
        "sagebrush train pca --channel train=shards/ --content-type application/x-recordio-protobuf"
        " --hp num_components=2 --hp feature_dim=784 --hp mini_batch_size=500 --output model",
    )
)
def train(
    algorithm: Annotated[str, typer.Argument(help="Its name in SageMaker, such as kmeans or pca.")],
    channel: Annotated[
        list[str], typer.Option(metavar="NAME=PATH", help="A file or folder of data; `train`, often `test` too.")
    ],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder for model.tar.gz.")],
    hp: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A hyperparameter, as in SageMaker.")
    ] = None,
    content_type: Annotated[
        str | None, typer.Option(metavar="TYPE", help="Of all channels; otherwise their file names tell.")
    ] = None,
    input_mode: Annotated[
        InputMode, typer.Option(help="Read files, or have them streamed through named pipes.")
    ] = InputMode.FILE,
    checkpoints: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder of checkpoints; an interrupted job goes on from there.")
    ] = None,
) -> None:
    """Train a model, no AWS in sight: files in, DIR/model.tar.gz out. Ctrl-C stops early and keeps the model so far."""
    hyperparameters = pairs("--hp", hp or [])
    with errors_told():
        channels = {
            name: channel_at(name, Path(path), content_type) for name, path in pairs("--channel", channel).items()
        }
        kept = folder_at(checkpoints) if checkpoints else None
        standalone.train(algorithm, hyperparameters, channels, input_mode.value, folder_at(output), os.environ, kept)
    told.print(f"[green]Model:[/] {escape(str(output / standalone.MODEL_ARCHIVE))}")


def pairs(option: str, given: list[str]) -> dict[str, str]:
    """Read NAME=VALUE entries of an option given several times."""
    found: dict[str, str] = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"got {entry!r}, expected NAME=VALUE.", param_hint=option)
        if name in found:
            raise typer.BadParameter(f"{name} is given twice.", param_hint=option)
        found[name] = value
    return found


def channel_at(name: str, path: Path, content_type: str | None) -> standalone.Channel:
    if not path.exists():
        raise UserError(f"Channel {name}: {path} does not exist.")
    told.print(f"Channel {name}: {escape(str(path))} as ", end="")
    if content_type:
        told.print(content_type)
        return standalone.Channel(path, content_type)
    guess = standalone.content_type_of(path)
    told.print(f"{guess} (from its extension; --content-type says otherwise)")
    return standalone.Channel(path, guess)


@app.command(
    epilog=examples(
        "sagebrush serve model/model.tar.gz",
        "curl -H 'Content-Type: text/csv' --data-binary @rows.csv http://127.0.0.1:8080/invocations",
    )
)
def serve(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL_TAR_GZ", help="An archive from here or from SageMaker itself.")
    ],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8080,
    algorithm: Annotated[str | None, typer.Option(help="Its name in SageMaker; otherwise the archive tells.")] = None,
) -> None:
    """Answer /ping and /invocations with a model, as its SageMaker container would, until Ctrl-C."""
    if not model.is_file():
        fail(1, f"{model}: no such file. `sagebrush train` writes one.")
    require_free(port)
    with errors_told(), standalone.serving(model, port, algorithm, os.environ) as process:
        told.print(
            f"[green]Serving[/] {escape(str(model))} on [bold]http://{HOST}:{port}/invocations[/]. Ctrl-C stops it."
        )
        status = foreground.wait(process)
    raise typer.Exit(status)


def main() -> None:
    app(prog_name="sagebrush")


if __name__ == "__main__":
    main()
