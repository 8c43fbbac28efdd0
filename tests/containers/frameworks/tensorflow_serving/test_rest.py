"""The REST API of TensorFlow Serving on SavedModels, in a Python that has TensorFlow."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")
from wildsage.algorithms.base.endpoint import HttpResponse  # noqa: E402
from wildsage.algorithms.base.errors import UserError  # noqa: E402
from wildsage.containers.frameworks.tensorflow_serving import rest  # noqa: E402
from wildsage.containers.frameworks.tensorflow_serving.errors import InvalidArgument  # noqa: E402
from wildsage.containers.frameworks.tensorflow_serving.saved_models import Signature  # noqa: E402


@pytest.fixture(scope="module")
def models(affine: Path) -> rest.Models:
    return rest.Models(affine)


def test_a_model_answers_in_the_version_that_is_asked_for_or_the_highest(affine, models):
    for version, expected in ((None, 10.0), ("9", 9.0), ("10", 10.0)):
        answer = models.call(models.first, version, "predict", '{"instances": [[0, 0, 0]]}')
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert json.loads(answer.body) == {"predictions": [[expected] * 3]}


@pytest.mark.parametrize(
    ("name", "version", "asked"),
    [("other", None, "Latest(other)"), ("other", "9", "Specific(other, 9)"), (None, "11", "Specific({}, 11)"), (None, "x", "Specific({}, x)")],
)  # fmt: skip
def test_a_model_or_version_that_is_not_there_is_named(models, name, version, asked):
    text = f"Servable not found for request: {asked.format(models.first)}"
    expected = HttpResponse(404, f'{{ "error": "{text}" }}'.encode(), "application/json")
    assert models.call(name or models.first, version, "predict", "{}") == expected
    assert models.status(name or models.first, version) == expected


@pytest.mark.parametrize(("version", "shown"), [(None, "10"), ("9", "9")])
def test_the_state_of_a_model_is_that_of_its_version(models, version, shown):
    answer = models.status(models.first, version)
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert answer.body.decode() == (
        '{\n "model_version_status": [\n  {\n'
        f'   "version": "{shown}",\n   "state": "AVAILABLE",\n   "status": {{\n'
        '    "error_code": "OK",\n    "error_message": ""\n   }\n  }\n ]\n}'
    )


def test_the_highest_version_is_loaded_at_once_and_others_when_they_are_asked_for(tmp_path, monkeypatch):
    for name in ("a/1", "a/2", "b/7"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "saved_model.pb").touch()
    loaded: list[str] = []
    monkeypatch.setattr(rest, "SavedModel", lambda folder: loaded.append(folder.name) or SimpleNamespace(signatures={}))
    models = rest.Models(tmp_path)
    assert loaded == ["2", "7"] and models.first == "a"
    for _ in range(2):
        assert models.call("a", "1", "predict", "{}").status == 400
    assert loaded == ["2", "7", "1"]


def test_a_version_that_two_ask_for_at_a_time_is_loaded_once(affine, monkeypatch):
    models = rest.Models(affine)
    loaded: list[Path] = []
    second = threading.Event()

    def load(folder: Path) -> SimpleNamespace:
        loaded.append(folder)
        if len(loaded) == 2:
            second.set()
        second.wait(0.2)
        return SimpleNamespace(signatures={})

    monkeypatch.setattr(rest, "SavedModel", load)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: models.call(models.first, "9", "predict", "{}"), range(2)))
    assert loaded == [affine / "9"]


def test_a_model_that_cannot_be_loaded_is_said_at_the_start(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"\xff")
    with pytest.raises(UserError, match="The SavedModel 1 cannot be loaded"):
        rest.Models(tmp_path)


def test_another_method_is_not_part_of_the_api(models):
    answer = models.call("a", None, "explain", "{}")
    assert (answer.status, json.loads(answer.body)) == (
        400,
        {"error": "Malformed request: POST /v1/models/a:explain"},
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "JSON Parse error: The document is empty"),
        ("{", "JSON Parse error: Expecting property name enclosed in double quotes. at offset: 1"),
        ("[1, ]", "JSON Parse error: Invalid value. at offset: 4"),
        (b'{"a": "\xff"}', "JSON Parse error: 'utf-8' codec can't decode byte 0xff in position 7: invalid start byte"),
        ("[" * 100_000, "JSON Parse error: The value is nested too deeply. at offset: 0"),
        ("[1]", "JSON Value: [1] Is not object"),
        ('{"signature_name": 1, "inputs": 1}', "JSON Value: not formatted correctly. 'signature_name' key must be a string value."),
        ('{"signature_name": "b", "inputs": 1}', 'Serving signature name: "b" not found in signature def'),
        ('{"inputs": 1, "instances": 1}', "JSON Value: Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "),
        ('{"input": 1}', "Missing 'inputs' or 'instances' key"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_used_is_rejected_in_the_servers_words(models, body, text):
    answer = models.call(models.first, None, "predict", body)
    assert (answer.status, json.loads(answer.body)) == (400, {"error": text})


@pytest.mark.parametrize("name", ["null", '""', '"serving_default"'])
def test_the_default_signature_may_be_left_out(models, name):
    answer = models.call(models.first, None, "predict", f'{{"signature_name": {name}, "inputs": [[1, 1, 1]]}}')
    assert json.loads(answer.body) == {"outputs": [[12.0] * 3]}


def model(method: str, **outputs: np.ndarray) -> SimpleNamespace:
    """A model with these outputs, for as many examples as they have rows."""
    shapes = {"inputs": tf.TensorSpec([None], tf.string)}

    def answer(inputs):
        return {name: tf.constant(value)[: len(inputs)] for name, value in outputs.items()}

    return SimpleNamespace(signatures={"serving_default": Signature(method, shapes, answer)})


CLASSES = np.array([["a", "é"], ["c", "d"]], object)
SCORES = np.array([[0.5, 1], [0.25, 0]], np.float32)


@pytest.mark.parametrize(
    ("outputs", "rows"),
    [
        ({"classes": CLASSES, "scores": SCORES}, [[["a", 0.5], ["é", 1.0]], [["c", 0.25], ["d", 0.0]]]),
        ({"classes": CLASSES}, [[["a", 0.0], ["é", 0.0]], [["c", 0.0], ["d", 0.0]]]),
        ({"scores": SCORES}, [[["", 0.5], ["", 1.0]], [["", 0.25], ["", 0.0]]]),
        ({"scores": SCORES[:, 0]}, [[["", 0.5]], [["", 0.25]]]),
    ],
)
def test_classes_have_scores_and_what_a_model_lacks_of_them_is_empty(outputs, rows):
    given = {"examples": [{}, {}]}
    assert json.loads(rest._classify(model("classify", **outputs), given)) == {"results": rows}


def test_results_have_the_layout_of_the_server():
    given = {"examples": [{}, {}]}
    classified = rest._classify(model("classify", classes=CLASSES, scores=SCORES), given)
    assert classified == '{\n    "results": [[["a", 0.5], ["\\u00e9", 1.0]], [["c", 0.25], ["d", 0.0]]\n    ]\n}'
    assert rest._regress(model("regress", outputs=SCORES[:, :1]), given) == '{\n    "results": [0.5, 0.25]\n}'


@pytest.mark.parametrize(
    ("call", "request_", "text"),
    [
        (rest._classify, {"examples": [{}]}, "Expected classification signature method_name to be tensorflow/serving/classify. Was: tensorflow/serving/predict"),
        (rest._regress, {"examples": [{}]}, "Expected regression signature method_name to be tensorflow/serving/regress. Was: tensorflow/serving/predict"),
    ],
)  # fmt: skip
def test_a_signature_of_another_method_is_rejected(call, request_, text):
    with pytest.raises(InvalidArgument) as caught:
        call(model("predict", outputs=SCORES), request_)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "JSON Value: When method is regress, key 'examples' is expected and was not found"),
        ({"examples": []}, "JSON Value: When method is regress, key 'examples' is expected and was not found"),
        ({"examples": {"x": 1}}, "JSON Value: When method is regress, key 'examples' is expected and was not found"),
        ({"examples": [1]}, "Example must be JSON object"),
        ({"examples": [{}], "context": []}, "Example must be JSON object"),
        ({"examples": [{"x": [1, 0.5]}]}, "Unexpected element type in feature: x expecting one type of values"),
        ({"examples": [{"x": [1, "a"]}]}, "Unexpected element type in feature: x expecting one type of values"),
        ({"examples": [{"x": None}]}, "Unexpected element type in feature: x expecting one type of values"),
    ],
)
def test_examples_that_cannot_be_used_are_rejected(given, text):
    with pytest.raises(InvalidArgument) as caught:
        rest._regress(model("regress", outputs=SCORES), given)
    assert str(caught.value) == text


def test_features_are_of_text_of_whole_numbers_or_of_floats_and_the_context_is_part_of_each_example():
    seen: list[dict[str, list]] = []

    def answer(inputs):
        for text in inputs.numpy():
            features = tf.train.Example.FromString(text).features.feature
            seen.append({name: list(getattr(one, one.WhichOneof("kind")).value) for name, one in features.items()})
        return {"outputs": tf.zeros(len(inputs))}

    shapes = {"inputs": tf.TensorSpec([None], tf.string)}
    found = SimpleNamespace(signatures={"serving_default": Signature("regress", shapes, answer)})
    examples = [{"a": "x", "b": [1, 2], "c": [0.5]}, {"a": {"b64": "aGk="}, "b": 7, "shared": 1.5}, {"d": []}]
    rest._regress(found, {"context": {"shared": 2.5}, "examples": examples})
    assert seen == [
        {"shared": [2.5], "a": [b"x"], "b": [1, 2], "c": [0.5]},
        {"shared": [1.5], "a": [b"hi"], "b": [7]},
        {"shared": [2.5], "d": []},
    ]
