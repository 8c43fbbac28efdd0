"""Request → response as values, without a socket or a framework [contract: container, section 5].

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
from wildsage.algorithms.base.endpoint import HttpRequest, HttpResponse
from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.base.spec import Spec
from wildsage.containers import codecs
from wildsage.containers.codecs.media_type import MediaType
from wildsage.containers.serving import payloads

LOG = logging.getLogger(__name__)

MAX_PAYLOAD_MB = 6
"""What /execution-parameters recommends as the largest payload of a batch transform."""


@dataclass(frozen=True)
class Handler:
    """Answers requests with one model.

    `batch` is true in a batch transform, whose default answer is JSON Lines. `workers` is the number of requests that the
    server answers at once. `accept` replaces a missing Accept header, such as that of requests inside a pipeline.
    """

    model: Model
    spec: Spec
    batch: bool = False
    workers: int = 1
    accept: str | None = None

    def __post_init__(self) -> None:
        payloads.find(self.spec.data)  # imported now, so that the first request does not wait for it

    def invocations(self, request: HttpRequest) -> HttpResponse:
        """Predict for every row of the body.

        Errors that the caller can fix give status 400, 406 or 415 and a short text. Bugs give 500 and a reference number,
        under which the log has the trace.
        """
        try:
            return self._predict(request)
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

    def execution_parameters(self) -> HttpResponse:
        """What a batch transform uses where its caller sets nothing."""
        answer = {
            "MaxConcurrentTransforms": self.workers,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": MAX_PAYLOAD_MB,
        }
        return HttpResponse(200, json.dumps(answer).encode(), codecs.JSON)

    def _predict(self, request: HttpRequest) -> HttpResponse:
        codec = payloads.find(self.spec.data)
        default = codecs.JSON_LINES if self.batch else codecs.JSON
        accept = codecs.accepted(request.accept or self.accept, codec.ANSWER_TYPES, default)
        rows = self._decode(codec, request)
        with torch.inference_mode():
            columns = self.model.predict(rows)
        _check_finite(columns)
        return HttpResponse(200, codec.encode(accept, columns, self.spec.response), accept.name)

    def _decode(self, codec: payloads.PayloadCodec, request: HttpRequest) -> Batch:
        """The body as input of the model. Raises UserError for an empty body."""
        media_type = MediaType.parse(request.content_type or codec.DEFAULT_CONTENT_TYPE)
        if not request.body:
            raise UserError("the body is empty")
        return codec.decode(media_type, request.body, self.model, lone_records=self.batch)


def _check_finite(columns: Columns) -> None:
    """Raise BadRecord for an infinite answer. JSON cannot hold it; the request has numbers too large for float32."""
    for values in columns.values():
        if not np.isfinite(values.numpy(force=True)).all():
            row = int((~values.isfinite()).reshape(len(values), -1).any(1).nonzero()[0]) + 1
            raise BadRecord(row, "its answer is beyond float32, expected smaller numbers.")


def _text(status: int, message: object) -> HttpResponse:
    return HttpResponse(status, str(message).encode())
