"""An algorithm that brings its own program: it reads its own data, and writes its own log, model files and answers.

Most algorithms share one toolkit, as they do at Amazon: they implement `base.algorithm` and containers do the rest. Where the
original shares nothing with the others, as XGBoost does not, an algorithm implements `Program` instead, and containers give it
only the folders of the contract, the hosts, the stop signal and the codec of RecordIO-protobuf. Its `spec` says `program=True`,
and its module `algorithm` calls the program `PROGRAM`. Nothing here imports the array engine.

Axes: n rows · z stored values · m values of a column
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from wildsage.algorithms.base.endpoint import Endpoint

if TYPE_CHECKING:  # the local runner imports this module too, and does not need numpy
    from numpy.typing import NDArray

TAG_VARIABLE = "WILDSAGE_IMAGE_TAG"
"""Names the tag of the image that was asked for: some originals behave differently from one to the next."""


class RecordRows(Protocol):
    """Rows of RecordIO-protobuf: row i owns the next `counts_n[i]` of `values_z`, in the columns `keys_z` (None: in all)."""

    @property
    def counts_n(self) -> NDArray:
        """Stored values of each row (n,)."""

    @property
    def values_z(self) -> NDArray:
        """The stored values (z,), row after row."""

    @property
    def keys_z(self) -> NDArray | None:
        """The column of each stored value (z,); None if every row stores all columns."""

    @property
    def width(self) -> int:
        """Columns of a row."""

    @property
    def labels_nl(self) -> NDArray | None:
        """Labels (n, l); None for records without."""


class Records(Protocol):
    """The codec of application/x-recordio-protobuf, which containers give to a program."""

    def decode(self, chunks: Iterable[bytes]) -> Iterator[RecordRows]:
        """Rows from chunks of any size, block by block. Raises BadRecord for bytes that are not such records."""

    def payloads(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """What is in each record of RecordIO, whatever it holds. Raises BadRecord for bytes that are not such records."""

    def encode(self, columns: Mapping[str, NDArray]) -> bytes:
        """A record a row, with the (n,) or (n, m) values of each column under its name, as float32."""


class Collective(Protocol):
    """The hosts of a job, joined. All of them must call the same things in the same order."""

    def sum(self, array: NDArray) -> NDArray:
        """The sum of an array of float32 over the hosts, the same bits on all. Raises PlatformError where a host is gone."""

    def leave(self) -> None:
        """Close the connections to the other hosts."""


Rendezvous = Callable[[Callable[[str, int], object]], tuple[str, int]]
"""Waits for the other hosts, and returns the address of the first and a port that is free there. On the first host it calls what
it is given with both, which listens at the port from then on: the others learn it only afterwards, and no connection is refused."""


@dataclass(frozen=True)
class JobChannel:
    """One channel of a job. `description` is its entry of inputdataconfig.json, for messages that show it.

    In Pipe mode `pipe()` reads the channel once; otherwise its files lie below `folder`.
    """

    content_type: str | None
    input_mode: str
    distribution: str
    description: Mapping[str, str]
    folder: Path
    pipe: Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class Job:
    """A training job on one of its hosts. `tag` is that of the requested image; empty without one.

    `hosts` are sorted, the first leads. `checkpoints` is None for a job without. `stopping()` turns true with SIGTERM. A program
    of several hosts waits for the others by `join()`, or, if its library connects them, by `rendezvous`.
    """

    tag: str
    hyperparameters: Mapping[str, str]
    channels: Mapping[str, JobChannel]
    host: str
    hosts: tuple[str, ...]
    rendezvous: Rendezvous
    model: Path
    output_data: Path
    checkpoints: Path | None
    stopping: Callable[[], bool]
    log: Callable[[str], None]
    records: Records
    join: Callable[[], Collective]

    @property
    def leads(self) -> bool:
        """True on the one host that writes the model."""
        return self.host == self.hosts[0]


class Program(ABC):
    """All that an author implements who does not use the toolkit."""

    @abstractmethod
    def table(self) -> str:
        """The hyperparameters as a Markdown table, which the algorithm's page shows."""

    @abstractmethod
    def check(self, given: Iterable[tuple[str, str]]) -> None:
        """Raise UserError naming every value that could not stand in a job; a name may come with several."""

    @abstractmethod
    def train(self, job: Job) -> None:
        """Run the job. What it raises fails it: UserError, AlgorithmError or PlatformError say whose fault that is."""

    def prepare(self) -> None:  # noqa: B027 - most have nothing to do
        """Do what the first job on a machine would do for all later ones, such as to compile loops. Images are built with it."""

    @abstractmethod
    def load(self, folder: Path, environment: Mapping[str, str], records: Records) -> Endpoint:
        """The model below `folder`, ready to answer. `environment` is the container's, with the image's tag in `TAG_VARIABLE`.

        Raises UserError for files that are not a model.
        """
