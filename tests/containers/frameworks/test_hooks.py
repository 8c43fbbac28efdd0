"""Hooks of a script in serving, and what each framework does where they are missing."""

from __future__ import annotations

import io
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from tests.containers.frameworks.endpoints import ROWS, ask, endpoint, npy
from wildsage.algorithms.base.endpoint import HttpRequest
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.frameworks import defaults, hooks, python
from wildsage.containers.frameworks.defaults.base import DefaultHooks
from wildsage.containers.frameworks.hooks import ScriptEndpoint


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


def test_a_module_of_that_name_from_elsewhere_does_not_stand_in_for_the_models(tmp_path, monkeypatch):
    (tmp_path / "inference.py").write_text("from_the_model = True\n")
    elsewhere = ModuleType("inference")
    elsewhere.__file__ = str(tmp_path.parent / "elsewhere" / "inference.py")
    monkeypatch.setitem(sys.modules, "inference", elsewhere)  # its folder stands no longer among those of modules
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert hooks.load_module(None, tmp_path).from_the_model


@pytest.mark.parametrize("hook", ["input_fn", "predict_fn", "output_fn"])
def test_transform_fn_excludes_each_of_the_three(hook):
    with pytest.raises(UserError, match=r"^Cannot use transform_fn implementation in conjunction"):
        endpoint(model_fn=lambda folder: 1, transform_fn=print, **{hook: print})


def test_hooks_may_ask_for_the_context_each():
    found = endpoint(
        model_fn=lambda folder: 0,
        input_fn=lambda body, content_type, context: context.get_request_header(0, "Content-Type"),
        predict_fn=lambda data, model, context: [data, context.system_properties["model_dir"]],
        output_fn=lambda prediction, accept, context: "|".join([*prediction, context.get_request_header(0, "Accept")]),
    )
    assert ask(found, "1", "text/csv; a=b") == (200, b"text/csv; a=b|/model|application/json", "application/json")
    assert hooks.Context({}).get_request_header(0, "Accept") is None


@pytest.mark.parametrize("accept", [None, "", "*/*"])
def test_who_accepts_anything_gets_the_type_of_the_model(accept):
    assert (
        ask(endpoint(accept="text/csv", model_fn=lambda folder: 1, predict_fn=sums), ROWS, accept=accept)[2]
        == "text/csv"
    )


@pytest.mark.parametrize(
    ("answer", "body"), [("é", "é".encode()), (b"a", b"a"), (bytearray(b"a"), b"a"), (memoryview(b"a"), b"a")]
)
def test_answers_are_text_or_bytes(answer, body):
    found = endpoint(model_fn=lambda folder: 1, transform_fn=lambda model, data, content_type, accept: (answer, "a/b"))
    assert ask(found, "1") == (200, body, "a/b")


def test_bodies_of_text_are_text_and_others_bytes():
    kinds = endpoint(model_fn=lambda folder: 1, transform_fn=lambda model, data, *_: type(data).__name__)
    assert [ask(kinds, "1", kind)[1] for kind in ("text/csv", "application/json", None, "text/plain", "image/png")] == [
        *(b"str", b"str", b"str", b"bytes", b"bytes"),
    ]


def test_a_script_computes_one_request_at_a_time():
    computing, most = [], []

    def predict_fn(data, model):
        computing.append(1)
        most.append(len(computing))
        time.sleep(0.01)
        computing.pop()
        return data

    found = endpoint(model_fn=lambda folder: 1, predict_fn=predict_fn)
    with ThreadPoolExecutor(8) as pool:
        assert [status for status, _, _ in pool.map(lambda _: ask(found, "1,2"), range(8))] == [200] * 8
    assert max(most) == 1


def test_the_defaults_get_a_path_and_a_script_the_text_of_one(tmp_path):
    asked = []
    own = SimpleNamespace(model_fn=lambda folder: asked.append(folder))
    for module in (own, None):
        fallback = SimpleNamespace(model_fn=lambda folder: asked.append(folder), **dict.fromkeys(hooks.REPLACED, print))
        ScriptEndpoint(module, fallback, tmp_path, None)
    assert asked == [str(tmp_path), tmp_path]


def test_no_parameters_of_a_transform_are_recommended():
    assert endpoint(model_fn=lambda folder: 1).execution_parameters().status == 404


def test_a_program_in_a_folder_is_a_module_of_a_package(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "serve.py").write_text("VALUE = __name__")
    assert hooks.load_module("deep/serve.py", tmp_path).VALUE == "deep.serve"
    assert sys.path[0] == str(tmp_path)
    assert [entry for entry in sys.path if entry == str(python.IMAGE_MODULES)] == [str(python.IMAGE_MODULES)]
    assert hooks.load_module("serve.py", tmp_path / "nowhere") is None


def test_modules_of_a_package_from_elsewhere_do_not_stand_in_either(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "inference.py").write_text("")
    names = {"inference": None, "inference.more": None, "inference_more": None, "own": str(tmp_path / "own.py")}
    for name, file in names.items():
        module = ModuleType(name)
        module.__file__ = file
        monkeypatch.setitem(sys.modules, name, module)
    hooks.load_module(None, tmp_path)
    assert "inference.more" not in sys.modules and {"inference_more", "own"} <= sys.modules.keys()
