"""Request → Response for one model folder, as the version of the original answers [contract: xgboost, Serving]."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from numpy.typing import NDArray

from wildsage.algorithms.base.endpoint import Endpoint, HttpRequest, HttpResponse
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.program import TAG_VARIABLE, Records
from wildsage.algorithms.xgboost.data.table import Rows
from wildsage.algorithms.xgboost.library_errors import without_trace
from wildsage.algorithms.xgboost.serving import answers, requests, selectable
from wildsage.algorithms.xgboost.serving.model import Ensemble
from wildsage.algorithms.xgboost.versions import Version

LOG = logging.getLogger(__name__)

MAX_BODY_BYTES = 6 << 20


@dataclass(frozen=True)
class EndpointSettings:
    """What the endpoint's environment asks for; `wanted` is its selectable content."""

    version: Version
    batch: bool
    multi_model: bool
    accept: str
    wanted: tuple[str, ...]
    ensemble: bool
    max_body_bytes: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> EndpointSettings:
        """Read the variables that the original reads. Raises ValueError for a MAX_CONTENT_LENGTH that is not a number."""
        version = Version.from_tag(environment.get(TAG_VARIABLE, ""))
        wanted = environment.get("SAGEMAKER_INFERENCE_OUTPUT", "").replace(" ", "").lower()
        return cls(
            version,
            bool(environment.get("SAGEMAKER_BATCH")),
            environment.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true",
            environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", answers.CSV),
            tuple(wanted.split(",")) if wanted and version.selects_content else (),
            environment.get("SAGEMAKER_INFERENCE_ENSEMBLE", "true").lower() == "true",
            int(environment.get("MAX_CONTENT_LENGTH", MAX_BODY_BYTES)),
        )


def load(folder: Path, environment: Mapping[str, str], records: Records) -> Endpoint:
    """The model below `folder`, ready to answer. Raises UserError for files that are not a model."""
    settings = EndpointSettings.from_environment(environment)
    return XGBoostEndpoint(Ensemble.read(folder, settings.ensemble, LOG.warning), settings, records)


@dataclass(frozen=True)
class XGBoostEndpoint:
    """One model and how it is to answer."""

    model: Ensemble
    settings: EndpointSettings
    records: Records

    def invocations(self, request: HttpRequest) -> HttpResponse:
        """Predict for every row of the body."""
        if not request.body:
            return HttpResponse(204, b"")
        if len(request.body) > self.settings.max_body_bytes and not self.settings.batch:
            return _text(413, f"HTTP content length exceeded {self.settings.max_body_bytes} bytes.")
        try:
            return self._answer(request)
        except requests.UnreadableBody as error:
            return _text(415, error)
        except answers.UnsupportedAccept as error:
            return _text(406, error)
        except selectable.NoSelectableContent as error:
            return _text(500, error)
        except (UserError, ValueError) as error:
            return _text(400, f"Unable to evaluate payload provided: {without_trace(str(error))}")

    def execution_parameters(self) -> HttpResponse:
        """What batch transform may assume where its caller does not say."""
        cores = len(os.sched_getaffinity(0))
        found = {"MaxConcurrentTransforms": cores, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}
        return HttpResponse(200, json.dumps(found).encode(), answers.JSON)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        kind = requests.kind_of(request.content_type)
        rows = requests.parse(kind, request.body, self.settings.version, self.records, self.model.num_features)
        if self.settings.multi_model and not self.settings.wanted:
            return self._of_several(request, self.model.predict(requests.checked(rows, kind, self.model.num_features)))
        accept = answers.CSV if self._ignores_accept else answers.choose_type(request.accept, self.settings.accept)
        rows = requests.checked(rows, kind, self.model.num_features)
        if self.settings.wanted:
            return self._selected(rows, accept)
        return self._plain(self.model.predict(rows), accept)

    @property
    def _ignores_accept(self) -> bool:
        return not self.settings.wanted and (self.settings.batch or self.settings.version.joins_answers)

    def _plain(self, predicted: NDArray, accept: str) -> HttpResponse:
        if self.settings.batch:
            return HttpResponse(200, answers.batch(predicted), answers.CSV)
        if self.settings.version.joins_answers:
            return HttpResponse(200, answers.joined(predicted), answers.CSV)
        if accept == answers.JSON:
            return HttpResponse(200, answers.document(predicted), accept)
        if accept == answers.CSV:
            return HttpResponse(200, answers.lines(predicted), accept)
        return _text(
            500, f"{accept} is written with SAGEMAKER_INFERENCE_OUTPUT alone; accept text/csv or application/json."
        )

    def _of_several(self, request: HttpRequest, predicted: NDArray) -> HttpResponse:
        """A multi-model endpoint's answers, of any version."""
        accept = (request.accept or self.settings.accept).partition(";")[0].strip().lower()
        if accept == answers.JSON:
            return HttpResponse(200, answers.array(predicted), accept)
        if accept in (answers.CSV, "csv", "*/*"):
            return HttpResponse(200, answers.joined(predicted), answers.CSV)
        return _text(
            415, f"Encoding to accept type {accept} failed with exception: it is neither text/csv nor application/json."
        )

    def _selected(self, rows: Rows, accept: str) -> HttpResponse:
        found = selectable.select(self.model, rows, self.settings.wanted)
        if accept == answers.JSON:
            body = selectable.as_json(found)
        elif accept == answers.JSON_LINES:
            body = selectable.as_json_lines(found)
        elif accept == answers.RECORDS:
            body = selectable.as_records(found, self.records)
        else:
            body = selectable.as_csv(found, self.settings.wanted) + (b"\n" if self.settings.batch else b"")
        return HttpResponse(200, body, accept)


def _text(status: int, message: object) -> HttpResponse:
    return HttpResponse(status, str(message).encode())
