"""`train`: contract → input → fit → save → evaluate → exit status."""

from __future__ import annotations

import itertools
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor

from wildsage import algorithms
from wildsage.algorithms.base import hyperparameters
from wildsage.algorithms.base.algorithm import Algorithm, Model
from wildsage.algorithms.base.errors import BadChannelRow, UserError, WildsageError
from wildsage.containers.check import algorithm_name
from wildsage.containers.codecs.media_type import MediaType
from wildsage.containers.contract import capabilities, failure, metrics, pretrained_weights
from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.contract.job_log import JobLog
from wildsage.containers.contract.paths import OptML
from wildsage.containers.input import declared_channels, image_channel
from wildsage.containers.input.declared_channels import MODEL_CHANNEL
from wildsage.containers.input.image_stream import ImageStream
from wildsage.containers.input.row_stream import ReadCounts, RowStream
from wildsage.containers.input.sources import FileSources, PipeSources
from wildsage.containers.model_files import artifact
from wildsage.containers.training import device, pretrained, watch
from wildsage.containers.training.checkpoint import Checkpoints
from wildsage.containers.training.cluster import Cluster, explain_lost_peers
from wildsage.containers.training.stopping import StopSignal
from wildsage.containers.training.training_run import TrainingRun, counters

EVALUATION_ROWS = 5000
LARGEST_SETTING = 2**63 - 1


def train(environment: Mapping[str, str], stop: StopSignal) -> int:
    """Run the job below `SAGEMAKER_DATA_PATH` (/opt/ml) and return its exit status. A failure writes its reason there."""
    opt_ml = OptML.from_environment(environment)
    try:
        with explain_lost_peers(), capabilities.explain_permission_errors():
            _train(opt_ml, environment, stop)
        return 0
    except Exception as error:
        if not isinstance(error, WildsageError):
            traceback.print_exc()
        print(failure.reason(error), flush=True)
        failure.write(opt_ml, error)
        watch.tell_others(failure.reason(error))
        return failure.exit_status(error)


def _train(opt_ml: OptML, environment: Mapping[str, str], stop: StopSignal) -> None:
    started_s = time.time()
    kind = algorithms.find(algorithm_name(environment))
    job = TrainingJob.read(opt_ml)
    watch.begin(job.hosts, job.current_host)
    log = JobLog(job.current_host, kind.spec.log_name)
    algorithm, settings = _configure(kind, job, opt_ml, log)
    keep_state = hyperparameters.truth("_keep_state", settings["_keep_state"])
    seed = _number("_seed", settings)
    streams = _open_channels(algorithm, job, opt_ml, log, seed)
    where = device.choose(settings["_num_gpus"])
    cluster = Cluster.join(job)
    log.line(f"Create Store: {'local' if cluster.size == 1 else 'dist_sync'}")
    log.line(f"Number of GPUs being used: {int(where.type == 'cuda')}")
    run = TrainingRun(
        seed,
        where,
        log,
        streams["train"],
        cluster,
        stop,
        _checkpoints(opt_ml, job, settings, log),
        _earlier_state(kind, job, opt_ml),
    )
    run.pretrained = pretrained.find(environment.get(pretrained_weights.VARIABLE), algorithm.pretrained())
    log.metrics(started_s, counters(ReadCounts()), Meta="init_train_data_iter")
    with _rows_placed(streams, run):
        model = algorithm.fit(streams, run)
    if job.leads:
        artifact.save(model, opt_ml.model, job.current_host)
        for path in sorted(opt_ml.model.glob("*.params")):
            log.line(f'Saved checkpoint to "{path}"')
        if run.kept and keep_state:
            artifact.save_state(run.kept, opt_ml.model)
    with _rows_placed(streams, run):
        _evaluate(model, algorithm, streams, run, log)
    cluster.leave()
    total_ms = (time.time() - started_s) * 1000
    log.metrics(started_s, {"setuptime": (run.begun_s - started_s) * 1000, "totaltime": total_ms})


def _configure(kind: type[Algorithm], job: TrainingJob, opt_ml: OptML, log: JobLog) -> tuple[Algorithm, dict[str, str]]:
    """Return the algorithm with its hyperparameters, and the underscore settings. Log defaults, given and final values."""
    log.raw("Docker entrypoint called with argument(s): train")
    log.raw("Running default environment configuration script")
    assumed = {**kind.internal_settings(), **hyperparameters.defaults(kind)}
    given = dict(job.hyperparameters)
    log.line(f"Reading default configuration from {kind.__module__}: {assumed}")
    log.line(f"Merging with provided configuration from {opt_ml.hyperparameters}: {given}")
    log.line(f"Final configuration: {assumed | given}")
    return hyperparameters.parse(kind, given, kind.internal_settings())


def _checkpoints(opt_ml: OptML, job: TrainingJob, settings: Mapping[str, str], log: JobLog) -> Checkpoints | None:
    every_s = _number("_checkpoint_seconds", settings)
    found = Checkpoints.configured(opt_ml, job.current_host, job.hyperparameters, every_s)
    log.line(f"Checkpoints: {found.path}." if found else "Checkpoint loading and saving are disabled.")
    return found


def _earlier_state(kind: type[Algorithm], job: TrainingJob, opt_ml: OptML) -> dict[str, Tensor] | None:
    """Return the state in channel `model`, for the first host; for every host if all of them train one model together."""
    if MODEL_CHANNEL not in job.channels or not (job.leads or kind.resumes_from_model):
        return None
    return artifact.load_state(opt_ml.channel(MODEL_CHANNEL), kind)


def _number(name: str, settings: Mapping[str, str]) -> int:
    """Return an underscore setting that is a whole number ≥ 0."""
    return hyperparameters.whole_number(name, settings[name], 0, LARGEST_SETTING)


def _open_channels(
    algorithm: Algorithm, job: TrainingJob, opt_ml: OptML, log: JobLog, seed: int
) -> dict[str, RowStream | ImageStream]:
    """Open a stream for every channel. Raises UserError for a missing or unknown channel, or a wrong content type."""
    media_types = declared_channels.media_types(algorithm.spec, job)
    return {name: _open_channel(name, type_, algorithm, job, opt_ml, log, seed) for name, type_ in media_types.items()}


def _open_channel(
    name: str, media_type: MediaType, algorithm: Algorithm, job: TrainingJob, opt_ml: OptML, log: JobLog, seed: int
) -> RowStream | ImageStream:
    if algorithm.spec.data == "images":
        return image_channel.open_channel(name, algorithm, media_type, job, opt_ml, log, seed)
    config = job.channels[name]
    log.line(f"Loaded iterator creator {media_type.name} for content type ('{media_type.name}', '1.0')")
    sources = PipeSources(opt_ml, name) if config.input_mode == "Pipe" else FileSources(opt_ml.channel(name))
    return RowStream(
        name,
        sources,
        media_type,
        algorithm.feature_dim,
        opt_ml.channel(name),
        log,
        type_assumed=not config.content_type,
        host=job.current_host if len(job.hosts) > 1 else "",
    )


@contextmanager
def _rows_placed(streams: Mapping[str, RowStream | ImageStream], run: TrainingRun) -> Iterator[None]:
    """Name the file of a row that an algorithm rejects. Raises UserError in place of BadChannelRow.

    Algorithms count the rows of a pass that they get; where a job resumes within a pass, others come before.
    """
    try:
        yield
    except BadChannelRow as bad:
        stream = streams[bad.channel]
        if not isinstance(stream, RowStream):
            raise
        skipped = run.rows_skipped if bad.channel == "train" else 0
        raise UserError(f"{stream.place(skipped + bad.row)}: {bad.problem}") from None


def _evaluate(
    model: Model,
    algorithm: Algorithm,
    streams: Mapping[str, RowStream | ImageStream],
    run: TrainingRun,
    log: JobLog,
) -> None:
    """Log metrics on the test channel, in the two forms of the original."""
    if not any(channel.name == "test" for channel in algorithm.spec.channels):
        return
    if "test" not in streams:
        log.line("Test data is not provided.")
        return
    batches = itertools.takewhile(lambda _: not run.stopping, streams["test"].batches(EVALUATION_ROWS))
    found = model.to(run.device).evaluate(batches, run)
    if run.stopping:
        log.line("Stopping: the test data is not scored.")
        return
    for name, value in found.items():
        if (metric := algorithm.spec.metric(name)) and algorithm.reports(name):
            log.line(metrics.score_line(log.host, "test", name, value))
            run.quality("test", name, metric.kind, value)
