"""What passes between a client and a model: `Spec.data` names the module of this folder that reads requests and writes answers."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from wildsage.algorithms.base.algorithm import Columns, Model
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.spec import Response
from wildsage.containers.codecs.media_type import MediaType
from wildsage.containers.codecs.records import recordio


class Exchange(Protocol):
    """`ASSUMED` is the media type of a body that comes without one; `ANSWERS` are those that can be answered in."""

    ASSUMED: str
    ANSWERS: Sequence[str]

    def decode(self, media_type: MediaType, body: bytes, model: Model, lone_records: bool) -> Batch:
        """The body as the model's input, checked. `lone_records`: RecordIO may come without its frame.

        Raises UnsupportedMediaType, and UserError for a body that cannot be used.
        """

    def encode(self, accept: MediaType, columns: Columns, response: Response) -> bytes:
        """The answer in one of `ANSWERS`."""


def find(data: str) -> Exchange:
    """The exchange that `Spec.data` names."""
    return cast(Exchange, import_module(f"wildsage.containers.serving.{data}"))


def framed(body: bytes) -> bytes:
    """A batch transform of single records takes the frames of RecordIO off; here a lone record gets its frame back.

    Neither kind of record begins with the magic: for a Record that would be a field of 35 bytes whose own first byte is no
    field of it, for an image record three billion labels.
    """
    return body if body.startswith(recordio.MAGIC_BYTES) else recordio.frame(body)
