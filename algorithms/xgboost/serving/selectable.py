"""Selectable inference: `SAGEMAKER_INFERENCE_OUTPUT` names what an answer holds [contract: xgboost, Serving].

Axes: n rows · k classes
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.program import Records
from wildsage.algorithms.xgboost.data.table import Rows
from wildsage.algorithms.xgboost.serving.model import Ensemble

ORDER = (
    "predicted_label", "labels", "probability", "probabilities", "raw_score", "raw_scores", "predicted_score",
)  # fmt: skip
REGRESSION = ("reg:squarederror", "reg:logistic", "reg:gamma", "reg:absoluteerror", "reg:tweedie")
WITH_PROBABILITIES = ("binary:logistic", "multi:softprob")
WITHOUT = ("binary:logitraw", "binary:hinge", "multi:softmax")
OF_PROBABILITY = ("probability", "probabilities")

Record = dict[str, Any]


class NoSelectableContent(Exception):
    """The model's objective has no selectable content (HTTP 500)."""


def valid_keys(objective: str) -> tuple[str, ...]:
    """What can be said of a model of that objective. Raises NoSelectableContent."""
    if objective in REGRESSION:
        return ("predicted_score",)
    if objective in WITH_PROBABILITIES:
        return ORDER[:6]
    if objective in WITHOUT:
        return tuple(key for key in ORDER[:6] if key not in OF_PROBABILITY)
    raise NoSelectableContent(f"Objective `{objective}` unsupported for selectable inference predictions.")


def select(model: Ensemble, rows: Rows, wanted: Sequence[str]) -> list[Record]:
    """A record a row, with what is wanted in the original's order; what is not valid for the objective is NaN."""
    valid = valid_keys(model.objective)
    columns = _columns(model, rows)
    chosen = [key for key in ORDER if key in wanted and key in valid]
    invalid = [key for key in wanted if key not in valid]
    count = rows.shape[0]
    values = {key: columns[key] for key in chosen} | {key: [float("nan")] * count for key in invalid}
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]


def _columns(model: Ensemble, rows: Rows) -> Mapping[str, Sequence[Any]]:
    answers = model.predict(rows)
    if model.objective in REGRESSION:
        return {"predicted_score": answers.tolist()}
    if model.objective.startswith("multi:"):
        return _classes(model, rows, answers)
    return _two_classes(model.objective, answers)


def _two_classes(objective: str, scores_n: NDArray) -> Mapping[str, Sequence[Any]]:
    """`raw_scores` are [1 - s, s]; a label is s > 0.5, of logitraw s > 0."""
    threshold = 0.0 if objective == "binary:logitraw" else 0.5
    pairs = [[1 - score, score] for score in scores_n.tolist()]
    return {
        "predicted_label": (scores_n > threshold).astype(int).tolist(),
        "labels": [[0, 1]] * len(scores_n),
        "probability": scores_n.tolist(),
        "probabilities": pairs,
        "raw_score": scores_n.tolist(),
        "raw_scores": pairs,
    }


def _classes(model: Ensemble, rows: Rows, answers: NDArray) -> Mapping[str, Sequence[Any]]:
    scores_nk = answers if answers.ndim == 2 else model.margins(rows)
    predicted_n = answers.argmax(-1) if answers.ndim == 2 else answers.astype(int)
    best = np.take_along_axis(scores_nk, predicted_n[:, None], 1)[:, 0].tolist()
    everything = scores_nk.tolist()
    return {
        "predicted_label": predicted_n.tolist(),
        "labels": [list(range(model.num_class))] * len(predicted_n),
        "probability": best,
        "probabilities": everything,
        "raw_score": best,
        "raw_scores": everything,
    }


def as_csv(found: Sequence[Record], wanted: Sequence[str]) -> bytes:
    """In the order of the user; a list is JSON in quotes. No line end after the last row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for record in found:
        writer.writerow([_cell(record[key]) for key in wanted])
    return out.getvalue().removesuffix("\n").encode()


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value


def as_json(found: Sequence[Record]) -> bytes:
    """One object, whose `predictions` are the records."""
    return json.dumps({"predictions": list(found)}).encode()


def as_json_lines(found: Sequence[Record]) -> bytes:
    """One object a line, with a line end after the last."""
    return "".join(json.dumps(record) + "\n" for record in found).encode()


def as_records(found: Sequence[Record], records: Records) -> bytes:
    """A record a row: the original repeats earlier bytes in later records, which nobody could read; here each stands alone."""
    columns = {key: np.array([record[key] for record in found], np.float32) for key in found[0]}
    return records.encode(columns)
