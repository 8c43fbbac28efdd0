"""Train and serve without AWS: a folder laid out like /opt/ml, and one of our containers running on it as a process."""

from __future__ import annotations

import http.client
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from algorithms.base.errors import UserError
from containers.contract import archive
from containers.contract.job import ChannelConfig, TrainingJob
from containers.contract.paths import OptML
from local_runner import foreground, interpreter
from local_runner.pipes import Pipe

MODEL_ARCHIVE = "model.tar.gz"
OUTPUT_ARCHIVE = "output.tar.gz"
START_LIMIT_S = 240.0  # what SageMaker grants an endpoint before its first healthy /ping

RECORDIO = "application/x-recordio-protobuf"
CONTENT_TYPES = {
    ".csv": "text/csv;label_size=0",
    ".pbr": RECORDIO,
    ".protobuf": RECORDIO,
    ".recordio": RECORDIO,
}


class JobFailed(Exception):
    """A container ended with `status`; the text is what it left as its reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Channel:
    """A file or a folder of data, and what its bytes are."""

    path: Path
    content_type: str

    def files(self) -> list[Path]:
        """Every file, in the order of their names; hidden ones are none of the data."""
        if self.path.is_file():
            return [self.path]
        return sorted(f for f in self.path.rglob("*") if f.is_file() and not f.name.startswith("."))


def content_type_of(path: Path) -> str:
    """Guess from the extension of a file, or of the files in a folder. Raises UserError where they do not tell."""
    files = Channel(path, "").files()
    found = {CONTENT_TYPES.get(file.suffix.lower()) for file in files}
    if len(found) == 1 and (content_type := found.pop()):
        return content_type
    suffixes = sorted({file.suffix or "none" for file in files}) or ["an empty folder"]
    raise UserError(
        f"{path}: got {', '.join(suffixes)}, expected files that all end in one of {', '.join(CONTENT_TYPES)}. "
        "Say what they are with --content-type."
    )


def train(
    algorithm: str,
    hyperparameters: Mapping[str, str],
    channels: Mapping[str, Channel],
    input_mode: str,
    output: Path,
    environment: Mapping[str, str],
) -> None:
    """Run one training job and leave model.tar.gz in the folder `output`, which exists.

    `input_mode` is File or Pipe, and makes no difference to the model. Raises JobFailed with the container's status
    and reason.
    """
    with tempfile.TemporaryDirectory(prefix="sagebrush-train-") as root:
        folder = OptML(Path(root))
        folder.make_folders()
        configs = {name: ChannelConfig(channel.content_type, input_mode) for name, channel in channels.items()}
        TrainingJob(hyperparameters, configs).write(folder)
        with (
            _input(folder, channels, input_mode),
            _container("train", folder, {**environment, "SAGEBRUSH_ALGORITHM": algorithm}) as process,
        ):
            status = foreground.wait(process)
        if status:
            raise JobFailed(status, _reason(folder, status))
        _collect(folder, output)


@contextmanager
def _input(folder: OptML, channels: Mapping[str, Channel], input_mode: str) -> Iterator[None]:
    """Channels where a job looks for them: as links to the data, or as pipes fed from it while the block runs."""
    with ExitStack() as pipes:
        for name, channel in channels.items():
            if input_mode == "Pipe":
                pipes.enter_context(closing(Pipe(folder, name, channel.files(), compression=None, shuffle_seed=None)))
            else:
                _link(channel, folder.channel(name))
        yield


def _link(channel: Channel, place: Path) -> None:
    if channel.path.is_file():
        place.mkdir()
        place /= channel.path.name
    place.symlink_to(channel.path.resolve())


def _reason(folder: OptML, status: int) -> str:
    if folder.failure.exists():
        return folder.failure.read_text(errors="replace").strip()
    return f"The training process ended with status {status} and left no reason; its log is above."


def _collect(folder: OptML, output: Path) -> None:
    archive.pack(folder.model, output / MODEL_ARCHIVE)
    if any(folder.output_data.iterdir()):
        archive.pack(folder.output_data, output / OUTPUT_ARCHIVE)


@contextmanager
def serving(model: Path, port: int, algorithm: str | None, environment: Mapping[str, str]) -> Iterator[Popen[bytes]]:
    """Answer on `port` with the model of an archive, which the container recognises where no algorithm is named.

    Yields once /ping says it is healthy. Raises JobFailed if it ends before that.
    """
    extra = {"SAGEMAKER_BIND_TO_PORT": str(port), **({"SAGEBRUSH_ALGORITHM": algorithm} if algorithm else {})}
    with tempfile.TemporaryDirectory(prefix="sagebrush-serve-") as root:
        folder = OptML(Path(root))
        folder.make_folders()
        archive.unpack(model, folder.model)
        with _container("serve", folder, {**environment, **extra}) as process:
            _wait_until_healthy(process, port)
            yield process


def _wait_until_healthy(process: Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < deadline:
        if _healthy(port):
            return
        time.sleep(0.1)
    if process.returncode is None:
        raise JobFailed(3, f"The model did not answer /ping on port {port} within {START_LIMIT_S:.0f} s.")
    status = foreground.exit_status(process.returncode)
    raise JobFailed(status, f"The serving process ended with status {status} before it was ready; its log is above.")


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def _container(verb: str, folder: OptML, environment: Mapping[str, str]) -> Iterator[Popen[bytes]]:
    """`python -m containers train|serve` on a folder, told where it is by the variable the original images use."""
    environment = interpreter.environment({**environment, "SAGEMAKER_DATA_PATH": str(folder.root)})
    with foreground.container(interpreter.command("containers", verb), environment) as process:
        yield process
