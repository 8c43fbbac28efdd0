"""What the image turns into `instances` before TensorFlow Serving reads it."""

from __future__ import annotations

import pytest

from wildsage.algorithms.base.endpoint import HttpRequest
from wildsage.containers.frameworks.tensorflow_serving import bodies
from wildsage.containers.frameworks.tensorflow_serving.bodies import UnsupportedBody


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", '{"instances": [[1]]}', '{"instances": [[1]]}'),
        ("application/json", '{"signature_name": "a", "inputs" : [1]}', '{"signature_name": "a", "inputs" : [1]}'),
        ("application/json", "[1, 2]", '{"instances":[[1, 2]]}'),
        ("application/json", "[[1, 2], [3, 4]]", '{"instances":[[1, 2], [3, 4]]}'),
        ("application/json", '{"a": 1}', '{"instances":[{"a": 1}]}'),
        ("application/json", '{"a": 1}\n{"a": 2}', '{"instances":[{"a": 1},{"a": 2}]}'),
        ("application/jsonlines", "[1]\r\n\n[2]\n", '{"instances":[[1],[2]]}'),
        ("application/jsons", "[1] [2]", '{"instances":[1] [2]}'),
        ("text/csv", "1.0,2\n-3,4e1\n", '{"instances":[[1.0,2],[-3,4e1]]}'),
        ("text/csv", "5\n6", '{"instances":[5,6]}'),
        ("text/csv", "red,2\nblue,3", '{"instances":[["red","2"],["blue","3"]]}'),
        ("text/csv", '"red, light"', '{"instances":[["red, light"]]}'),
    ],
)
def test_a_body_becomes_the_servers_json(content_type, body, expected):
    assert bodies.to_json(HttpRequest(body.encode(), content_type)) == expected


@pytest.mark.parametrize("content_type", ["text/csv; charset=utf-8", "Application/JSON", "application/x-npy"])
def test_other_types_are_rejected_also_with_parameters(content_type):
    with pytest.raises(UnsupportedBody) as caught:
        bodies.to_json(HttpRequest(b"1", content_type))
    assert caught.value.response.status == 415
    assert caught.value.response.body == f'{{ "error": "Unsupported Media Type: {content_type}" }}'.encode()


def test_a_body_without_a_type_is_rejected():
    with pytest.raises(UnsupportedBody, match="Unsupported Media Type: Unknown"):
        bodies.to_json(HttpRequest(b"1"))


def test_the_attributes_are_picked_out_of_the_header():
    assert bodies.attributes("trace=7, tfs-model-name=one,tfs-method=classify,tfs-bad=a=b") == {
        "tfs-model-name": "one",
        "tfs-method": "classify",
    }
    assert bodies.attributes(None) == {}
