"""One training job: settings, channels, and the mode's own job."""

from __future__ import annotations

import time

from wildsage.algorithms.base.compiled import announced
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.program import Job, JobChannel
from wildsage.algorithms.blazingtext import evaluation, hyperparameters
from wildsage.algorithms.blazingtext.corpus.channel import TextChannel
from wildsage.algorithms.blazingtext.hyperparameters import BATCH_SKIPGRAM, Hyperparameters, JobSettings
from wildsage.algorithms.blazingtext.log import BlazingTextLog
from wildsage.algorithms.blazingtext.supervised_job import SupervisedJob
from wildsage.algorithms.blazingtext.word_vector_job import Share, WordVectorJob

EVALUATION = "evaluation"
INPUT_MODES = ("File", "FastFile", "Pipe")


def train(job: Job) -> None:
    """Run the job. Raises UserError for settings, channels or data that cannot be used."""
    started_s = time.monotonic()
    log = BlazingTextLog(job.log)
    log.write("Arguments: train")
    settings = hyperparameters.parse(job.hyperparameters)
    values = settings.values
    _check_channels(job, values)
    _check_hosts(job, values)
    _log_header(log, settings, len(job.hosts), time.monotonic() - started_s)
    channels = {
        name: TextChannel(name, channel, values.supervised, job.records)
        for name, channel in job.channels.items()
        if name != EVALUATION
    }
    for channel in channels.values():
        _log_files(log, channel)
    with announced(log.info):
        if values.supervised:
            validation = channels.get("validation")
            SupervisedJob(values, settings.seed, (channels["train"], validation), job.stopping, log).run(job.model)
        else:
            _learn_vectors(job, settings, channels["train"], log)


def _learn_vectors(job: Job, settings: JobSettings, channel: TextChannel, log: BlazingTextLog) -> None:
    """Learn word vectors on this host, together with the other hosts if there are any."""
    pairs = _pairs(job.channels[EVALUATION]) if EVALUATION in job.channels else {}
    collective = job.join() if len(job.hosts) > 1 else None
    share = Share(job.hosts.index(job.host), len(job.hosts), collective)
    WordVectorJob(settings.values, settings.seed, channel, pairs, share, job.stopping, log).run(job.model, job.leads)
    if collective is not None:
        collective.leave()


def _pairs(channel: JobChannel) -> dict[str, list[evaluation.Pair]]:
    """The lists of word pairs by the names of their files; in Pipe mode one list."""
    if channel.input_mode == "Pipe":
        return {EVALUATION: evaluation.read_pairs(EVALUATION, b"".join(channel.pipe()))}
    paths = sorted(path for path in channel.folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.name: evaluation.read_pairs(path.name, path.read_bytes()) for path in paths}


def _check_channels(job: Job, values: Hyperparameters) -> None:
    known = ("train", "validation" if values.supervised else EVALUATION)
    if "train" not in job.channels:
        raise UserError(f"Channel train is missing, got {', '.join(job.channels) or 'none'}.")
    for name, channel in job.channels.items():
        if name not in known:
            raise UserError(f"Channel {name} is not known in mode {values.mode}, expected {' and '.join(known)}.")
        _check_input_mode(name, channel)
    if values.early_stopping and values.supervised and "validation" not in job.channels:
        raise UserError("Hyperparameter early_stopping: got true without a channel validation, on which it judges.")


def _check_input_mode(name: str, channel: JobChannel) -> None:
    if channel.input_mode not in INPUT_MODES:
        raise UserError(f"Channel {name}: input mode {channel.input_mode}, expected {', '.join(INPUT_MODES)}.")


def _check_hosts(job: Job, values: Hyperparameters) -> None:
    if len(job.hosts) > 1 and values.mode != BATCH_SKIPGRAM:
        raise UserError(
            f"Mode {values.mode} runs on one host, got {len(job.hosts)}. Set InstanceCount to 1, or mode to {BATCH_SKIPGRAM}."
        )
    if len(job.hosts) > 1 and job.channels["train"].distribution == "ShardedByS3Key":
        raise UserError(
            "Channel train: S3DataDistributionType is ShardedByS3Key, expected FullyReplicated: the hosts share the text out."
        )


def _log_header(log: BlazingTextLog, settings: JobSettings, hosts: int, seconds: float) -> None:
    log.info(f"nvidia-smi took: {seconds} secs to identify 0 gpus")
    mode = settings.values.mode
    if hosts > 1:
        log.info(f"Running distributed CPU BlazingText training using {mode} on {hosts} hosts.")
    else:
        log.info(f"Running single machine CPU BlazingText training using {mode} mode.")
    if settings.unused:
        log.warning(f"These hyperparameters have no effect in mode {mode}: {', '.join(settings.unused)}.")


def _log_files(log: BlazingTextLog, channel: TextChannel) -> None:
    """Name the files of a channel. Raises UserError where it has none."""
    paths = channel.paths()
    for path in paths:
        log.processing(str(path), path.stat().st_size)
    if not paths and channel.channel.input_mode != "Pipe":
        raise UserError(f"Channel {channel.name} holds no file, expected text with one sentence in each line.")
