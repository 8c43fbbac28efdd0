"""Requests in JSON and JSON Lines, and answers in both."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.batch import SparseRows
from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.base.spec import Response
from wildsage.containers.codecs.text import json_document, json_lines

DENSE = {"features": [1.5, 16, 14.0, 23.0]}
WRAPPED = {"data": {"features": {"values": [1.5, 16.0, 14.0, 23.0]}}}
SPARSE = {"data": {"features": {"keys": [0, 3], "shape": [4], "values": [1, 4.5]}}}
EXTRA = {"label": 3, "configuration": {"k": 1}, **DENSE}


def from_document(instances: list) -> list:
    return list(json_document.decode([json.dumps({"instances": instances, "configuration": {}}).encode()]))


def from_lines(instances: list) -> list:
    return list(json_lines.decode(["".join(json.dumps(each) + "\n" for each in instances).encode()]))


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
]


@READERS
@pytest.mark.parametrize(("instances", "message"), WRONG)
def test_a_wrong_instance_is_named(read, instances, message):
    with pytest.raises(BadRecord) as caught:
        read(instances)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not valid JSON"),
        (b'{"instances": [', "not valid JSON"),
        (b'{"instances": [{"features": [NaN]}]}', "not valid JSON"),
        (b"[]", "no list of instances"),
        (b'{"inputs": []}', "no list of instances"),
        (b'{"instances": {}}', "no list of instances"),
        (b'{"instances": []}', "is empty, expected at least one"),
    ],
)
def test_a_body_that_is_not_a_request(body, message):
    with pytest.raises(UserError, match=message):
        list(json_document.decode([body]))


def test_a_wrong_line_is_named_and_blank_ones_are_not_counted():
    with pytest.raises(BadRecord, match="row 2: the line is not valid JSON"):
        list(json_lines.decode([b'{"features": [1]}\n\n{"features": [1}\n']))


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_how_the_bytes_arrive_does_not_matter(size):
    body = b'\xef\xbb\xbf{"features": [1, 2]}\r\n\n{"features": [3, 4]}'
    (batch,) = json_lines.decode(body[i : i + size] for i in range(0, len(body), size))
    assert batch.features.tolist() == [[1, 2], [3, 4]]


def test_many_blocks_of_lines():
    rows = np.arange(200_000, dtype=np.float32).reshape(-1, 2)
    batches = from_lines([{"features": row} for row in rows.tolist()])
    assert len(batches) > 1
    assert np.array_equal(torch.cat([batch.features for batch in batches]).numpy(), rows)


def test_a_document_is_printed_as_json_dumps_prints_it():
    columns = {"score": torch.tensor([0.9899773597717285]), "predicted_label": torch.tensor([1])}
    body = json_document.encode(columns, Response("predictions", ("score", "predicted_label")))
    assert body == b'{"predictions": [{"score": 0.9899773597717285, "predicted_label": 1}]}'


def test_columns_of_many_values_are_lists_and_doubles_are_printed_as_float32():
    columns = {"projection": torch.tensor([[1.0, 0.1], [2.0, -3.5]], dtype=torch.float64)}
    body = json_document.encode(columns, Response("projections", ("projection",)))
    assert body == b'{"projections": [{"projection": [1.0, 0.10000000149011612]}, {"projection": [2.0, -3.5]}]}'


def test_every_line_ends():
    columns = {"closest_cluster": torch.tensor([1.0, 0.0]), "distance_to_cluster": torch.tensor([3.0, 0.5])}
    body = json_lines.encode(columns, Response("predictions", tuple(columns)))
    assert body == (
        b'{"closest_cluster": 1.0, "distance_to_cluster": 3.0}\n{"closest_cluster": 0.0, "distance_to_cluster": 0.5}\n'
    )


def test_compact_lines_are_those_of_recorded_answers():
    """Two recorded answers of linear learner, and numbers that JSON prints in other ways."""
    response = Response("predictions", ("score", "predicted_label"), compact_lines=True)
    columns = {
        "score": torch.tensor([0.9899773597717285, 0.5041388273239136, 1.0, 1e-17, -2.5, 3e20]),
        "predicted_label": torch.tensor([1, 1, 1, 0, 0, 1]),
    }
    assert json_lines.encode(columns, response).decode().splitlines() == [
        '{"predicted_label":1,"score":0.989977359771728}',
        '{"predicted_label":1,"score":0.504138827323913}',
        '{"predicted_label":1,"score":1.0}',
        '{"predicted_label":0,"score":0.0}',
        '{"predicted_label":0,"score":-2.5}',
        '{"predicted_label":1,"score":3.000000060122632e+20}',
    ]


def test_a_list_of_probabilities_is_cut_too():
    response = Response("predictions", ("score",), compact_lines=True)
    body = json_lines.encode({"score": torch.tensor([[0.1, 0.9]])}, response)
    assert body == b'{"score":[0.100000001490116,0.899999976158142]}\n'


def test_a_document_has_an_integer_label_after_the_score():
    response = Response("predictions", ("score", "predicted_label"))
    columns = {"score": torch.tensor([0.9899773597717285]), "predicted_label": torch.tensor([1])}
    assert (
        json_document.encode(columns, response)
        == b'{"predictions": [{"score": 0.9899773597717285, "predicted_label": 1}]}'
    )
