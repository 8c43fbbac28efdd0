"""The endpoint: labels of texts, or vectors of words [contract: blazingtext, Inference]."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wildsage.algorithms.base import json_text
from wildsage.algorithms.base.endpoint import HttpRequest, HttpResponse
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.blazingtext.fasttext import files
from wildsage.algorithms.blazingtext.fasttext.model import FastTextModel

JSON, JSON_LINES = "application/json", "application/jsonlines"
UNDECODABLE = "Customer Error: Unable to decode payload: Incorrect data format. (caused by ValueError)"
DOCUMENT = '{"instances": ["a text", …], "configuration": {"k": 1}}'
LINE = '{"source": "a text", "k": 1} in each line'
MODEL_NAMES = ("model.bin", "vectors.bin")
SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class BlazingTextEndpoint:
    """One model that answers requests of its kind."""

    model: FastTextModel

    def invocations(self, request: HttpRequest) -> HttpResponse:
        """Labels or vectors for each instance. Status 400 for a body that is not a request, 415 for another content type.

        What the caller accepts has no influence: an answer has the type of its request.
        """
        kind = (request.content_type or JSON).partition(";")[0].strip().lower()
        if kind == JSON:
            return HttpResponse(200, json.dumps(self._document(request.body)).encode(), JSON)
        if kind == JSON_LINES:
            return HttpResponse(200, b"".join(self._lines(request.body)), JSON_LINES)
        return HttpResponse(415, f"Content type {kind} is not supported, expected {JSON} or {JSON_LINES}.".encode())

    def execution_parameters(self) -> HttpResponse:
        """What batch transform may assume where its caller does not say."""
        cores = len(os.sched_getaffinity(0))
        found = {"MaxConcurrentTransforms": cores, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}
        return HttpResponse(200, json.dumps(found).encode(), JSON)

    def _document(self, body: bytes) -> list[dict[str, Any]]:
        asked = _object(body, "the body", DOCUMENT)
        instances, configuration = asked.get("instances"), asked.get("configuration", {})
        if not isinstance(instances, list):
            raise _wrong(f'"instances" is {_short(instances)}', DOCUMENT)
        if not isinstance(configuration, dict):
            raise _wrong(f'"configuration" is {_short(configuration)}', DOCUMENT)
        k = _count(configuration, DOCUMENT)
        return [self._answer(each, k, f"instance {number}", DOCUMENT) for number, each in enumerate(instances, start=1)]

    def _lines(self, body: bytes) -> list[bytes]:
        answers = []
        for number, line in enumerate(body.split(b"\n"), start=1):
            if line.strip():
                asked = _object(line, f"line {number}", LINE)
                answer = self._answer(asked.get("source"), _count(asked, LINE), f'"source" of line {number}', LINE)
                answers.append(json.dumps(answer).encode() + b"\n")
        return answers

    def _answer(self, instance: object, k: int, where: str, expected: str) -> dict[str, Any]:
        if not isinstance(instance, str):
            raise _wrong(f"{where} is {_short(instance)}", expected)
        text = instance.encode("utf-8", "surrogatepass")
        if not self.model.supervised:
            return {"vector": self.model.vector(text).tolist(), "word": instance}
        found = self.model.predict(text, k)
        return {
            "prob": [chance for _, chance in found],
            "label": [label.decode("utf-8", "replace") for label, _ in found],
        }


def load(folder: Path) -> BlazingTextEndpoint:
    """The model below `folder`: model.bin, vectors.bin, or the one file of fastText. Raises UserError for anything else."""
    named = [folder / name for name in MODEL_NAMES if (folder / name).is_file()]
    others = [] if named else sorted(path for path in folder.iterdir() if path.suffix in (".bin", ".ftz"))
    if not named and len(others) != 1:
        found = ", ".join(path.name for path in sorted(folder.iterdir())) or "nothing"
        raise UserError(
            f"The model holds {found}, expected {' or '.join(MODEL_NAMES)}, or one .bin or .ftz file of fastText."
        )
    return BlazingTextEndpoint(files.read([*named, *others][0]))


def _object(text: bytes, where: str, expected: str) -> dict[str, Any]:
    try:
        found = json_text.parse(text)
    except (ValueError, RecursionError):
        raise _wrong(f"{where} is not valid JSON", expected) from None
    if not isinstance(found, dict):
        raise _wrong(f"{where} is {_short(found)}", expected)
    return found


def _count(asked: Mapping[str, Any], expected: str) -> int:
    k = asked.get("k", 1)
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise _wrong(f'"k" is {_short(k)}', f"an integer ≥ 1 in {expected}")
    return k


def _wrong(problem: str, expected: str) -> UserError:
    """The original's words [contract: blazingtext, Errors], then what was given and what was expected."""
    return UserError(f"{UNDECODABLE}: {problem}, expected {expected}.")


def _short(value: object) -> str:
    shown = "missing" if value is None else json.dumps(value)
    return shown if len(shown) <= SHOWN_CHARACTERS else f"{shown[:SHOWN_CHARACTERS]}…"
