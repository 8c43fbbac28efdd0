"""`wildsage up`: run the local AWS until Ctrl-C."""

from __future__ import annotations

import contextlib
import enum
import json
import os
import re
import shlex
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.markup import escape

from wildsage.containers.contract import frameworks
from wildsage.containers.contract.host_check import is_loopback
from wildsage.local_runner.backends import CannotRun
from wildsage.local_runner.client import environment
from wildsage.local_runner.commands.display import LogFormat, show_events
from wildsage.local_runner.commands.terminal import (
    DATA,
    HOST,
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
    is_given,
    make_folder,
    reject_without,
    report_errors,
    stderr,
)
from wildsage.local_runner.images import uris
from wildsage.local_runner.monitor.overview import Overview
from wildsage.local_runner.monitor.watch import Watch
from wildsage.local_runner.processes import accounts, detached, foreground
from wildsage.local_runner.proxy import process
from wildsage.local_runner.server import private_files
from wildsage.local_runner.server.lock import running
from wildsage.local_runner.settings import ServerSettings
from wildsage.local_runner.signatures import keys
from wildsage.local_runner.signatures.keys import Keys

PORT, PROXY_PORT = 4577, 4578
OPEN_WARNING = "Nobody's signature is checked: anybody who reaches it can run code as you and read your data."
TOKEN_NOTE = "Requests have to be signed with the keys of the data folder, which the variables for clients hold."
STOP_LIMIT_S = 30.0
SIZE = re.compile(r"\d+[kmg]?b?", re.ASCII | re.IGNORECASE)
EXAMPLES = examples(
    "wildsage up",
    "wildsage up -d                     in the background, until `wildsage down`",
    "wildsage up --data ./aws --port 5000 --public-s3",
    "wildsage up --log-format json > events.jsonl",
    "wildsage up --proxy                for Java, Spark and old SDKs, which read no endpoint variable",
    'eval "$(wildsage up --export)"     in a second terminal: make its AWS clients use it',
)


RUN_AS = {"process": "processes", "docker": "containers"}


class BackendName(enum.StrEnum):
    """What `--backend` accepts: how containers are run."""

    PROCESS = "process"
    DOCKER = "docker"


def check_size(size: str | None) -> str | None:
    """Exit with an error for what is not a size as Docker takes it, before anything starts."""
    if size is not None and not SIZE.fullmatch(size):
        raise typer.BadParameter(f"got {size!r}, expected a number with k, m or g, such as 512m or 4g.")
    return size


def up(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes any free one.")] = PORT,
    data: DataOption = DATA,
    bind: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help=f"Listen on this address instead of {HOST}, with --token unless --no-token is given.",
        ),
    ] = HOST,
    token: TokenOption = None,
    sdk_polling: SdkPollingOption = False,
    public_s3: PublicS3Option = False,
    strict: StrictOption = False,
    pretrained_weights: PretrainedWeightsOption = None,
    proxy: ProxyOption = False,
    tunnel: TunnelOption = False,
    proxy_port: Annotated[int, typer.Option(min=1, max=65535, help="With --proxy: port of the proxy.")] = PROXY_PORT,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the /opt/ml folder of each ended job in DATA/regions/REGION/kept.")
    ] = False,
    backend: Annotated[
        BackendName, typer.Option(help="Run jobs and endpoints as processes of this machine, or in Docker.")
    ] = BackendName.PROCESS,
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            callback=check_size,
            help="With --backend docker: memory limit of one container, such as 4g; default: none.",
        ),
    ] = None,
    shm_size: Annotated[
        str,
        typer.Option(
            metavar="SIZE", callback=check_size, help="With --backend docker: size of /dev/shm in one container."
        ),
    ] = ServerSettings.shm_size,
    image: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IMAGE=COMMAND",
            help="Run this command, followed by train or serve, in place of an image of that name; may be repeated.",
        ),
    ] = None,
    python: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FRAMEWORK=PATH",
            envvar=frameworks.PYTHONS_VARIABLE,
            help="Run the scripts of this framework, such as tensorflow, with another Python; may be repeated.",
        ),
    ] = None,
    max_jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Number of jobs that run at a time; others wait. Default: by cores and memory."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Run it in the background. `wildsage down` stops it.")
    ] = False,
    log_format: Annotated[
        LogFormat, typer.Option(help="Print events as text on standard error, or as JSON lines on standard output.")
    ] = LogFormat.TEXT,
    export: Annotated[
        bool,
        typer.Option(
            "--export",
            help="Print the environment variables for clients of the running server, for a shell to eval, and exit.",
        ),
    ] = False,
    until_stdin_closes: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run the local AWS until Ctrl-C: SageMaker, its runtime, S3, CloudWatch, STS, IAM and ECR on one loopback port."""
    reject_unfitting(context, backend, proxy)
    data = make_folder(data)
    if export:
        export_running(data, sdk_polling, proxy_port if proxy else None)
        return
    require_free(data)
    if backend is BackendName.DOCKER:
        require_engine()
    open_to_network = not is_loopback(bind)
    signed = open_to_network if token is None else token
    # A client that polls often needs no delayed first response, and sees log lines sooner without it.
    hold_s = ServerSettings.hold_first_describe_s if sdk_polling else 0
    settings = ServerSettings(
        data,
        bind,
        port,
        open_to_network,
        public_s3,
        backend=backend.value,
        memory=memory,
        shm_size=shm_size,
        warm_up=True,
        images=commands_of_images(image or ()),
        pythons=pythons_of_frameworks(python or ()),
        keep=keep,
        strict=strict,
        pretrained_weights=pretrained_weights,
        max_jobs=max_jobs,
        hold_first_describe_s=hold_s,
        keys=make_keys(data) if signed else None,
    )
    proxy_options = ProxyOptions(proxy_port, tunnel) if proxy else None
    if until_stdin_closes:
        serve_until_stdin_closes(settings)
    elif detach and (background := detached.fork(settings.terminal_log)):
        announce_background(background, settings, sdk_polling, proxy_options)
    else:
        serve_with_display(settings, sdk_polling, log_format, proxy_options)


def reject_unfitting(context: typer.Context, backend: BackendName, proxy: bool) -> None:
    """Exit with an error for an option that means nothing without another one."""
    if backend is not BackendName.DOCKER:
        reject_without(context, "--backend docker", "memory", "shm_size")
    elif is_given(context, "image"):
        fail(2, "--image maps images to commands of this machine, and so needs the process backend.")
    elif is_given(context, "python"):
        fail(2, "--python names Pythons of this machine, and so needs the process backend.")
    if not proxy:
        reject_without(context, "--proxy", "tunnel", "proxy_port")


def export_running(data: Path, sdk_polling: bool, proxy_port: int | None) -> None:
    """Print the variables for clients of the server that runs on a data folder. Exits with an error if none does."""
    found = running(data)
    if not found:
        fail(1, f"No local AWS runs on {data}. Start `wildsage up` in another terminal first.")
    typer.echo(shell_exports(found.endpoint, data, sdk_polling, running_proxy(proxy_port) if proxy_port else None))


def require_free(data: Path) -> None:
    """Exit with an error if a server runs on a data folder."""
    if found := running(data):
        fail(
            1,
            f"A server already runs on {data}, at {found.endpoint}. Use it, stop it, or choose another folder with --data.",
        )


def make_keys(data: Path) -> Keys:
    """The keys of a data folder. Exits with an error if the folder cannot be used."""
    try:
        return keys.ensure(private_files.prepare(data))
    except (OSError, private_files.CannotUse) as error:
        fail(1, str(error))


def commands_of_images(options: Sequence[str]) -> dict[str, Sequence[str]]:
    """The commands that stand in for images. Exits with an error for an option that is not IMAGE=COMMAND."""
    try:
        return dict(uris.parse_mapping(option) for option in options)
    except ValueError as error:
        fail(2, f"--image: {error}.")


def pythons_of_frameworks(options: Sequence[str]) -> dict[str, Path]:
    """The Pythons that run scripts. Exits with an error for an option that is not FRAMEWORK=PATH of a program."""
    try:
        return dict(frameworks.parse_python(option) for option in options)
    except ValueError as error:
        fail(2, f"--python: {error}.")


def require_engine() -> None:
    """Exit with an error if no Docker engine answers."""
    try:
        from wildsage.local_runner.backends import docker
    except ModuleNotFoundError as error:
        fail(1, f'--backend docker needs the package {error.name}: pip install "wildsage[docker]"')
    try:
        docker.connect().close()
    except CannotRun as error:
        fail(1, str(error))


@dataclass(frozen=True)
class ProxyOptions:
    """Port of the proxy on loopback (0: any free one), and whether it tunnels connections to hosts that are not AWS's."""

    port: int
    tunnel: bool

    def start(self, data: Path, endpoint: str) -> contextlib.AbstractContextManager[str]:
        """Run the proxy while the block runs; yields its address."""
        return process.run_proxy(data, endpoint, self.port, self.tunnel)


def serve_until_stdin_closes(settings: ServerSettings) -> None:
    """Run the server that `wildsage run` starts, until standard input closes."""
    from wildsage.local_runner.server import forked, gunicorn_server  # no other command needs the AWS service models

    forked.stop_when_stdin_closes()
    try:
        gunicorn_server.serve(settings, lambda endpoint: None)
    except gunicorn_server.CannotServe as error:
        fail(1, str(error))


def serve_with_display(
    settings: ServerSettings, sdk_polling: bool, log_format: LogFormat, proxy_options: ProxyOptions | None
) -> None:
    """Serve in a child process and show events in this one, so that a blocked terminal cannot delay the server."""
    with (
        report_errors(),
        stopped_by_signals(),
        start_server(settings) as server,
        proxy_options.start(settings.data, server.endpoint) if proxy_options else contextlib.nullcontext() as proxy,
    ):
        if log_format is LogFormat.JSON:
            record = {
                "event": "up",
                "endpoint": os.environ.get(environment.PUBLISHED_AT, server.endpoint),
                "data": str(settings.data),
                "variables": client_variables(server.endpoint, settings.data, sdk_polling, proxy),
            }
            print(json.dumps(record), flush=True)
        else:
            announce(server.endpoint, settings, sdk_polling, proxy)
        with contextlib.closing(Overview(settings.data)) as overview:
            show_events(server.runs, Watch(overview), log_format)
        if server.status == 0:
            stderr.print("Stopped by `wildsage down`.")
            return
        fail(
            3,
            f"The server ended unexpectedly with status {server.status}; see {settings.data / 'server.log'}.",
        )


def announce_background(
    background: detached.Detached, settings: ServerSettings, sdk_polling: bool, proxy_options: ProxyOptions | None
) -> None:
    """Wait until the server in the background answers and say how to use it. Exits with its error if it does not start."""
    if not background.wait_for(lambda: running(settings.data) is not None):
        stderr.print(escape(background.output()))
        raise typer.Exit(background.status or 3)
    if server := running(settings.data):
        proxy = f"http://{HOST}:{proxy_options.port}" if proxy_options else None
        announce(server.endpoint, settings, sdk_polling, proxy, "`wildsage down` stops it.")


@contextlib.contextmanager
def start_server(settings: ServerSettings) -> Iterator[Any]:
    """Start a server and stop it, with all its jobs and endpoints, when the block ends."""
    from wildsage.local_runner.server import forked  # no other command needs the AWS service models

    try:
        server = forked.start(settings)
    except forked.CannotServe as error:
        fail(1, str(error))
    try:
        yield server
    finally:
        server.stop(STOP_LIMIT_S)


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Ctrl-C, SIGTERM and SIGHUP end the block normally, without an error."""
    try:
        with foreground.exit_on_signals():
            yield
    except (KeyboardInterrupt, SystemExit):
        stderr.print("Stopped.")


def announce(
    endpoint: str, settings: ServerSettings, sdk_polling: bool, proxy: str | None, end: str = "Ctrl-C stops it."
) -> None:
    """Print the address of the server and how to use it."""
    data = escape(str(settings.data))
    address = os.environ.get(environment.PUBLISHED_AT, endpoint)
    stderr.print(f"[bold green]Local AWS[/] on [bold]{escape(address)}[/], state in {data}. {end}")
    stderr.print(
        f"It serves SageMaker, its runtime, S3, CloudWatch, STS, IAM and ECR. Jobs and endpoints run as {RUN_AS[settings.backend]}."
    )
    if settings.open_to_network:
        note = TOKEN_NOTE if settings.keys else OPEN_WARNING
        stderr.print(f"[bold red]Open to the network on {escape(settings.host)}.[/] {note}")
    elif settings.keys:
        stderr.print(TOKEN_NOTE)
    elif others := accounts.of_others():
        stderr.print(
            f"[yellow]Others have accounts on this machine ({escape(', '.join(others))}): they can reach this port, run code as "
            "you and read your data. `wildsage up --token` asks for signatures; SECURITY.md tells more.[/]"
        )
    if proxy:
        stderr.print(f"HTTPS proxy on [bold]{proxy}[/]; its certificates are valid for AWS host names only.")
    if sys.stdout.isatty():
        option = data_option(settings.data)
        option += f" --proxy --proxy-port {urlsplit(proxy).port}" if proxy else ""
        stderr.print(f'To use it in a shell: [cyan]eval "$(wildsage up --export{escape(option)})"[/]\n')
    else:
        stderr.print("To use it in a shell, run these lines:\n")
        typer.echo(shell_exports(endpoint, settings.data, sdk_polling, proxy))
        sys.stdout.flush()


def running_proxy(port: int) -> str:
    """Address of the proxy that another `wildsage up` runs. Exits with an error if no proxy runs."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        fail(1, f"No proxy runs on port {port}. Start `wildsage up --proxy`, or give its port with --proxy-port.")
    return f"http://{HOST}:{port}"


def client_variables(endpoint: str, data: Path, sdk_polling: bool, proxy: str | None) -> dict[str, str]:
    """Variables for clients of `endpoint`. If the server runs in a container: for clients on the host, with its URL there."""
    published = os.environ.get(environment.PUBLISHED_AT)
    variables = environment.variables(published or endpoint, data, sdk_polling, os.environ, proxy)
    return environment.portable(variables, data) if published else variables


def shell_exports(endpoint: str, data: Path, sdk_polling: bool, proxy: str | None = None) -> str:
    """Shell commands that make a shell's programs clients of `endpoint`, through `proxy` if it is given."""
    variables = client_variables(endpoint, data, sdk_polling, proxy)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    conflicts = environment.conflicting(os.environ)
    return "\n".join([f"unset {' '.join(conflicts)}", *lines] if conflicts else lines)
