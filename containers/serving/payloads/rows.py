"""Rows of numbers in, named columns out, in every format of the codecs."""

from __future__ import annotations

from wildsage.algorithms.base.algorithm import Columns, Model
from wildsage.algorithms.base.batch import Batch, concatenate
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.spec import Response
from wildsage.containers import codecs
from wildsage.containers.codecs.media_type import MediaType
from wildsage.containers.input.row_checks import check
from wildsage.containers.serving.payloads import with_frame

DEFAULT_CONTENT_TYPE = codecs.CSV
"""The format in which users of curl send rows."""

ANSWER_TYPES = list(codecs.ENCODERS)


def decode(media_type: MediaType, body: bytes, model: Model, lone_records: bool) -> Batch:
    """Return the rows of the body. Raises BadRecord for a row that has another width than the model or is not finite."""
    lone = lone_records and media_type.name == codecs.RECORDIO_PROTOBUF
    pieces = []
    row = 1
    for piece in codecs.decode(media_type, [with_frame(body) if lone else body], default_label_size=0):
        check(piece, row, model.feature_dim)
        row += len(piece)
        pieces.append(piece)
    if not pieces:
        raise UserError("the body holds no rows")
    return concatenate(pieces)


def encode(accept: MediaType, columns: Columns, response: Response) -> bytes:
    """Return the columns in the accepted format."""
    return codecs.encode(accept, columns, response)
