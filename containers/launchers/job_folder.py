"""The folder of one host as SageMaker would have prepared it, and what becomes of it afterwards."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from wildsage import algorithms
from wildsage.algorithms.base.errors import UserError, WildsageError
from wildsage.containers.contract import archive, extensions, failure, frameworks, train_options
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import ROOT_VARIABLE, OptML
from wildsage.containers.contract.train_options import Options
from wildsage.containers.launchers import channels, meeting, place, s3
from wildsage.containers.launchers.channels import SHARDED, Item
from wildsage.containers.launchers.place import HostPlace
from wildsage.containers.training import watch

MODEL_ARCHIVE = "model.tar.gz"
OUTPUT_ARCHIVE = "output.tar.gz"


def train(arguments: Sequence[str], run: Callable[[], int]) -> int:
    """Prepare a folder by the options and the launcher, and call `run`, which trains on what `SAGEMAKER_DATA_PATH` names.

    Where there are neither, as on SageMaker, nothing is prepared. Return the exit status; a failure leaves its reason.
    """
    given = OptML.from_environment(os.environ)
    try:
        asked = train_options.parse(arguments)
        here = None if given.resource_config.exists() else place.find(os.environ)
        if here is None and not asked.given:
            return run()
        return _train(given, asked, here, run)
    except Exception as error:
        if not isinstance(error, WildsageError):
            traceback.print_exc()
        print(failure.reason(error), flush=True)
        _leave_reason(given, failure.reason(error))
        watch.tell_others(failure.reason(error))
        return failure.exit_status(error)


def _train(given: OptML, asked: Options, here: HostPlace | None, run: Callable[[], int]) -> int:
    job = _job(given, asked, here)
    if here and here.size > 1:
        _meet(here, job)
    if job.leads:
        _require_place_of_model(given, asked)
    with tempfile.TemporaryDirectory(prefix="wildsage-", ignore_cleanup_errors=True) as root:
        folder = OptML(Path(root))
        folder.make_folders()
        watch.before_forced_end(lambda reason: _abandon(folder, given, reason))
        with _provided(given, asked, job, folder):
            os.environ[ROOT_VARIABLE] = root
            status = run()
        if folder.failure.exists():
            _leave_reason(given, folder.failure.read_text())
        elif status == 0 and job.leads:
            _deliver(folder, given, asked.model)
    return status


def _meet(here: HostPlace, job: TrainingJob) -> None:
    """Let the hosts meet, so that one that fails in what follows ends the others. Those of a script meet by its own library."""
    here = meeting.free(here, os.environ)
    meeting.leave_launcher(here)
    where = f"{here.address}:{here.port}"
    print(
        f"{here.host} is number {here.rank} of {here.size} hosts by {here.launcher}; they meet at {where}.", flush=True
    )
    if not _runs_script(job):
        watch.begin(here.hosts, here.host)


def _runs_script(job: TrainingJob) -> bool:
    """Whether the job is to run a script: a variable names its framework or itself, or a hyperparameter does."""
    named = frameworks.VARIABLE in os.environ or frameworks.PROGRAM_VARIABLE in os.environ
    return named or frameworks.PROGRAM_PARAMETER in job.hyperparameters


def _job(given: OptML, asked: Options, here: HostPlace | None) -> TrainingJob:
    """What the options say, and else the given folder, on the hosts of the launcher. Raises PlatformError where neither says it."""
    only_options = asked.channels and not given.config.exists()
    job = TrainingJob() if only_options else TrainingJob.read(given)
    if here:
        job = replace(job, hosts=here.hosts, current_host=here.host)
    if asked.channels:
        job = replace(job, channels={name: _config(name, asked) for name in asked.channels})
    if asked.hyperparameters:
        job = replace(job, hyperparameters=asked.hyperparameters)
    return job


def _config(name: str, asked: Options) -> ChannelConfig:
    return ChannelConfig(
        content_type=asked.content_types.get(name),
        input_mode=asked.input_modes.get(name, "File"),
        distribution="FullyReplicated" if name in asked.whole else SHARDED,
    )


def _require_place_of_model(given: OptML, asked: Options) -> None:
    if not asked.model and not given.root.is_dir():
        raise UserError(f"Nobody would keep the model: {given.root} does not exist. Say where it goes: --model PLACE.")


@contextmanager
def _provided(given: OptML, asked: Options, job: TrainingJob, folder: OptML) -> Iterator[None]:
    """Provide settings, data and checkpoints of this host in its folder while the block runs."""
    if asked.checkpoints:
        folder.checkpoint_config.write_text(json.dumps({"LocalPath": asked.checkpoints}))
    elif given.checkpoint_config.exists():
        shutil.copy(given.checkpoint_config, folder.checkpoint_config)
    with ExitStack() as provided:
        if asked.channels or (len(job.hosts) > 1 and any(one.distribution == SHARDED for one in job.channels.values())):
            found = {name: _share(name, asked, given, job) for name in job.channels}
            job = replace(job, channels={name: config for name, (config, _) in found.items()})
            for name, (config, own) in found.items():
                provided.enter_context(channels.provided(folder, name, own, config))
        else:
            folder.data.rmdir()
            folder.data.symlink_to(given.data.resolve())
        job.write(folder)
        yield


def _share(name: str, asked: Options, given: OptML, job: TrainingJob) -> tuple[ChannelConfig, list[Item]]:
    """A channel's configuration, with its content type, and what this host reads of it."""
    config = job.channels[name]
    where = asked.channels.get(name, str(given.channel(name)))
    found = channels.items(name, where)
    if asked.channels and not config.content_type:
        config = replace(config, content_type=_content_type(where, found, job))
    if config.distribution != SHARDED:
        return config, found
    return config, channels.share(name, found, job.hosts.index(job.current_host), len(job.hosts))


def _abandon(folder: OptML, given: OptML, reason: str) -> None:
    """Clean up for a process that ends at once."""
    _leave_reason(given, reason)
    shutil.rmtree(folder.root, ignore_errors=True)


def _leave_reason(given: OptML, reason: str) -> None:
    """Leave it where SageMaker would look for it, if there is such a folder."""
    if given.root.is_dir():
        failure.write_text(given, reason)


def _content_type(where: str, found: Sequence[Item], job: TrainingJob) -> str | None:
    """By the extensions of a channel's files; None for a script, which reads any. Raises UserError for those that say nothing."""
    if _runs_script(job):
        return None
    spec = algorithms.spec(os.environ["WILDSAGE_ALGORITHM"]) if "WILDSAGE_ALGORITHM" in os.environ else None
    declared, labels = (spec.content_types, spec.label_size) if spec else ((), 1)
    return extensions.content_type_of(where, [item.name for item in found], declared, labels)


def _deliver(folder: OptML, given: OptML, wanted: str | None) -> None:
    """Put the archives of the model and of what else there is where they belong."""
    if not wanted:
        shutil.copytree(folder.model, given.model, dirs_exist_ok=True)
        shutil.copytree(folder.output_data, given.output_data, dirs_exist_ok=True)
        return
    archives = {MODEL_ARCHIVE: folder.model}
    if any(folder.output_data.iterdir()):
        archives[OUTPUT_ARCHIVE] = folder.output_data
    for name, source in archives.items():
        packed = folder.root / name
        archive.pack(source, packed)
        print(f"Stored {_stored(packed, wanted)}", flush=True)


def _stored(packed: Path, wanted: str) -> str:
    if s3.is_address(wanted):
        return s3.upload(packed, wanted)
    target = Path(wanted) / packed.name
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")  # a reader never sees part of it
    shutil.copy(packed, partial)
    partial.replace(target)
    return str(target)
