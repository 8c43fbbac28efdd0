"""The REST API of TensorFlow Serving on SavedModels: predict, classify, regress and the state of a model.

Source: http_rest_api_handler.cc of tensorflow/serving.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from wildsage.algorithms.base import json_text
from wildsage.algorithms.base.endpoint import HttpResponse
from wildsage.containers.frameworks.tensorflow_serving import arrays, saved_models
from wildsage.containers.frameworks.tensorflow_serving.errors import (
    JSON,
    InvalidArgument,
    ServableNotFound,
    ServingError,
)
from wildsage.containers.frameworks.tensorflow_serving.saved_models import SavedModel, Signature

DEFAULT_SIGNATURE = "serving_default"
EXAMPLES = "inputs"
"""The input of classify and regress: serialized examples."""


class Models:
    """The models below a folder. The highest version of each is loaded at once, others when they are asked for."""

    def __init__(self, folder: Path) -> None:
        """Raises UserError where there is no SavedModel, or one cannot be loaded."""
        self._folders = saved_models.find(folder)
        self._loaded: dict[Path, SavedModel] = {}
        self._loading = threading.Lock()
        for versions in self._folders.values():
            self._load(versions[max(versions)])

    @property
    def first(self) -> str:
        """The name of the model that answers where none is named."""
        return next(iter(self._folders))

    def call(self, name: str, version: str | None, method: str, body: str | bytes) -> HttpResponse:
        """The answer to POST /v1/models/NAME[/versions/VERSION]:METHOD."""
        calls: dict[str, Callable[[SavedModel, Mapping[str, Any]], str]] = {
            "predict": _predict,
            "classify": _classify,
            "regress": _regress,
        }
        try:
            if method not in calls:
                raise InvalidArgument(f"Malformed request: POST /v1/models/{name}:{method}")
            model = self._load(self._folder(name, version))
            return HttpResponse(200, calls[method](model, _parse(body)).encode(), JSON)
        except ServingError as error:
            return error.response

    def status(self, name: str, version: str | None) -> HttpResponse:
        """The answer to GET /v1/models/NAME[/versions/VERSION]."""
        try:
            folder = self._folder(name, version)
        except ServingError as error:
            return error.response
        status = {"error_code": "OK", "error_message": ""}
        states = [{"version": str(int(folder.name)), "state": "AVAILABLE", "status": status}]
        return HttpResponse(200, json.dumps({"model_version_status": states}, indent=1).encode(), JSON)

    def _folder(self, name: str, version: str | None) -> Path:
        versions = self._folders.get(name, {})
        if version is None and versions:
            return versions[max(versions)]
        if version and version.isdecimal() and int(version) in versions:
            return versions[int(version)]
        asked = f"Specific({name}, {version})" if version else f"Latest({name})"
        raise ServableNotFound(f"Servable not found for request: {asked}")

    def _load(self, folder: Path) -> SavedModel:
        with self._loading:
            if folder not in self._loaded:
                self._loaded[folder] = SavedModel(folder)
            return self._loaded[folder]


def _parse(body: str | bytes) -> Mapping[str, Any]:
    if not body:
        raise InvalidArgument("JSON Parse error: The document is empty")
    try:
        found = json_text.parse(body)
    except json.JSONDecodeError as error:
        text = "Invalid value" if error.msg == "Expecting value" else error.msg
        raise InvalidArgument(f"JSON Parse error: {text}. at offset: {error.pos}") from None
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"JSON Parse error: {error}") from None
    if not isinstance(found, dict):
        raise InvalidArgument(f"JSON Value: {json.dumps(found)} Is not object")
    return found


def _signature(model: SavedModel, request: Mapping[str, Any]) -> Signature:
    name = request.get("signature_name", DEFAULT_SIGNATURE) or DEFAULT_SIGNATURE
    if not isinstance(name, str):
        raise InvalidArgument("JSON Value: not formatted correctly. 'signature_name' key must be a string value.")
    if name not in model.signatures:
        raise InvalidArgument(f'Serving signature name: "{name}" not found in signature def')
    return model.signatures[name]


def _predict(model: SavedModel, request: Mapping[str, Any]) -> str:
    signature = _signature(model, request)
    given = [name for name in ("inputs", "instances") if name in request]
    if len(given) == 2:
        raise InvalidArgument(
            "JSON Value: Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        )
    if not given:
        raise InvalidArgument("Missing 'inputs' or 'instances' key")
    if given == ["instances"]:
        return arrays.to_predictions(signature.run(arrays.of_instances(request["instances"], signature.types)))
    return arrays.to_outputs(signature.run(arrays.of_inputs(request["inputs"], signature.types)))


def _classify(model: SavedModel, request: Mapping[str, Any]) -> str:
    outputs = _run_on_examples(model, request, "classify")
    rows = len(next(iter(outputs.values())))
    columns = np.size(next(iter(outputs.values()))) // rows
    scores = outputs.get("scores", np.zeros((rows, columns), np.float32)).reshape(rows, columns)
    classes = outputs.get("classes", np.full((rows, columns), b"", object)).reshape(rows, columns)
    results = []
    for labels, values in zip(classes, scores, strict=True):
        pairs = (
            f"[{json.dumps(one.decode())}, {arrays.decimal(value)}]" for one, value in zip(labels, values, strict=True)
        )
        results.append(f"[{', '.join(pairs)}]")
    return arrays.document("results", results)


def _regress(model: SavedModel, request: Mapping[str, Any]) -> str:
    values = np.ravel(_run_on_examples(model, request, "regress")["outputs"])
    return f'{{\n    "results": [{", ".join(map(arrays.decimal, values))}]\n}}'


def _run_on_examples(model: SavedModel, request: Mapping[str, Any], method: str) -> dict[str, np.ndarray]:
    """The outputs for `examples`: objects of features, to which those of `context` are added."""
    signature = _signature(model, request)
    if signature.method != method:
        name = {"classify": "classification", "regress": "regression"}[method]
        prefix = saved_models.PREFIX
        raise InvalidArgument(
            f"Expected {name} signature method_name to be {prefix}{method}. Was: {prefix}{signature.method}"
        )
    examples = request.get("examples")
    if not isinstance(examples, list) or not examples:
        raise InvalidArgument(f"JSON Value: When method is {method}, key 'examples' is expected and was not found")
    shared = _features(request.get("context", {}))
    serialized = [_example({**shared, **_features(one)}) for one in examples]
    return signature.run({EXAMPLES: np.array(serialized, object)})


def _features(example: Any) -> dict[str, tf.train.Feature]:
    if not isinstance(example, dict):
        raise InvalidArgument("Example must be JSON object")
    return {name: _feature(name, value) for name, value in example.items()}


def _feature(name: str, value: Any) -> tf.train.Feature:
    """A feature of text, of whole numbers or of floats, by the first of its values."""
    values = value if isinstance(value, list) else [value]
    if all(isinstance(one, str | dict) for one in values):
        texts = arrays.of_inputs(values, {name: arrays.TEXT})[name]
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=texts.tolist()))
    if all(isinstance(one, int) for one in values):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    if all(isinstance(one, float) for one in values):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    raise InvalidArgument(f"Unexpected element type in feature: {name} expecting one type of values")


def _example(features: Mapping[str, tf.train.Feature]) -> bytes:
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
