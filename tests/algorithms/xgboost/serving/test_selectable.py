"""Selectable content by hand, for each kind of objective."""

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest

pytest.importorskip("xgboost")
from wildsage.algorithms.xgboost.serving import selectable
from wildsage.algorithms.xgboost.serving.selectable import ORDER, NoSelectableContent, select, valid_keys
from wildsage.containers.codecs.records import record_rows
from wildsage.containers.programs import RecordCodec

WITHOUT_PROBABILITY = ("predicted_label", "labels", "raw_score", "raw_scores")


@dataclass
class Answering:
    """A model that gives these answers and margins, whatever the rows are."""

    objective: str
    answers: np.ndarray
    scores: np.ndarray | None = None
    num_class: int = 0

    def predict(self, rows) -> np.ndarray:
        return self.answers

    def margins(self, rows) -> np.ndarray:
        return self.scores


def selected(model: Answering, *wanted: str) -> list[dict]:
    return select(model, np.zeros((len(model.answers), 2)), wanted)


@pytest.mark.parametrize(
    "objective", ["reg:squarederror", "reg:logistic", "reg:gamma", "reg:absoluteerror", "reg:tweedie"]
)
def test_a_regression_has_its_score(objective):
    assert valid_keys(objective) == ("predicted_score",)
    found = selected(Answering(objective, np.array([0.5, 2.0])), "predicted_score")
    assert found == [{"predicted_score": 0.5}, {"predicted_score": 2.0}]


@pytest.mark.parametrize(
    ("objective", "middle", "keys"),
    [
        ("binary:logistic", 0.5, ORDER[:6]),
        ("binary:hinge", 0.5, WITHOUT_PROBABILITY),
        ("binary:logitraw", 0.0, WITHOUT_PROBABILITY),
    ],
)
def test_two_classes(objective, middle, keys):
    assert valid_keys(objective) == tuple(keys)
    scores = [middle - 0.25, middle, middle + 0.25]
    found = selected(Answering(objective, np.array(scores)), *keys)
    for record, score, label in zip(found, scores, (0, 0, 1), strict=True):
        everything = {
            "predicted_label": label, "labels": [0, 1], "probability": score, "probabilities": [1 - score, score], "raw_score": score,
            "raw_scores": [1 - score, score],
        }  # fmt: skip
        assert record == {key: everything[key] for key in keys} and list(record) == list(keys)


SCORES = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])


@pytest.mark.parametrize("objective", ["multi:softprob", "multi:softmax"])
def test_several_classes(objective):
    keys = ORDER[:6] if objective == "multi:softprob" else WITHOUT_PROBABILITY
    answers = SCORES if objective == "multi:softprob" else np.array([1.0, 2.0])
    found = selected(Answering(objective, answers, SCORES, 3), *keys)
    labels = [1, 0] if objective == "multi:softprob" else [1, 2]
    for record, label, scores in zip(found, labels, SCORES.tolist(), strict=True):
        everything = {
            "predicted_label": label, "labels": [0, 1, 2], "probability": scores[label], "probabilities": scores,
            "raw_score": scores[label], "raw_scores": scores,
        }  # fmt: skip
        assert record == {key: everything[key] for key in keys}


def test_what_is_not_valid_is_nan_and_comes_after_the_rest():
    (record,) = selected(
        Answering("binary:hinge", np.array([1.0])), "probability", "raw_score", "predicted_label", "nonsense"
    )
    assert list(record) == ["predicted_label", "raw_score", "probability", "nonsense"]
    assert math.isnan(record["probability"]) and math.isnan(record["nonsense"])


@pytest.mark.parametrize("objective", ["rank:pairwise", "count:poisson", "survival:cox", "reg:squaredlogerror"])
def test_other_objectives_have_none(objective):
    with pytest.raises(NoSelectableContent) as raised:
        valid_keys(objective)
    assert str(raised.value) == f"Objective `{objective}` unsupported for selectable inference predictions."


RECORDS = [{"predicted_label": 1, "raw_scores": [0.25, 0.75]}, {"predicted_label": 0, "raw_scores": [0.5, 0.5]}]


def test_csv_is_in_the_order_of_the_user():
    found = selectable.as_csv(RECORDS, ["raw_scores", "predicted_label"])
    assert found == b'"[0.25, 0.75]",1\n"[0.5, 0.5]",0'


def test_json_and_json_lines():
    assert json.loads(selectable.as_json(RECORDS)) == {"predictions": RECORDS}
    lines = selectable.as_json_lines(RECORDS)
    assert lines.endswith(b"\n") and [json.loads(line) for line in lines.splitlines()] == RECORDS


def test_each_record_of_protobuf_stands_alone():
    columns = {
        "predicted_label": np.array([1, 0], np.float32),
        "raw_scores": np.array([[0.25, 0.75], [0.5, 0.5]], np.float32),
    }
    assert selectable.as_records(RECORDS, RecordCodec()) == record_rows.encode(columns)
