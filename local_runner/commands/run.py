"""`wildsage run`: run a program written for AWS against the local AWS."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from wildsage.local_runner.client import environment as client
from wildsage.local_runner.client import pip_constraints
from wildsage.local_runner.commands.terminal import (
    DATA,
    DataOption,
    PretrainedWeightsOption,
    ProxyOption,
    PublicS3Option,
    SdkPollingOption,
    StrictOption,
    TokenOption,
    TunnelOption,
    data_option,
    examples,
    fail,
    make_folder,
    reject_without,
    report_errors,
    stderr,
)
from wildsage.local_runner.monitor.overview import Overview
from wildsage.local_runner.monitor.waiting import WaitingJobs
from wildsage.local_runner.monitor.watch import FOREIGN_IMAGE
from wildsage.local_runner.processes import foreground
from wildsage.local_runner.processes.line_file import LineReader
from wildsage.local_runner.proxy import process
from wildsage.local_runner.server import background
from wildsage.local_runner.settings import ServerSettings

PROGRAMS = ("", ".py", ".ipynb")  # a script may have no suffix
WAITING_POLL_S = 0.5

EXAMPLES = examples(
    "wildsage run train.py",
    "wildsage run --public-s3 examples/census_segmentation.py --output plots",
    "wildsage run --output executed.ipynb notebook.ipynb",
)


def run(
    context: typer.Context,
    program: Annotated[
        Path, typer.Argument(metavar="SCRIPT_OR_NOTEBOOK", help="A .py or .ipynb file written for AWS.")
    ],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="ARGS", help="Passed to the script unchanged.")
    ] = None,
    data: DataOption = DATA,
    token: TokenOption = None,
    sdk_polling: SdkPollingOption = False,
    public_s3: PublicS3Option = False,
    strict: StrictOption = False,
    pretrained_weights: PretrainedWeightsOption = None,
    proxy: ProxyOption = False,
    tunnel: TunnelOption = False,
    allow_sdk_upgrade: Annotated[
        bool, typer.Option("--allow-sdk-upgrade", help="Let pip replace the SageMaker SDK by another major version.")
    ] = False,
    python: Annotated[
        Path | None,
        typer.Option(help="Python that runs the script, such as that of Spark's environment; default: Wildsage's own."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="File for the executed notebook; default: NAME.executed.ipynb beside it.")
    ] = None,
) -> None:
    """Run a script or notebook, unchanged, against the local AWS.

    It uses the server of the data folder if one runs (`wildsage up`), else it starts one that ends with the program.
    Options of `wildsage run` go before the program; everything after it is passed to the program. The program does not
    get your AWS credentials.
    """
    check_program(program, arguments or [], output)
    check_python(program, python)
    notebook = read_notebook(program) if is_notebook(program) else None
    if not proxy:
        reject_without(context, "--proxy", "tunnel")
    data = make_folder(data)
    server_options = ["--public-s3"] * public_s3 + ["--strict"] * strict
    server_options += ["--token"] * bool(token)
    server_options += ["--pretrained-weights", str(pretrained_weights)] if pretrained_weights else []
    polling = ["--sdk-polling"] * sdk_polling
    with report_errors(), background.server(data, server_options + polling) as server:
        was_running = " (was running)" if server.reused else ""
        stderr.print(f"[dim]Local AWS on {server.endpoint}, state in {escape(str(data))}{was_running}[/]")
        if server.reused and server_options:
            stderr.print(
                f"[yellow]{', '.join(server_options)}: no effect on a server that runs already. Give it to `wildsage up`.[/]"
            )
        with (
            through_proxy(data, server.endpoint, tunnel) if proxy else nullcontext() as address,
            pip_constraints.keep_sdk(os.environ, allow_sdk_upgrade) as limits,
            missed_buckets_reported(data, public_s3),
            waiting_jobs_reported(data) if server.reused else nullcontext(),
            foreign_images_reported(data),
            results_reported(data),
        ):
            environment = client.client_environment(server.endpoint, data, sdk_polling, os.environ, address) | limits
            status = (
                run_script(program, arguments or [], environment, python)
                if notebook is None
                else run_notebook(notebook, program, output, environment)
            )
    raise typer.Exit(status)


@contextmanager
def through_proxy(data: Path, endpoint: str, tunnel: bool) -> Iterator[str]:
    """Run a proxy for the program on any free port and yield its address."""
    with process.run_proxy(data, endpoint, 0, tunnel) as address:
        others = "tunnelled" if tunnel else "rejected; --tunnel allows them"
        stderr.print(f"[dim]HTTPS proxy on {address}; connections to other hosts than AWS are {others}[/]")
        yield address


@contextmanager
def missed_buckets_reported(data: Path, public_s3: bool) -> Iterator[None]:
    """Name the buckets that the program tried to read although they do not exist, and what would help."""
    missed = LineReader(ServerSettings(data).missed_buckets)
    try:
        yield
    finally:
        if names := missed.new():
            public = "" if public_s3 else "For AWS's public sample buckets, add --public-s3. "
            stderr.print(
                f"[yellow]The program tried to read buckets that do not exist here: {', '.join(names)}. {public}"
                f"To supply one: `aws s3 mb s3://{names[0]}` and `aws s3 cp FILE s3://{names[0]}/KEY`, "
                "both with --endpoint-url set to the local endpoint.[/]"
            )


@contextmanager
def waiting_jobs_reported(data: Path) -> Iterator[None]:
    """Say which jobs of others run on a kept server and, while the program runs, which jobs wait for which."""
    ended = threading.Event()

    def watch() -> None:
        with contextlib.closing(Overview(data)) as overview:
            jobs = WaitingJobs(overview, data_option(data))
            for line in (*jobs.running(), *iter_until(ended, jobs.new)):
                stderr.print(f"[yellow]{escape(line)}[/]")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def iter_until(ended: threading.Event, new: Callable[[], list[str]]) -> Iterator[str]:
    """What `new` gives, again and again until the event."""
    while not ended.wait(WAITING_POLL_S):
        yield from new()


@contextmanager
def foreign_images_reported(data: Path) -> Iterator[None]:
    """Name the images that the program used outside their region, which AWS rejects."""
    used = LineReader(ServerSettings(data).foreign_images)
    try:
        yield
    finally:
        if images := used.new():
            stderr.print(
                f"[yellow]On AWS this program would fail: {FOREIGN_IMAGE} Used here: {escape('; '.join(images))}.[/]"
            )


@contextmanager
def results_reported(data: Path) -> Iterator[None]:
    """Say what the program left in the data folder, and how to look at it."""
    with contextlib.closing(Overview(data)) as overview:
        before = {job.arn for job in overview.jobs()}
        try:
            yield
        finally:
            if new := [job for job in overview.jobs() if job.arn not in before]:
                ended = Counter(f"{job.kind.word} {job.status}" for job in new)
                counted = ", ".join(f"{count} {what}" for what, count in ended.items())
                stderr.print(
                    f"[dim]Jobs of this run: {counted}; `wildsage jobs{escape(data_option(data))}` lists them. "
                    f"Their results are files in {escape(str(ServerSettings(data).objects / 'buckets'))}.[/]"
                )


def is_notebook(program: Path) -> bool:
    """True for a Jupyter notebook, by its name."""
    return program.suffix.lower() == ".ipynb"


def check_program(program: Path, arguments: list[str], output: Path | None) -> None:
    """Exit with an error if the program is not one, or an option does not apply to it."""
    if not program.is_file():
        fail(1, f"{program}: no such file. Expected the path of a Python script or a notebook.")
    if program.suffix.lower() not in PROGRAMS:
        fail(2, f"{program}: expected a Python script (.py) or a notebook (.ipynb), got a {program.suffix} file.")
    notebook = is_notebook(program)
    if notebook and arguments:
        fail(2, f"{program}: a notebook takes no arguments, got {' '.join(arguments)}. Options go before its name.")
    if output and not notebook:
        fail(2, f"--output applies to notebooks only. To pass it to {program.name}, write it after the script's name.")


def check_python(program: Path, python: Path | None) -> None:
    """Exit with an error if `python` cannot be started, or does not apply."""
    if python and is_notebook(program):
        fail(2, "--python applies to scripts only. A notebook's kernel runs in Wildsage's own environment.")
    if python and not os.access(python, os.X_OK):
        fail(1, f"--python {python}: not a program. Expected a Python interpreter, such as .venv/bin/python.")


def read_notebook(program: Path) -> Any:
    """Read a notebook. Exits with an error if the file is not one, or if the packages that run notebooks are missing."""
    try:
        from wildsage.local_runner.client import notebook
    except ModuleNotFoundError as error:
        fail(1, f'Running a notebook needs {error.name}: pip install "wildsage[notebook]"')
    with report_errors():
        return notebook.read(program)


def run_script(program: Path, arguments: list[str], environment: dict[str, str], python: Path | None = None) -> int:
    """Run a script in its environment, with `python` or with this one, and return its exit status.

    The folder of `python` comes first on the PATH, as where its environment is active: Spark starts its workers by name.
    """
    command = [str(python or sys.executable), str(program), *arguments]
    if python:
        environment |= {"PATH": os.pathsep.join((str(python.absolute().parent), environment.get("PATH", os.defpath)))}
    return foreground.run_script(command, {"PYTHONUNBUFFERED": "1", **environment})


def run_notebook(notebook: Any, program: Path, output: Path | None, environment: dict[str, str]) -> int:
    """Run a notebook in its own folder and return its exit status."""
    from wildsage.local_runner.client.notebook import run

    executed = output or program.with_suffix(".executed.ipynb")
    return run(notebook, program.parent, executed, environment, Console(highlight=False))
