"""Train and serve without AWS: a folder laid out like /opt/ml, and a container that runs on it as a process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from wildsage.algorithms.base.errors import UserError, WildsageError
from wildsage.containers.contract import archive, extensions, failure, form_variable, host_check
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import CHANNEL_NAME, DEFAULT_ROOT, OptML
from wildsage.containers.contract.printable import printable_lines
from wildsage.local_runner.commands.answering import answers
from wildsage.local_runner.commands.terminal import JobFailed, stderr
from wildsage.local_runner.images import catalogue
from wildsage.local_runner.processes import foreground, python, temp_folder

MODEL_ARCHIVE = "model.tar.gz"
OUTPUT_ARCHIVE = "output.tar.gz"
START_LIMIT_S = 240.0  # SageMaker gives an endpoint this long until its first healthy /ping


@dataclass(frozen=True)
class ChannelData:
    """A file or a folder of data, and its content type."""

    path: Path
    content_type: str

    def files(self) -> list[Path]:
        """All files, sorted by name. Hidden files of a folder are left out."""
        if self.path.is_file():
            return [self.path]
        files = (f for f in self.path.rglob("*") if f.is_file() and not f.name.startswith("."))
        return sorted(files, key=lambda f: f.relative_to(self.path).as_posix())


def content_type_of(path: Path, algorithm: str) -> str:
    """Content type by the extension of a file, or of the files in a folder. Raises UserError for other extensions."""
    files = (file.name for file in ChannelData(path, "").files())
    found = catalogue.named(algorithm)
    declared = found.content_types if found else ()
    return extensions.content_type_of(str(path), files, declared, found.label_size if found else 1)


def check(
    algorithm: str, hyperparameters: Mapping[str, str], channels: Mapping[str, ChannelData], input_mode: str
) -> None:
    """Check a training job in this process, before its container starts and torch is imported.

    Raises UserError for an invalid channel name, and JobFailed with the words and the status that the container would end with.
    """
    from wildsage.containers.check import check_job  # algorithms, which other commands do not need

    job = _job(hyperparameters, channels, input_mode)
    try:
        check_job(algorithm, job)
    except WildsageError as error:
        raise _rejection(failure.exit_status(error), failure.reason(error)) from None


def train(
    algorithm: str,
    hyperparameters: Mapping[str, str],
    channels: Mapping[str, ChannelData],
    input_mode: str,
    output: Path,
    environment: Mapping[str, str],
    checkpoints: Path | None = None,
    show: foreground.ShowLine = foreground.print_line,
) -> None:
    """Run one training job and leave model.tar.gz in the folder `output`, which exists. `show` takes the lines of its log.

    `input_mode` is File or Pipe; the model is the same. An interrupted job continues from the folder `checkpoints`.
    Raises UserError for an invalid channel name, and JobFailed with the container's status.
    """
    job = _job(hyperparameters, channels, input_mode)
    with temp_folder.folder() as root:
        folder = OptML(root)
        folder.make_folders()
        job.write(folder)
        if checkpoints:
            folder.checkpoint_config.write_text(json.dumps({"LocalPath": str(checkpoints)}))
        with (
            _provide_channels(folder, channels, job.channels),
            _container("train", folder, {**environment, "WILDSAGE_ALGORITHM": algorithm}, show) as process,
        ):
            status = foreground.wait(process, _say_that_it_stops)
        if status:
            raise _failure(status, folder)
        _pack_results(folder, output)


def _job(hyperparameters: Mapping[str, str], channels: Mapping[str, ChannelData], input_mode: str) -> TrainingJob:
    _check_names(channels)
    configs = {name: ChannelConfig(channel.content_type, input_mode) for name, channel in channels.items()}
    return TrainingJob(hyperparameters, configs)


def _say_that_it_stops() -> None:
    stderr.print("[yellow]Stopping, and saving the model so far. Ctrl-C again gives it up.[/]")


def _failure(status: int, folder: OptML) -> JobFailed:
    """Why a training process failed: what it wrote to its failure file, with the paths that its log has."""
    if not folder.failure.exists():
        return JobFailed(
            status, f"The training process ended with status {status} and gave no reason; its log is above."
        )
    reason = folder.failure.read_text(errors="replace").replace(str(folder.root), DEFAULT_ROOT)
    return _rejection(status, reason)


def _rejection(status: int, reason: str) -> JobFailed:
    return JobFailed(status, printable_lines(reason.strip()), has_reason=True)


def _check_names(channels: Mapping[str, ChannelData]) -> None:
    for name in channels:
        if not CHANNEL_NAME.fullmatch(name):
            raise UserError(
                f"Channel {name!r}: expected a name of 1 to 64 letters, digits, dots, dashes or underscores."
            )


@contextmanager
def _provide_channels(
    folder: OptML, channels: Mapping[str, ChannelData], configs: Mapping[str, ChannelConfig]
) -> Iterator[None]:
    """Provide the channels in the job's folder: as links to the data, or as pipes that are fed while the block runs."""
    from wildsage.containers.launchers.pipes import Pipe  # NumPy, which `--help` does not need

    with ExitStack() as pipes:
        for name, channel in channels.items():
            if configs[name].input_mode == "Pipe":
                pipes.enter_context(closing(Pipe(folder, name, channel.files(), configs[name], shuffle_seed=None)))
            else:
                _link(channel, folder.channel(name))
        yield


def _link(channel: ChannelData, place: Path) -> None:
    if channel.path.is_file():
        place.mkdir()
        place /= channel.path.name.lstrip(".")  # containers skip hidden files, and the user named this one
    place.symlink_to(channel.path.resolve())


def _pack_results(folder: OptML, output: Path) -> None:
    archive.pack(folder.model, output / MODEL_ARCHIVE)
    if any(folder.output_data.iterdir()):
        archive.pack(folder.output_data, output / OUTPUT_ARCHIVE)


@contextmanager
def serving(model: Path, port: int, algorithm: str | None, environment: Mapping[str, str]) -> Iterator[Popen[bytes]]:
    """Serve the model of an archive on `port`, with a page at `/` to try it with.

    Without `algorithm` the container finds it from the archive.
    Yields the process once /ping is healthy. Raises JobFailed if it ends before that.
    """
    extra = {
        "SAGEMAKER_BIND_TO_PORT": str(port),
        host_check.LOCAL: "1",
        form_variable.NAME: model.name,
        **({"WILDSAGE_ALGORITHM": algorithm} if algorithm else {}),
    }
    with temp_folder.folder() as root:
        folder = OptML(root)
        folder.make_folders()
        archive.unpack(model, folder.model)
        with _container("serve", folder, {**environment, **extra}) as process:
            _wait_until_healthy(process, port)
            yield process


def _wait_until_healthy(process: Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while process.poll() is None and time.monotonic() < deadline:
        if answers(port, "/ping", timeout_s=2):
            return
        time.sleep(0.1)
    if process.returncode is None:
        raise JobFailed(3, f"The model did not answer /ping on port {port} within {START_LIMIT_S:.0f} s.")
    status = foreground.exit_status(process.returncode)
    raise JobFailed(status, f"The serving process ended with status {status} before it was ready; its log is above.")


@contextmanager
def _container(
    verb: str, folder: OptML, environment: Mapping[str, str], show: foreground.ShowLine = foreground.print_line
) -> Iterator[Popen[bytes]]:
    """Run `python -m wildsage.containers train|serve` on a folder, which the variable SAGEMAKER_DATA_PATH names.

    Its log names the folder /opt/ml, as on SageMaker: nobody else knows the temporary folder.
    """
    environment = python.environment({**environment, "SAGEMAKER_DATA_PATH": str(folder.root)})
    with foreground.run_container(
        python.command("wildsage.containers", verb), environment, {str(folder.root): DEFAULT_ROOT}, show
    ) as process:
        yield process
