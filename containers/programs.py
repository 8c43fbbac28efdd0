"""Algorithms that bring their own program (`algorithms.base.program`): the contract's folders, hosts and signals around it.

Nothing here imports the array engine, which such an algorithm may not need.
"""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from numpy.typing import NDArray

from wildsage import algorithms
from wildsage.algorithms.base.endpoint import Endpoint, HttpRequest, HttpResponse
from wildsage.algorithms.base.errors import LostHost, PlatformError, WildsageError
from wildsage.algorithms.base.program import Collective, Job, JobChannel, RecordRows
from wildsage.containers.codecs.records import record_rows, recordio
from wildsage.containers.contract import failure, image_tag
from wildsage.containers.contract.job import ChannelConfig, TrainingJob, checkpoint_folder
from wildsage.containers.contract.paths import OptML
from wildsage.containers.input.sources import PipeSources
from wildsage.containers.training import watch
from wildsage.containers.training.stopping import StopSignal

LOG = logging.getLogger(__name__)


class RecordCodec:
    """RecordIO-protobuf, as a program may use it."""

    def decode(self, chunks: Iterable[bytes]) -> Iterator[RecordRows]:
        """Rows from chunks of any size, in blocks of about a megabyte. Raises BadRecord for bytes that are not such records."""
        return record_rows.decode(chunks)

    def payloads(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """What is in each record of RecordIO, whatever it holds. Raises BadRecord for bytes that are not such records."""
        return recordio.payloads(chunks)

    def encode(self, columns: Mapping[str, NDArray]) -> bytes:
        """A record a row, with the (n,) or (n, m) values of each column under its name, as float32."""
        return record_rows.encode(columns)


def named(environment: Mapping[str, str]) -> str | None:
    """The algorithm of this image, if it brings its own program."""
    name = environment.get("WILDSAGE_ALGORITHM", "")
    folder = name.replace("-", "_")
    return name if folder in algorithms.names() and algorithms.spec(folder).program else None


def train(name: str, environment: Mapping[str, str], stop: StopSignal) -> int:
    """Run the job below `SAGEMAKER_DATA_PATH` (/opt/ml) and return the exit status; a failure leaves its reason there."""
    opt_ml = OptML.from_environment(environment)
    try:
        job = _job(opt_ml, environment, lambda: stop.raised)
        watch.begin(job.hosts, job.host)
        algorithms.program(name).train(job)
        watch.leave()
        return 0
    except Exception as caught:
        error = PlatformError(watch.verdict() or str(caught)) if isinstance(caught, LostHost) else caught
        if not isinstance(error, WildsageError):
            traceback.print_exc()
        print(failure.reason(error), flush=True)
        failure.write(opt_ml, error)
        watch.tell_others(failure.reason(error))
        return failure.exit_status(error)


def load(name: str, folder: Path, environment: Mapping[str, str]) -> SafeEndpoint:
    """The model below `folder`, ready to answer. Raises UserError for files that are not a model."""
    return SafeEndpoint(algorithms.program(name).load(folder, environment, RecordCodec()))


@dataclass(frozen=True)
class SafeEndpoint:
    """An endpoint whose bugs become a short answer with a reference; the log has the trace."""

    endpoint: Endpoint

    def invocations(self, request: HttpRequest) -> HttpResponse:
        """The endpoint's answer; status 400 with the text of a WildsageError, 500 with a reference for any other exception."""
        try:
            return self.endpoint.invocations(request)
        except WildsageError as error:
            return HttpResponse(400, str(error).encode())
        except Exception:
            reference = uuid.uuid4().hex[:8]
            LOG.exception("Invocation %s failed", reference)
            return HttpResponse(500, f"Internal error; the log has it under {reference}.".encode())

    def execution_parameters(self) -> HttpResponse:
        """The endpoint's answer, unchanged."""
        return self.endpoint.execution_parameters()


def _job(opt_ml: OptML, environment: Mapping[str, str], stopping: Callable[[], bool]) -> Job:
    found = TrainingJob.read(opt_ml)
    return Job(
        tag=environment.get(image_tag.VARIABLE, ""),
        hyperparameters=found.hyperparameters,
        channels={name: _channel(name, config, opt_ml) for name, config in found.channels.items()},
        host=found.current_host,
        hosts=found.hosts,
        rendezvous=watch.free_port,
        model=opt_ml.model,
        output_data=opt_ml.output_data,
        checkpoints=checkpoint_folder(opt_ml),
        stopping=stopping,
        log=lambda line: print(line, flush=True),
        records=RecordCodec(),
        join=lambda: _join(found),
    )


def _join(job: TrainingJob) -> Collective:
    """Wait for the other hosts. Only here is the array engine imported, whose connections are used."""
    from wildsage.containers.training.collective import TensorCollective

    return TensorCollective.join(job)


def _channel(name: str, config: ChannelConfig, opt_ml: OptML) -> JobChannel:
    pipes = PipeSources(opt_ml, name)

    def read_pipe() -> Iterator[bytes]:
        for source in pipes.next_pass():
            yield from source.chunks()

    return JobChannel(
        config.content_type,
        config.input_mode,
        config.distribution,
        config.to_json(),
        opt_ml.channel(name),
        read_pipe,
    )
