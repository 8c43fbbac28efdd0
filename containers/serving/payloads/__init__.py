"""How requests are read and answers written. `Spec.data` names the module of this folder that does both."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

from wildsage.algorithms.base.algorithm import Columns, Model
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.spec import Response
from wildsage.containers.codecs.media_type import MediaType
from wildsage.containers.codecs.records import recordio


class PayloadCodec(Protocol):
    """What a module of this folder offers.

    `DEFAULT_CONTENT_TYPE` is assumed for a body without a type. `ANSWER_TYPES` are the types an answer can have.
    """

    DEFAULT_CONTENT_TYPE: str
    ANSWER_TYPES: Sequence[str]

    def decode(self, media_type: MediaType, body: bytes, model: Model, lone_records: bool) -> Batch:
        """Return the body as checked input of the model. With `lone_records`, a RecordIO record may come without its frame.

        Raises UnsupportedMediaType, and UserError for a body that cannot be used.
        """

    def encode(self, accept: MediaType, columns: Columns, response: Response) -> bytes:
        """Return the answer as `accept`, one of `ANSWER_TYPES`."""


def find(data: str) -> PayloadCodec:
    """The module of this folder with the name that `Spec.data` gives."""
    return cast(PayloadCodec, import_module(f"{__name__}.{data}"))


def with_frame(body: bytes) -> bytes:
    """Return a body of RecordIO, adding the frame that a batch transform of single records has removed.

    A body without a frame cannot begin with the magic number: in a Record message this would be a field of 35 bytes whose
    first byte is not a field, and in an image record it would be a count of three billion labels.
    """
    return body if body.startswith(recordio.MAGIC_BYTES) else recordio.frame(body)
