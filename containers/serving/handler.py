"""Request → Response, as values: no socket, no framework [contract: container, section 5].

Axes: n rows of a request · d features
"""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import dataclass

import numpy as np
import torch

from wildsage.algorithms.base.algorithm import Columns, Model
from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.base.spec import Spec
from wildsage.containers import codecs
from wildsage.containers.codecs.media_type import MediaType
from wildsage.containers.serving.exchange import Exchange, find

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
    """Answers for one model. `batch` says that this is a batch transform, whose default answer is JSON Lines.

    `accept` stands in for the header of requests that have none, such as those within a pipeline.
    """

    model: Model
    spec: Spec
    batch: bool = False
    workers: int = 1
    accept: str | None = None

    def __post_init__(self) -> None:
        find(self.spec.data)  # imported now, not by the first request

    def invocations(self, request: Request) -> Response:
        """Predict for every row of the body. What the caller can mend is a 4xx with a short text, a bug a 500 with a reference."""
        try:
            exchange = find(self.spec.data)
            accept = codecs.accepted(
                request.accept or self.accept, exchange.ANSWERS, codecs.JSON_LINES if self.batch else codecs.JSON
            )
            rows = self._decode(exchange, request)
            with torch.inference_mode():
                columns = self.model.predict(rows)
            _check_answer(columns)
            return Response(200, exchange.encode(accept, columns, self.spec.response), accept.name)
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

    def _decode(self, exchange: Exchange, request: Request) -> Batch:
        """The body as the model's input. An empty one is refused."""
        media_type = MediaType.parse(request.content_type or exchange.ASSUMED)
        if not request.body:
            raise UserError("the body is empty")
        return exchange.decode(media_type, request.body, self.model, lone_records=self.batch)


def _check_answer(columns: Columns) -> None:
    """Infinity is no JSON, and no answer: the request held numbers that float32 arithmetic cannot bear."""
    for values in columns.values():
        if not np.isfinite(values.numpy(force=True)).all():
            row = int((~values.isfinite()).reshape(len(values), -1).any(1).nonzero()[0]) + 1
            raise BadRecord(row, "its answer is beyond float32, expected smaller numbers.")


def _text(status: int, message: object) -> Response:
    return Response(status, str(message).encode())
