"""Arrays in TensorFlow Serving's JSON, in both directions, and the server's texts for what does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest

from wildsage.containers.frameworks.tensorflow_serving import arrays
from wildsage.containers.frameworks.tensorflow_serving.errors import InvalidArgument

FLOAT, INT, TEXT, BOOL = np.dtype(np.float32), np.dtype(np.int64), arrays.TEXT, np.dtype(bool)


def instances(elements, **types):
    return {name: array.tolist() for name, array in arrays.of_instances(elements, types).items()}


def test_rows_are_stacked():
    assert instances([[1, 2], [3, 0.5]], x=FLOAT) == {"x": [[1.0, 2.0], [3.0, 0.5]]}
    assert instances([1, 2], x=INT) == {"x": [1, 2]}
    assert instances(["a", {"b64": "aGk="}], x=TEXT) == {"x": [b"a", b"hi"]}
    assert instances([{"x": [1], "y": True}, {"x": [2], "y": False}], x=INT, y=BOOL) == {
        "x": [[1], [2]],
        "y": [True, False],
    }


@pytest.mark.parametrize(
    ("elements", "text"),
    [
        ([[1, 2], [3]], "element: 1 of 'instances' list. Error: INVALID_ARGUMENT: Expecting tensor size: 2 but got: 1"),
        ([[1, 2], [[3, 4]]], "INVALID_ARGUMENT: Expecting shape [2] but got: [1, 2]"),
        ([["a"]], 'JSON Value: "a" Type: String is not of expected type: float'),
        ([[True]], "JSON Value: true Type: True is not of expected type: float"),
        ([[None]], "JSON Value: null Type: Null is not of expected type: float"),
        ([[1, [2]]], "Encountered list at unexpected level: 1 expected < 1"),
        ([[[1], 2]], "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ([[[1, 2], [3]]], "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ([16777217], "Cannot convert JSON value: 16777217 to float without loss of precision."),
        ([1e39], "Cannot convert JSON value: 1e+39 to float without loss of precision."),
        ([], "No values in 'instances' array"),
        ({}, "Excepting 'instances' to be an list/array"),
        ([{"z": 1}], "element: 0 of 'instances' list. JSON object: {\"z\": 1} keys must be equal to: x"),
        ([1, {"x": 1}], "Expecting value/list but got object at item 1 of input list"),
        ([{"x": 1}, 1], "Expecting object but got list at item 1 of input list"),
    ],
)
def test_rows_that_do_not_fit_are_rejected_in_the_servers_words(elements, text):
    with pytest.raises(InvalidArgument) as caught:
        arrays.of_instances(elements, {"x": FLOAT})
    assert text in str(caught.value)


def test_whole_numbers_are_not_rounded_nor_wrapped():
    with pytest.raises(InvalidArgument, match=r"JSON Value: 1\.5 Type: Number is not of expected type: int64"):
        arrays.of_instances([1.5], {"x": INT})
    with pytest.raises(InvalidArgument, match="JSON Value: 300 Type: Number is not of expected type: uint8"):
        arrays.of_instances([300], {"x": np.dtype(np.uint8)})


def test_columns_are_named_or_alone():
    assert arrays.of_inputs([[1], [2]], {"x": FLOAT})["x"].shape == (2, 1)
    assert arrays.of_inputs(3, {"x": FLOAT})["x"].shape == ()
    assert arrays.of_inputs({"x": [1], "y": "a"}, {"x": FLOAT, "y": TEXT})["y"][()] == b"a"
    with pytest.raises(InvalidArgument, match="Missing named input: y in 'inputs' object"):
        arrays.of_inputs({"x": [1]}, {"x": FLOAT, "y": TEXT})
    with pytest.raises(InvalidArgument, match="expecting an object as multiple input tensors required"):
        arrays.of_inputs([1], {"x": FLOAT, "y": TEXT})


def test_answers_have_the_layout_of_the_server():
    rows = np.array([[0.1, 2], [1 / 3, 1e-9]], np.float32)
    assert arrays.to_predictions({"y": rows}) == '{\n    "predictions": [[0.1, 2.0], [0.333333343, 1e-09]\n    ]\n}'
    assert arrays.to_outputs({"y": rows[0]}) == '{\n    "outputs": [\n        0.1,\n        2.0\n    ]\n}'
    several = {"p": rows, "n_bytes": np.array([b"hi", b"\xff"], object), "ok": np.array([True, False])}
    assert json.loads(arrays.to_predictions(several))["predictions"][0] == {
        "n_bytes": {"b64": "aGk="},
        "ok": True,
        "p": [0.1, 2.0],
    }
    assert json.loads(arrays.to_outputs({"a": np.array(7), "b": np.array([b"hi"], object)}))["outputs"] == {
        "a": 7,
        "b": ["hi"],
    }
    with pytest.raises(InvalidArgument, match="Tensor name: y has no shape information"):
        arrays.to_predictions({"y": np.array(1.0)})


def test_decimals_are_read_back_as_the_same_number():
    numbers = np.random.default_rng(0).normal(size=100)
    assert all(float(arrays.decimal(value)) == value for value in numbers)
    assert all(np.float32(arrays.decimal(value)) == value for value in numbers.astype(np.float32))
    assert [arrays.decimal(np.float32(value)) for value in (np.nan, np.inf, -np.inf, 9e6)] == [
        "NaN",
        "Infinity",
        "-Infinity",
        "9e+06",
    ]
