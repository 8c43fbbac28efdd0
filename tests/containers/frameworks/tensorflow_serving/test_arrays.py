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


@pytest.mark.parametrize(
    ("dtype", "fits", "too_large"),
    [
        (np.float16, 2**11 - 1, 2**11),
        (np.float32, 2**24 - 1, 2**24),
        (np.float64, 2**53 - 1, 2**53),
        (np.float32, -(2**24) + 1, -(2**24)),
        (np.float32, 3e38, 4e38),
        (np.uint8, 255, 256),
        (np.uint8, 0, -1),
        (np.int8, 127, 128),
        (np.int8, -128, -129),
        (np.int64, 2**63 - 1, 2**63),
    ],
)
def test_the_largest_number_that_a_type_holds_is_taken_and_the_next_is_not(dtype, fits, too_large):
    """Alone, in a list, and in a list that needs a look at every value."""
    types = {"x": np.dtype(dtype)}
    for read in (arrays.of_inputs, lambda value, types: arrays.of_instances([value, 1], types)):
        assert np.ravel(read(fits, types)["x"])[0] == dtype(fits)
        with pytest.raises(InvalidArgument):
            read(too_large, types)


@pytest.mark.parametrize(
    ("value", "dtype", "kind"),
    [
        (True, INT, "Type: True is not of expected type: int64"),
        (1, BOOL, "Type: Number is not of expected type: bool"),
        (0.5, BOOL, "Type: Number is not of expected type: bool"),
        (1.0, INT, "Type: Number is not of expected type: int64"),
        (1, TEXT, "Type: Number is not of expected type: string"),
        ({"a": 1}, FLOAT, "Type: Object is not of expected type: float"),
        ("a", np.dtype(np.float64), "Type: String is not of expected type: double"),
        (None, np.dtype(np.float16), "Type: Null is not of expected type: half"),
    ],
)
def test_values_of_another_kind_are_named(value, dtype, kind):
    with pytest.raises(InvalidArgument, match=kind):
        arrays.of_inputs({"x": value}, {"x": dtype})


def test_text_may_be_in_base64_and_nothing_that_looks_alike_is():
    assert arrays.of_inputs([{"b64": "aGk="}, "é"], {"x": TEXT})["x"].tolist() == [b"hi", "é".encode()]
    with pytest.raises(InvalidArgument, match="Unable to base64 decode"):
        arrays.of_inputs({"b64": "a"}, {"x": TEXT})
    for value in ({"b64": 1}, {"b64": "aGk=", "a": 1}):
        with pytest.raises(InvalidArgument, match="keys must be equal to: x"):
            arrays.of_instances([value], {"x": TEXT})


def test_empty_lists_have_a_shape():
    assert arrays.of_inputs([], {"x": FLOAT})["x"].shape == (0,)
    assert arrays.of_inputs([[], []], {"x": FLOAT})["x"].shape == (2, 0)
    assert arrays.of_instances([[], []], {"x": TEXT})["x"].shape == (2, 0)


def test_several_inputs_are_columns_or_objects_with_all_of_them():
    types = {"y": INT, "x": FLOAT}
    with pytest.raises(InvalidArgument, match=r"as multiple input tensors required as per tensorinfo_map: x, y$"):
        arrays.of_instances([1], types)
    with pytest.raises(InvalidArgument, match=r"element: 1 of 'instances' list.* keys must be equal to: x,y$"):
        arrays.of_instances([{"x": 1, "y": 1}, {"x": 1}], types)
    with pytest.raises(InvalidArgument, match="Failed to process element: 1 key: y of 'instances' list"):
        arrays.of_instances([{"x": 1, "y": 1}, {"x": 1, "y": [1]}], types)
    with pytest.raises(InvalidArgument, match="Missing named input: x in"):
        arrays.of_inputs({}, types)
    assert arrays.of_inputs({"x": 1, "y": 2, "more": 3}, types).keys() == {"x", "y"}


def test_several_outputs_are_objects_by_row_or_arrays_by_name():
    outputs = {"b": np.array([[2, 3], [4, 5]], np.int32), "a": np.array([True, False])}
    assert arrays.to_predictions(outputs) == (
        '{\n    "predictions": [\n        {\n            "a": true,\n            "b": [2, 3]\n        },'
        '\n        {\n            "a": false,\n            "b": [4, 5]\n        }\n    ]\n}'
    )
    assert arrays.to_outputs({"b": np.array(2), "a": np.array([[1], [2]])}) == (
        '{\n    "outputs": {\n        "a": [\n            [\n                1\n            ],\n            [\n'
        '                2\n            ]\n        ],\n        "b": 2\n    }\n}'
    )
    assert arrays.to_outputs({"a": np.zeros((0, 2))}) == '{\n    "outputs": []\n}'
    assert json.loads(arrays.to_predictions({"a": np.zeros((0, 2)), "b": np.zeros(0)})) == {"predictions": []}
    with pytest.raises(InvalidArgument, match="Tensor name: b has inconsistent batch size: 3"):
        arrays.to_predictions({"a": np.zeros(2), "b": np.zeros(3)})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float32(1), "1.0"),
        (np.float32(0.1), "0.1"),
        (np.float32(1 / 3), "0.333333343"),
        (np.float64(1 / 3), "0.33333333333333331"),
        (np.float64(-2.5), "-2.5"),
        (np.float32(1234567), "1234567.0"),
        (np.float64(1e300), "1e+300"),
    ],
)
def test_a_decimal_has_as_many_digits_as_it_needs(value, text):
    assert arrays.decimal(value) == text


def test_bytes_of_an_output_go_out_as_text_or_in_base64_by_its_name():
    text = np.array([b"\xffa"], object)
    assert json.loads(arrays.to_predictions({"a": text}))["predictions"] == ["\N{REPLACEMENT CHARACTER}a"]
    assert json.loads(arrays.to_predictions({"a_bytes": text}))["predictions"] == [{"b64": "/2E="}]
    assert json.loads(arrays.to_outputs({"a_bytes": text, "b": text}))["outputs"]["a_bytes"] == [{"b64": "/2E="}]
