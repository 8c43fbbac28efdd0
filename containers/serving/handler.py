"""Request → Response, as values: no socket, no framework [contract: container, section 5].

Axes: n rows of a request · d features
"""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import dataclass

import torch

from algorithms.base.algorithm import Columns, Model, Spec
from algorithms.base.batch import Batch, concatenate
from algorithms.base.errors import BadRecord, UserError
from containers import codecs
from containers.checks import check
from containers.codecs.media_type import MediaType

LOG = logging.getLogger(__name__)

MAX_PAYLOAD_MB = 6


@dataclass(frozen=True)
class Request:
    body: bytes
    content_type: str | None = None
    accept: str | None = None


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Handler:
    """Answers for one model. `batch` says that this is a batch transform, whose default answer is JSON Lines."""

    model: Model
    spec: Spec
    batch: bool = False
    workers: int = 1

    def invocations(self, request: Request) -> Response:
        """Predict for every row of the body. What the caller can mend is a 4xx with a short text, a bug a 500 with a reference."""
        try:
            accept = codecs.accepted(
                request.accept, list(codecs.ENCODERS), codecs.JSON_LINES if self.batch else codecs.JSON
            )
            rows = self._decode(request)
            with torch.inference_mode():
                columns = self.model.predict(rows)
            _check_answer(columns)
            return Response(200, codecs.encode(accept, columns, self.spec.response), accept.name)
        except codecs.UnsupportedMediaType as error:
            return _text(415, error)
        except codecs.NotAcceptable as error:
            return _text(406, error)
        except UserError as error:
            return _text(400, f"unable to evaluate payload provided: {error}")
        except Exception:
            reference = uuid.uuid4().hex[:8]
            LOG.exception("Invocation %s failed", reference)
            return _text(500, f"Internal error; the log has it under {reference}.")

    def execution_parameters(self) -> Response:
        """What batch transform may assume where its caller does not say."""
        answer = {
            "MaxConcurrentTransforms": self.workers,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": MAX_PAYLOAD_MB,
        }
        return Response(200, json.dumps(answer).encode(), codecs.JSON)

    def _decode(self, request: Request) -> Batch:
        """The body's rows, checked. A body without Content-Type is taken as CSV, what curl users send; an empty one is refused."""
        media_type = MediaType.parse(request.content_type or codecs.CSV)
        if not request.body:
            raise UserError("the body is empty")
        pieces = []
        row = 1
        for piece in codecs.decode(media_type, [request.body], default_label_size=0):
            check(piece, row, self.model.feature_dim)
            row += len(piece)
            pieces.append(piece)
        if not pieces:
            raise UserError("the body holds no rows")
        return concatenate(pieces)


def _check_answer(columns: Columns) -> None:
    """Infinity is no JSON, and no answer: the request held numbers that float32 arithmetic cannot bear."""
    for values in columns.values():
        if not bool(values.isfinite().all()):
            row = int((~values.isfinite()).reshape(len(values), -1).any(1).nonzero()[0]) + 1
            raise BadRecord(row, "its answer is beyond float32, expected smaller numbers.")


def _text(status: int, message: object) -> Response:
    return Response(status, str(message).encode())
