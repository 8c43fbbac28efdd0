"""SavedModels behind one endpoint, with and without handlers, in a Python that has TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

tf = pytest.importorskip("tensorflow")
from tests.containers.frameworks.tensorflow_serving import exported  # noqa: E402
from wildsage.algorithms.base.endpoint import HttpRequest, HttpResponse  # noqa: E402
from wildsage.algorithms.base.errors import UserError  # noqa: E402
from wildsage.containers.frameworks.tensorflow_serving.endpoint import TensorFlowEndpoint  # noqa: E402


class TwoInputs(tf.Module):
    """An output of numbers and one of bytes."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.string)])
    def answer(self, number, text):
        return {"twice": number * 2, "text_bytes": text}


def ask(endpoint, body, content_type="application/json", accept=None, attributes=None):
    answer = endpoint.invocations(HttpRequest(body.encode(), content_type, accept, attributes))
    return answer.status, json.loads(answer.body)


def test_the_highest_version_answers_unless_another_is_asked_for(affine, tmp_path):
    endpoint = TensorFlowEndpoint(affine, tmp_path, {})
    assert ask(endpoint, "[1, 2, 3]") == (200, {"predictions": [[12.0, 14.0, 16.0]]})
    assert ask(endpoint, "1,2,3", "text/csv", attributes="tfs-model-version=9")[1] == {
        "predictions": [[11.0, 13.0, 15.0]]
    }
    assert ask(endpoint, '{"inputs": [[1, 2, 3]]}')[1] == {"outputs": [[12.0, 14.0, 16.0]]}
    missing = f"Servable not found for request: Specific({affine.name}, 3)"
    assert ask(endpoint, "[1, 2, 3]", attributes="tfs-model-version=3") == (404, {"error": missing})


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("[1, 2]", "Input x: got shape [1, 2], the signature of the model expects [-1, 3]."),
        ('{"instances": [["a", 1, 2]]}', 'JSON Value: "a" Type: String is not of expected type: float'),
        ('{"instances": }', "JSON Parse error: Invalid value. at offset: 14"),
        ('{"signature_name": "other", "instances": [1]}', 'Serving signature name: "other" not found in signature def'),
        ('{"examples": [{}]}', "Missing 'inputs' or 'instances' key"),
        ('{"inputs": 1, "instances": [1]}', "only one of 'inputs' or 'instances' keys to exist"),
    ],
)
def test_a_body_that_does_not_fit_the_model_gets_status_400(affine, tmp_path, body, text):
    status, answer = ask(TensorFlowEndpoint(affine, tmp_path, {}), body)
    assert status == 400 and text in answer["error"]


def test_line_breaks_are_removed_where_accept_names_json(affine, tmp_path):
    endpoint = TensorFlowEndpoint(affine, tmp_path, {})
    request = HttpRequest(b"[[1,2,3],[1,2,3]]", "application/json", "application/jsonlines, text/csv")
    answer = endpoint.invocations(request)
    assert answer.content_type == "application/jsonlines" and b"\n" not in answer.body
    assert b"\n" in endpoint.invocations(HttpRequest(b"[1,2,3]", "application/json", "*/*")).body


def test_a_model_with_several_inputs_takes_and_returns_objects(tmp_path):
    module = TwoInputs()
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=module.answer)
    endpoint = TensorFlowEndpoint(tmp_path, tmp_path / "code", {})
    found = ask(endpoint, '{"instances": [{"number": 1, "text": "hi"}, {"number": 2, "text": {"b64": "aGk="}}]}')
    text = {"b64": "aGk="}
    assert found == (200, {"predictions": [{"text_bytes": text, "twice": 2.0}, {"text_bytes": text, "twice": 4.0}]})
    assert ask(endpoint, '{"inputs": {"number": [1], "text": ["hi"]}}')[1] == {
        "outputs": {"text_bytes": [text], "twice": [2.0]}
    }


def test_exports_of_estimators_classify_regress_and_predict(estimators, tmp_path):
    endpoint = TensorFlowEndpoint(estimators, tmp_path, {})
    assert ask(endpoint, '{"examples": [{"x": 0.25}, {"x": [0.5]}]}', attributes="tfs-method=classify") == (
        200,
        {"results": [[["no", 0.5], ["yes", 0.5]], [["no", 0.0], ["yes", 1.0]]]},
    )
    body = '{"signature_name": "regression", "context": {"x": 0.5}, "examples": [{}, {"x": 0.25}]}'
    assert ask(endpoint, body, attributes="tfs-model-name=Servo,tfs-method=regress") == (200, {"results": [1.0, 0.5]})
    status, answer = ask(endpoint, body, attributes="tfs-method=classify")
    assert (status, answer["error"]) == (
        400,
        "Expected classification signature method_name to be tensorflow/serving/classify. Was: tensorflow/serving/regress",
    )
    one = tf.train.Example(
        features=tf.train.Features(feature={"x": tf.train.Feature(float_list=tf.train.FloatList(value=[3.0]))})
    )
    text = tf.io.encode_base64(one.SerializeToString(), pad=True).numpy().decode().replace("-", "+").replace("_", "/")
    body = json.dumps({"signature_name": "predict", "instances": [{"b64": text}]})
    assert ask(endpoint, body) == (200, {"predictions": [[6.0]]})
    status, answer = ask(endpoint, '{"signature_name": "predict", "instances": ["no example"]}')
    assert status == 400 and "Could not parse example input" in answer["error"]


def write_code(folder: Path, script: str) -> Path:
    """The folder of the code in a model."""
    code = folder / "code"
    code.mkdir()
    (code / "inference.py").write_text(script)
    return code


HANDLERS = {
    "two": """
import json

def input_handler(data, context):
    assert context.request_content_type == "text/semicolons" and context.custom_attributes == "tfs-method=predict"
    return json.dumps({"instances": [[float(one) for one in data.read().decode().split(";")]]})

def output_handler(response, context):
    if response.status_code != 200:
        raise ValueError(response.json()["error"])
    return json.dumps({"sum": sum(response.json()["predictions"][0])}), context.accept_header
""",
    "one": """
import json
import requests

def handler(data, context):
    assert requests.get(context.rest_uri.rpartition(":")[0]).json()["model_version_status"][0]["state"] == "AVAILABLE"
    body = json.dumps({"inputs": [[float(one) for one in data.read().decode().split(";")]]})
    found = requests.post(context.rest_uri, data=body).json()
    if "error" in found:
        raise ValueError(found["error"])
    return json.dumps({"sum": sum(found["outputs"][0])}), context.accept_header
""",
}


def test_the_environment_may_name_the_model_that_answers(tmp_path):
    for name, version in (("a", 1), ("b", 2)):
        exported.save_affine(tmp_path / name, version)
    first = TensorFlowEndpoint(tmp_path, tmp_path, {"SAGEMAKER_TFS_DEFAULT_MODEL_NAME": ""})
    second = TensorFlowEndpoint(tmp_path, tmp_path, {"SAGEMAKER_TFS_DEFAULT_MODEL_NAME": "b"})
    assert ask(first, "[0, 0, 0]")[1] == {"predictions": [[1.0] * 3]}
    assert ask(second, "[0, 0, 0]")[1] == {"predictions": [[2.0] * 3]}
    assert ask(second, "[0, 0, 0]", attributes="tfs-model-name=a")[1] == {"predictions": [[1.0] * 3]}
    assert ask(second, "[0, 0, 0]", attributes="tfs-method=unknown") == (
        400,
        {"error": "Malformed request: POST /v1/models/b:unknown"},
    )


def test_a_body_of_another_type_is_rejected_before_the_model(affine, tmp_path):
    status, answer = ask(TensorFlowEndpoint(affine, tmp_path, {}), "1,2,3", "text/plain")
    assert (status, answer) == (415, {"error": "Unsupported Media Type: text/plain"})


def test_batch_transform_has_its_defaults(affine, tmp_path):
    assert TensorFlowEndpoint(affine, tmp_path, {}).execution_parameters() == HttpResponse(404, b"")


@pytest.mark.parametrize(
    ("returned", "status", "body", "content_type"),
    [
        ("('é', 'text/csv')", 200, "é".encode(), "text/csv"),
        ("(b'\\xff', 'image/png')", 200, b"\xff", "image/png"),
        ("(bytearray(b'a'), '')", 200, b"a", "application/json"),
        ("(None, None)", 200, b"", "application/json"),
        ("no_name", 500, b'{ "error": "name \'no_name\' is not defined" }', "application/json"),
        ("next(iter(()))", 500, b'{ "error": "StopIteration" }', "application/json"),
    ],
)
def test_what_a_handler_returns_is_the_answer(affine, tmp_path, caplog, returned, status, body, content_type):
    code = write_code(tmp_path, f"def handler(data, context):\n    return {returned}\n")
    answer = TensorFlowEndpoint(affine, code, {}).invocations(HttpRequest(b"", "text/csv"))
    assert answer == HttpResponse(status, body, content_type)
    assert ("The handler failed" in caplog.text) is (status == 500), "the log has the trace"


@pytest.mark.parametrize("kind", HANDLERS)
def test_handlers_in_inference_py_talk_to_the_server_of_the_model(affine, tmp_path, kind):
    endpoint = TensorFlowEndpoint(affine, write_code(tmp_path, HANDLERS[kind]), {})
    more = {"content_type": "text/semicolons", "accept": "application/json", "attributes": "tfs-method=predict"}
    assert ask(endpoint, "1;2;3", **more) == (200, {"sum": 42.0})
    status, answer = ask(endpoint, "1;2", **more)
    assert status == 500 and answer["error"].startswith("Input x: got shape [1, 2]")


def test_what_cannot_be_served_is_said_at_the_start(affine, tmp_path):
    (tmp_path / "model.keras").write_bytes(b"")
    with pytest.raises(
        UserError, match=r"^no SavedModel bundles found! Expected .* holds model\.keras\. .* with model\.export\.$"
    ):
        TensorFlowEndpoint(tmp_path, tmp_path, {})
    code = write_code(tmp_path, "def model_fn(folder): ...")
    with pytest.raises(UserError, match="Handlers are not implemented correctly in user script"):
        TensorFlowEndpoint(affine, code, {})
    damaged = tmp_path / "damaged" / "1"
    damaged.mkdir(parents=True)
    (damaged / "saved_model.pb").write_bytes(b"\xff")
    with pytest.raises(UserError, match="The SavedModel 1 cannot be loaded: "):
        TensorFlowEndpoint(damaged.parent, damaged, {})
