"""JSON documents of requests and of answers."""

from __future__ import annotations

import pytest
import torch

from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.base.spec import Response
from wildsage.containers.codecs.text import json_document


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


def test_a_wrong_instance_is_counted_from_one():
    with pytest.raises(BadRecord, match="row 2: the instance is a list"):
        list(json_document.decode([b'{"instances": [{"features": [1]}, []]}']))


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_how_the_bytes_arrive_does_not_matter(size):
    body = b'{"instances": [{"features": [1, 2]}, {"features": [3, 4]}]}'
    (batch,) = json_document.decode(body[i : i + size] for i in range(0, len(body), size))
    assert batch.features.tolist() == [[1, 2], [3, 4]]


def test_a_document_is_printed_as_json_dumps_prints_it():
    columns = {"score": torch.tensor([0.9899773597717285]), "predicted_label": torch.tensor([1])}
    body = json_document.encode(columns, Response("predictions", ("score", "predicted_label")))
    assert body == b'{"predictions": [{"score": 0.9899773597717285, "predicted_label": 1}]}'


def test_columns_of_many_values_are_lists_and_doubles_are_printed_as_float32():
    columns = {"projection": torch.tensor([[1.0, 0.1], [2.0, -3.5]], dtype=torch.float64)}
    body = json_document.encode(columns, Response("projections", ("projection",)))
    assert body == b'{"projections": [{"projection": [1.0, 0.10000000149011612]}, {"projection": [2.0, -3.5]}]}'
