"""Bodies of answers, and which type is chosen."""

import json

import numpy as np
import pytest

from wildsage.algorithms.xgboost.serving import answers
from wildsage.algorithms.xgboost.serving.answers import CSV, JSON, JSON_LINES, RECORDS, UnsupportedAccept, choose_type

SCORES = np.array([0.5, 1e-6, -2.0, 1e17], np.float32)
PAIRS = np.array([[0.5, 0.25], [1.0, 1e20]], np.float32)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "default"), ("", "default"), ("*/*", "default"), (" * ", "default"), ("text/csv", CSV), ("CSV", CSV), (" csv ;q=1", CSV),
        ("Application/JSON; charset=utf-8", JSON), ("application/jsonlines", JSON_LINES), ("application/x-recordio-protobuf", RECORDS),
        ("image/png, application/json, text/csv", JSON), ("text/html, */*;q=0.1", "default"), ("text/html,csv", CSV),
    ],
)  # fmt: skip
def test_the_first_type_that_is_written_is_chosen(accept, chosen):
    assert choose_type(accept, "default") == chosen


@pytest.mark.parametrize("accept", ["image/png", "text/*", "application/jsonline", "json"])
def test_other_types_are_rejected_with_those_that_are_written(accept):
    with pytest.raises(UnsupportedAccept) as raised:
        choose_type(accept, CSV)
    assert str(raised.value) == (
        f"Accept type {accept} is not supported. Please use supported accept types: ['application/json', 'application/jsonlines', "
        "'application/x-recordio-protobuf', 'text/csv']."
    )


def test_a_number_a_row():
    words = [repr(value) for value in SCORES.tolist()]
    assert words[1].endswith("e-07") and words[3].endswith("e+16")
    assert answers.joined(SCORES) == ",".join(words).encode()
    assert answers.lines(SCORES) == answers.batch(SCORES) == "".join(f"{word}\n" for word in words).encode()
    assert json.loads(answers.document(SCORES)) == {"predictions": [{"score": value} for value in SCORES.tolist()]}
    assert json.loads(answers.array(SCORES)) == SCORES.tolist()


def test_several_numbers_a_row():
    rows = [[repr(value) for value in row] for row in PAIRS.tolist()]
    assert answers.joined(PAIRS) == ",".join(f"[{', '.join(row)}]" for row in rows).encode()
    assert answers.lines(PAIRS) == "".join(f"{','.join(row)}\n" for row in rows).encode()
    assert answers.batch(PAIRS) == "".join(f"[{', '.join(row)}]\n" for row in rows).encode()
    assert json.loads(answers.document(PAIRS)) == {"predictions": [{"score": row} for row in PAIRS.tolist()]}


def test_numbers_at_the_ends_of_the_common_spelling_are_spelled_as_python_spells_them():
    ends = np.array([1e-4, 9.9e-5, 9.9e15, 1e16, 0, -0.0, -1e-4, -1e16, np.nan, np.inf], np.float32)
    ends = np.concatenate([ends, np.nextafter(ends[:4], np.float32(0)), np.nextafter(ends[:4], np.float32(np.inf))])
    assert answers.lines(ends).decode().split() == [repr(value) for value in ends.tolist()]


def test_without_rows_there_is_nothing():
    none = np.empty(0, np.float32)
    assert answers.joined(none) == answers.lines(none) == b""
