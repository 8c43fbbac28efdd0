"""Hooks of a script in serving, and what each framework does where they are missing."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from wildsage.algorithms.base.endpoint import HttpRequest
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.frameworks import defaults, hooks
from wildsage.containers.frameworks.defaults.base import DefaultHooks
from wildsage.containers.frameworks.hooks import ScriptEndpoint

ROWS = "1,2\n3,4\n"


def npy(array) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def endpoint(
    framework: str = "scikit-learn", accept: str | None = None, folder: Path = Path("/model"), environment=None, **own
):
    return ScriptEndpoint(
        SimpleNamespace(**own), defaults.of_framework(framework, "1.7-1", environment or {}), folder, accept
    )


def ask(found: ScriptEndpoint, body: bytes | str, content_type: str | None = "text/csv", accept: str | None = None):
    content = body.encode() if isinstance(body, str) else body
    answer = found.invocations(HttpRequest(content, content_type, accept))
    return answer.status, answer.body, answer.content_type


def sums(data, model):
    return data.sum(axis=1) * model


def test_scikit_learn_reads_and_writes_arrays_by_default():
    found = endpoint(model_fn=lambda folder: 2, predict_fn=sums)
    assert ask(found, ROWS) == (200, b"[6.0, 14.0]", "application/json")
    assert ask(found, "1,2") == (200, b"[6.0]", "application/json")
    assert ask(found, "[[1, 2]]", None, "*/*") == (200, b"[6.0]", "application/json")
    assert ask(found, ROWS, accept="text/csv") == (200, b"6.0\n14.0\n", "text/csv")
    assert ask(found, ROWS, accept="image/png, application/x-npy;q=0.5") == (
        200,
        npy(np.array([6, 14], np.float32)),
        "application/x-npy",
    )
    assert ask(found, npy(np.array([[1, 2]])), "application/x-npy") == (200, b"[6]", "application/json")


def test_the_models_environment_names_the_type_of_answers_without_accept():
    assert ask(endpoint(accept="text/csv", model_fn=lambda folder: 1, predict_fn=sums), ROWS)[2] == "text/csv"


def test_hooks_replace_the_defaults_one_by_one():
    found = endpoint(
        model_fn=lambda folder: {"folder": folder},
        input_fn=lambda body, content_type: (body, content_type),
        predict_fn=lambda data, model: [*data, model["folder"]],
        output_fn=lambda prediction, accept: (json.dumps([*map(str, prediction), accept]), "application/x-own"),
    )
    answer = ask(found, b"\xff\x00", "image/jpeg", "text/plain")
    assert answer == (
        200,
        json.dumps([str(b"\xff\x00"), "image/jpeg", "/model", "text/plain"]).encode(),
        "application/x-own",
    )


def test_one_hook_may_do_it_all_and_may_ask_for_the_context():
    def transform_fn(model, body, content_type, accept, context):
        return f"{model} {body} {context.custom_attributes}".encode()

    found = endpoint(model_fn=lambda folder, context: context.system_properties["model_dir"], transform_fn=transform_fn)
    answer = found.invocations(HttpRequest(b"a", "text/csv", "text/csv", "trace=1"))
    assert (answer.body, answer.content_type) == (b"/model a trace=1", "text/csv")


def test_hooks_that_exclude_each_other_are_refused():
    with pytest.raises(UserError, match=r"^Cannot use transform_fn implementation in conjunction with input_fn"):
        endpoint(model_fn=lambda folder: 1, transform_fn=print, output_fn=print)


@pytest.mark.parametrize("framework", ["scikit-learn", "xgboost"])
def test_only_a_script_knows_how_to_load_a_model(framework):
    with pytest.raises(NotImplementedError, match=r"^Please provide a model_fn implementation\.$"):
        endpoint(framework)


def test_a_caller_gets_the_text_of_what_a_hook_raises_and_no_trace():
    class OwnError(Exception):
        status_code = 422

    def predict_fn(data, model):
        raise (OwnError if data.sum() > 5 else ValueError)(f"{data.sum():g} is too much")

    found = endpoint(model_fn=lambda folder: 1, predict_fn=predict_fn)
    assert ask(found, "1,2")[:2] == (500, b"3 is too much")
    assert ask(found, "3,4")[:2] == (422, b"7 is too much")
    status, body, _ = ask(found, "x", "image/png")
    assert status == 500
    assert body.startswith(b"Content type image/png is not supported by this framework.\n\nPlease implement input_fn")
    assert ask(endpoint(model_fn=lambda folder: 1, transform_fn=lambda *_: {"a": 1}), "1")[1].endswith(b"got dict.")


def test_pickled_arrays_are_not_read():
    found = endpoint(model_fn=lambda folder: 1, predict_fn=sums)
    stream = io.BytesIO()
    np.save(stream, np.array([object()]), allow_pickle=True)
    status, body, _ = ask(found, stream.getvalue(), "application/x-npy")
    assert status == 500 and b"allow_pickle=False" in body


def test_pytorch_serves_torchscript_without_a_script(tmp_path):
    torch = pytest.importorskip("torch")

    class Twice(torch.nn.Module):
        def forward(self, x):
            return x * 2

    with pytest.raises(NotImplementedError, match=r"Without one, the model is model\.pt .*; the folder has none\.$"):
        endpoint("pytorch", folder=tmp_path)
    torch.jit.save(torch.jit.script(Twice()), str(tmp_path / "own.pth"))
    found = endpoint("pytorch", folder=tmp_path)
    assert ask(found, "[[1, 2]]", "application/json") == (200, b"[[2.0, 4.0]]", "application/json")
    assert ask(found, npy(np.array([[1.5]])), "application/x-npy") == (200, b"[[3.0]]", "application/json")
    (tmp_path / "other.pt").write_bytes(b"")
    with pytest.raises(NotImplementedError, match=r"the folder has other\.pt, own\.pth"):
        endpoint("pytorch", folder=tmp_path)
    (tmp_path / "own.pth").rename(tmp_path / "model.pt")
    assert ask(endpoint("pytorch", folder=tmp_path), "1,2")[0] == 200


def test_xgboost_gets_the_librarys_matrix():
    xgboost = pytest.importorskip("xgboost")
    rows = np.array([[0, 1], [1, 0], [0, 2], [3, 0]], np.float32)
    booster = xgboost.train({"max_depth": 1}, xgboost.DMatrix(rows, label=rows[:, 1]), 3)
    found = endpoint("xgboost", model_fn=lambda folder: booster)
    expected = booster.predict(xgboost.DMatrix(rows[:2])).tolist()
    assert json.loads(ask(found, "0,1\n1,0")[1]) == expected
    assert ask(found, "0,1\n1,0", accept="text/csv")[1].split() == [
        str(np.float32(value)).encode() for value in expected
    ]
    dense = endpoint(
        "xgboost", model_fn=lambda folder: None, predict_fn=lambda data, model: [data.num_row(), data.num_nonmissing()]
    )
    assert ask(dense, "0:5 1:2\n1:3", "text/libsvm")[1] == b"[2, 3]"


def test_a_module_is_found_with_its_helpers_and_hides_no_other_models(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    for number in (1, 2):
        code = tmp_path / str(number) / "code"
        code.mkdir(parents=True)
        (code / "own_helper.py").write_text(f"NUMBER = {number}")
        (code / "inference.py").write_text("import own_helper\nVALUE = own_helper.NUMBER")
        loaded = hooks.load_module(None, code)
        assert number == loaded.VALUE
    with pytest.raises(UserError, match=r"The module serve\.py is not in the code of the model"):
        hooks.load_module("serve.py", code)
    assert hooks.load_module(None, tmp_path) is None
    assert isinstance(defaults.of_framework("huggingface-pytorch", "", {}), DefaultHooks)


def label(text, top_k=1):
    return [{"label": str(text), "score": np.float32(0.5)}][:top_k]


def test_a_module_of_that_name_from_elsewhere_does_not_stand_in_for_the_models(tmp_path, monkeypatch):
    (tmp_path / "inference.py").write_text("from_the_model = True\n")
    elsewhere = ModuleType("inference")
    elsewhere.__file__ = str(tmp_path.parent / "elsewhere" / "inference.py")
    monkeypatch.setitem(sys.modules, "inference", elsewhere)  # its folder stands no longer among those of modules
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert hooks.load_module(None, tmp_path).from_the_model


def test_hugging_face_takes_inputs_and_parameters_and_answers_json_without_spaces():
    found = endpoint("huggingface-pytorch", model_fn=lambda folder: label)
    json_type = "application/json"
    assert ask(found, '{"inputs": "fine"}', json_type) == (200, b'[{"label":"fine","score":0.5}]', json_type)
    assert ask(found, '{"inputs": "fine", "parameters": {"top_k": 0}}', json_type)[1] == b"[]"
    assert json.loads(ask(found, '{"question": "why?"}', json_type)[1])[0]["label"] == "{'question': 'why?'}"
    assert json.loads(ask(found, "inputs\none\ntwo\n")[1])[0]["label"] == "['one', 'two']"
    rows = "[{'question': 'q', 'context': 'c'}]"
    assert json.loads(ask(found, "question,context\nq,c\n")[1])[0]["label"] == rows
    assert ask(found, '{"inputs": "a"}', json_type, "text/csv") == (200, b"label,score\r\na,0.5\r\n", "text/csv")
    assert json.loads(ask(found, b"\x01", "audio/wav")[1])[0]["label"] == "b'\\x01'"


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("a,b\n1,2", "text/csv", "You need to provide the correct CSV with Header columns"),
        ("[1]", "application/json", "pop expected at most 1 argument, got 2"),
        ("{", "application/json", "Expecting property name enclosed in double quotes"),
        ("x", "text/plain", "Content type text/plain is not supported by this framework."),
    ],
)
def test_hugging_face_answers_a_failure_in_the_form_of_its_model_server(body, content_type, text):
    status, answer, media_type = ask(endpoint("huggingface-pytorch", model_fn=lambda folder: label), body, content_type)
    found = json.loads(answer)
    assert (status, media_type, found["code"], found["type"]) == (
        400,
        "application/json",
        400,
        "InternalServerException",
    )
    assert text in found["message"]


def test_hugging_face_rejects_csv_where_a_task_needs_nested_values():
    environment = {"HF_TASK": "zero-shot-classification"}
    found = endpoint("huggingface-pytorch", environment=environment, model_fn=lambda folder: label)
    text = "content type text/csv not support with zero-shot-classification, use different content_type"
    assert json.loads(ask(found, "inputs\na")[1])["message"] == text
