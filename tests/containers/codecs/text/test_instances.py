"""Instances of requests, in a JSON document and as JSON Lines."""

from __future__ import annotations

import json

import pytest
import torch

from wildsage.algorithms.base.batch import SparseRows
from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.base.float32 import BEYOND
from wildsage.containers.codecs.text import instances as instance_codec
from wildsage.containers.codecs.text import json_document, json_lines

DENSE = {"features": [1.5, 16, 14.0, 23.0]}
WRAPPED = {"data": {"features": {"values": [1.5, 16.0, 14.0, 23.0]}}}
SPARSE = {"data": {"features": {"keys": [0, 3], "shape": [4], "values": [1, 4.5]}}}
EXTRA = {"label": 3, "configuration": {"k": 1}, **DENSE}


def from_document(instances: list) -> list:
    return list(json_document.decode([json.dumps({"instances": instances, "configuration": {}}).encode()]))


def from_lines(instances: list) -> list:
    return list(json_lines.decode(["".join(json.dumps(each) + "\n" for each in instances).encode()]))


def sparse(keys: object, shape: object) -> dict:
    return {"data": {"features": {"keys": keys, "shape": shape, "values": [1]}}}


READERS = pytest.mark.parametrize("read", [from_document, from_lines])


@READERS
@pytest.mark.parametrize("instances", [[DENSE], [WRAPPED], [EXTRA], [DENSE, WRAPPED, EXTRA]])
def test_dense_forms(read, instances):
    (batch,) = read(instances)
    assert batch.features.tolist() == [[1.5, 16, 14, 23]] * len(instances)
    assert batch.features.dtype == torch.float32
    assert batch.labels_nl is None


@READERS
def test_sparse_and_mixed_forms_become_sparse_rows(read):
    (batch,) = read([SPARSE, DENSE, {"data": {"features": {"keys": [], "shape": [4], "values": []}}}])
    assert isinstance(batch.features, SparseRows)
    assert batch.dense().tolist() == [[1, 0, 0, 4.5], [1.5, 16, 14, 23], [0, 0, 0, 0]]


@READERS
def test_the_first_and_the_last_column_of_a_sparse_form_belong_to_it(read):
    width = (1 << 63) - 1
    (batch,) = read([{"data": {"features": {"keys": [0, width - 1], "shape": [width], "values": [1, 2]}}}])
    assert (batch.width, batch.features.columns_z.tolist()) == (width, [0, width - 1])


def test_a_matrix_is_one_row_of_all_its_numbers():
    (batch,) = from_document([{"data": {"features": {"keys": [5], "shape": [2, 3], "values": [7]}}}])
    assert batch.dense().tolist() == [[0, 0, 0, 0, 0, 7]]


@pytest.mark.parametrize(
    ("instances", "width", "at_once"),
    [
        ([DENSE, {"features": [1, 2, 3, 4]}], None, True),
        ([DENSE], 4, True),
        ([DENSE], 3, False),
        ([DENSE, {"features": [1]}], None, False),
        ([{"features": []}], None, False),
        ([{"features": [1, True]}], None, False),
        ([{"features": [1, 1e39]}], None, False),
        ([{"features": {"values": [1]}}], None, False),
        ([{"features": 3}], None, False),
        ([DENSE, WRAPPED], None, False),
        ([DENSE, 7], None, False),
    ],
)
def test_plain_lists_of_one_width_are_read_at_once_and_nothing_else_is(instances, width, at_once):
    rows = instance_codec._all_dense(instances, width)
    assert (rows is not None) == at_once
    if rows is not None:
        assert rows.values_z.reshape(len(rows), rows.width).tolist() == [each["features"] for each in instances]


WRONG = [
    ([DENSE, 7], "row 2: the instance is the number 7, expected an object with features"),
    ([{"values": [1]}], "row 1: no features among its keys ['values']"),
    ([DENSE, {"features": [1]}], "row 2: 1 columns, expected 4 as in the rows before"),
    ([{"features": []}], "row 1: the features have no values"),
    ([{"features": 3}], "row 1: features are the number 3, expected a list"),
    ([{"features": [1, "2"]}], "row 1: value 2 of 2 is the text '2', expected a number"),
    ([{"features": [1, True]}], "row 1: value 2 of 2 is true, expected a number"),
    ([{"features": [1, 1]}, {"features": [1, 1e39]}], "row 2: value 2 of 2 is 1e+39, expected a number that float32"),
    (
        [{"data": {"features": {"keys": [3], "shape": [9], "values": [-1e39]}}}],
        "row 1: value 1 of 1 is -1e+39, expected a number that float32",
    ),
    ([{"features": [None]}], "row 1: value 1 of 1 is missing or null, expected a number"),
    ([{"features": [[1, 2]]}], "row 1: value 1 of 1 is a list, expected a number"),
    (
        [{"data": {"features": {"keys": [4], "shape": [4], "values": [1]}}}],
        "row 1: key 4 is out of range, expected 0 to 3",
    ),
    ([{"data": {"features": {"keys": [-1], "shape": [4], "values": [1]}}}], "key -1 is out of range"),
    ([{"data": {"features": {"keys": [1.0], "shape": [4], "values": [1]}}}], "keys are not all whole numbers"),
    ([{"data": {"features": {"keys": [1, 2], "shape": [4], "values": [1]}}}], "2 keys and 1 values"),
    ([{"data": {"features": {"keys": [1], "values": [1]}}}], "shape of a sparse instance is missing or null"),
    ([{"data": {"features": {"keys": [1], "shape": [1 << 62, 4], "values": [1]}}}], "is beyond 2^63 columns"),
    ([{"data": {"features": {"keys": [1], "shape": [4], "values": {}}}}], "values are an object, expected a list"),
    (
        [{"features": {"keys": [1]}}],
        "row 1: features are an object, expected a list of numbers or an object with values",
    ),
    ([{"features": [BEYOND]}], "row 1: value 1 of 1 is 3.4028235677973366e+38, expected a number that float32"),
    ([{"features": ["x" * 41]}], f"row 1: value 1 of 1 is the text '{'x' * 40}', expected a number"),
    ([{"data": 3}], "row 1: no features among its keys ['data'], expected"),
    ([{"data": {"values": [1]}}], "row 1: no features among its keys ['data'], expected"),
    ([sparse([True], [4])], "keys are not all whole numbers"),
    ([sparse([1 << 63], [4])], "keys are not all whole numbers"),
    ([sparse({}, [4])], "keys are not all whole numbers"),
    ([sparse([(1 << 63) - 1], [4])], "key 9223372036854775807 is out of range, expected 0 to 3 (shape [4])"),
    ([sparse([1], [])], "shape of a sparse instance is a list, expected [columns]"),
    ([sparse([1], [4, 0])], "shape of a sparse instance is a list"),
    ([sparse([1], [4.0])], "shape of a sparse instance is a list"),
    ([sparse([1], [True])], "shape of a sparse instance is a list"),
    ([sparse([1], 4)], "shape of a sparse instance is the number 4"),
    ([sparse([1], [1 << 63])], "shape [9223372036854775808] is beyond 2^63 columns"),
    ([DENSE, sparse([0], [5])], "row 2: 5 columns, expected 4 as in the rows before"),
]


@READERS
@pytest.mark.parametrize(("instances", "message"), WRONG)
def test_a_wrong_instance_is_named(read, instances, message):
    with pytest.raises(BadRecord) as caught:
        read(instances)
    assert message in str(caught.value)
