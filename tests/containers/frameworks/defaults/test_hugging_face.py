"""What Hugging Face's image does where a script lacks a hook."""

from __future__ import annotations

import base64
import datetime
import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.containers.frameworks.endpoints import ask, endpoint, npy
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.frameworks.defaults import hugging_face
from wildsage.containers.frameworks.defaults.hugging_face import HuggingFaceHooks
from wildsage.containers.frameworks.formats import UnsupportedType

JSON = "application/json"


def label(text, top_k=1):
    return [{"label": str(text), "score": np.float32(0.5)}][:top_k]


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


@pytest.fixture
def transformers(monkeypatch) -> list[dict]:
    """Stands in for the library: notes what pipelines are asked for."""
    made: list[dict] = []
    module = SimpleNamespace(
        pipeline=lambda **given: made.append(given) or label,
        pipelines=SimpleNamespace(SUPPORTED_TASKS={"fill-mask": 1, "text-generation": 2}),
    )
    monkeypatch.setitem(sys.modules, "transformers", module)
    monkeypatch.setattr(hugging_face, "_device", lambda: -1)
    return made


def config(folder, *architectures: str) -> None:
    (folder / "config.json").write_text(json.dumps({"architectures": list(architectures)} if architectures else {}))


@pytest.mark.parametrize(
    ("architecture", "task"),
    [
        ("BertForMaskedLM", "fill-mask"),
        ("GPT2LMHeadModel", "text-generation"),
        ("TapasForQuestionAnswering", "question-answering"),
        ("BertForQuestionAnswering", "question-answering"),
        ("MarianMTModel", "text2text-generation"),
    ],
)
def test_the_architecture_of_a_model_says_its_task(transformers, tmp_path, architecture, task):
    config(tmp_path, architecture, "BertForMaskedLM")
    HuggingFaceHooks({}).model_fn(tmp_path)
    assert transformers == [{"task": task, "model": str(tmp_path), "device": -1}]


def test_a_task_that_is_named_comes_first(transformers, tmp_path):
    config(tmp_path, "BertForMaskedLM")
    HuggingFaceHooks({"HF_TASK": "text-generation"}).model_fn(tmp_path)
    assert transformers[0]["task"] == "text-generation"


@pytest.mark.parametrize("architectures", [("OwnModel",), ()])
def test_an_architecture_that_says_no_task_is_named(transformers, tmp_path, architectures):
    config(tmp_path, *architectures)
    named = architectures[0] if architectures else "None"
    with pytest.raises(UserError, match=rf"^Task couldn't be inferenced from {named}\. .*'GPT2LMHeadModel'"):
        HuggingFaceHooks({}).model_fn(tmp_path)


def test_without_a_task_and_a_configuration_the_tasks_are_listed(transformers, tmp_path):
    with pytest.raises(UserError, match=r"one of the following \['fill-mask', 'text-generation'\] as env 'HF_TASK'"):
        HuggingFaceHooks({}).model_fn(tmp_path)
    assert not transformers


def test_a_model_of_the_hub_is_one_of_this_machine(transformers, tmp_path, monkeypatch):
    def download(name, revision, local_files_only):
        assert (name, revision, local_files_only) == ("org/model", "main", True)
        return str(tmp_path / "snapshot")

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=download))
    environment = {"HF_MODEL_ID": "org/model", "HF_MODEL_REVISION": "main", "HF_TASK": "fill-mask"}
    HuggingFaceHooks(environment).model_fn(tmp_path)
    assert transformers[0]["model"] == str(tmp_path / "snapshot")
    with pytest.raises(
        UserError, match=r"^HF_MODEL_ID names org/model of the .*\(`hf download org/model`\).* \(AssertionError\)$"
    ):
        HuggingFaceHooks({**environment, "HF_MODEL_REVISION": "other"}).model_fn(tmp_path)


@pytest.mark.parametrize(("works", "device"), [(True, 0), (False, -1)])
def test_a_pipeline_computes_on_the_first_gpu_if_there_is_one(monkeypatch, works, device):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: works)
    assert hugging_face._device() == device


def test_without_torch_a_pipeline_computes_on_the_cpu(monkeypatch):
    monkeypatch.setattr(hugging_face.importlib.util, "find_spec", lambda name: None)
    assert hugging_face._device() == -1


@pytest.mark.parametrize("kind", ["image/png", "image/x-image", "IMAGE/JPEG; a=b"])
def test_pictures_come_in_colour(kind):
    content = io.BytesIO()
    Image.new("L", (2, 3), 200).save(content, "PNG")
    picture = HuggingFaceHooks({}).input_fn(content.getvalue(), kind)["inputs"]
    assert (picture.mode, picture.size, picture.getpixel((0, 0))) == ("RGB", (2, 3), (200, 200, 200))


@pytest.mark.parametrize("kind", ["audio/wav", "audio/x-flac", "audio/ogg"])
def test_sounds_are_bytes(kind):
    assert HuggingFaceHooks({}).input_fn(bytearray(b"ab"), kind) == {"inputs": b"ab"}


def test_arrays_are_read_as_by_other_frameworks():
    assert HuggingFaceHooks({}).input_fn(npy(np.arange(2)), "application/x-npy").tolist() == [0, 1]
    with pytest.raises(UnsupportedType):
        HuggingFaceHooks({}).input_fn(b"", "video/mp4")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("inputs\n", []),
        ("Inputs\na\n", [{"Inputs": "a"}]),
        ("id,inputs\n1,a\n2,b\n", ["a", "b"]),
        ("question,context\nq,c\n", [{"question": "q", "context": "c"}]),
    ],
)
def test_csv_has_texts_or_objects(text, found):
    assert HuggingFaceHooks({}).input_fn(text, "text/csv") == {"inputs": found}


def test_a_name_of_a_column_in_a_row_is_not_a_header():
    with pytest.raises(ValueError, match="with Header columns"):
        HuggingFaceHooks({}).input_fn("a,b\ninputs,2\n", "text/csv")


def test_only_some_tasks_take_no_csv():
    hooks = HuggingFaceHooks({"HF_TASK": "table-question-answering"})
    with pytest.raises(ValueError, match="content type text/csv not support with table-question-answering"):
        hooks.input_fn("inputs\na", "text/csv")
    assert hooks.input_fn('{"inputs": 1}', JSON) == {"inputs": 1}
    assert HuggingFaceHooks({"HF_TASK": "fill-mask"}).input_fn("inputs\na", "text/csv") == {"inputs": ["a"]}


def test_values_that_json_lacks_have_a_form_of_their_own():
    picture = Image.new("RGB", (1, 1), (1, 2, 3))
    values = {"a": np.float32(0.5), "at": datetime.date(2026, 1, 2), "picture": picture, "text": "é"}
    text, media_type = HuggingFaceHooks({}).output_fn(values, f"image/png, {JSON}, text/csv")
    assert (
        media_type == JSON
        and text.startswith('{"a":0.5,"at":"2026-01-02","picture":"')
        and text.endswith('"text":"é"}')
    )
    stored = base64.b64decode(json.loads(text)["picture"])
    assert Image.open(io.BytesIO(stored)).getpixel((0, 0)) == (1, 2, 3)
    with pytest.raises(TypeError, match="Object of type object is not JSON serializable"):
        HuggingFaceHooks({}).output_fn(object(), JSON)
    with pytest.raises(ValueError, match="JSON compliant"):
        HuggingFaceHooks({}).output_fn(float("nan"), JSON)


def test_answers_may_be_tables_or_arrays():
    rows = ({"a": 1, "b": 2} for _ in range(2))
    assert HuggingFaceHooks({}).output_fn(rows, "text/csv") == ("a,b\r\n1,2\r\n1,2\r\n", "text/csv")
    content, media_type = HuggingFaceHooks({}).output_fn(np.arange(2), "application/x-npy")
    assert (media_type, content) == ("application/x-npy", npy(np.arange(2)))


def test_an_exception_without_a_text_is_its_name():
    assert json.loads(HuggingFaceHooks({}).failure(KeyError()).body)["message"] == "KeyError"


def test_the_picture_that_nobody_can_save_is_named():
    with pytest.raises(TypeError):
        hugging_face._plain(SimpleNamespace(save=print))
