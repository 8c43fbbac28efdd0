"""`serve` with scripts, up to where the server would listen: servers that run are in test_serving_processes.py."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("sklearn")  # once, since each server imports it
from tests.containers.frameworks.endpoints import write_model
from wildsage.algorithms.base.endpoint import HttpRequest
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract import archive, layered_environment
from wildsage.containers.contract.paths import OptML
from wildsage.containers.frameworks import errors, python, serving
from wildsage.containers.frameworks.serving import count_workers
from wildsage.containers.serving.server import EndpointServer


def test_the_number_of_processes_is_that_of_the_variable_or_of_the_cores():
    assert count_workers({"SAGEMAKER_MODEL_SERVER_WORKERS": "3"}) == 3
    assert count_workers({}) == len(os.sched_getaffinity(0))
    for wrong in ("0", "auto", "-1"):
        with pytest.raises(UserError, match=f"SAGEMAKER_MODEL_SERVER_WORKERS: got '{wrong}', expected a whole number"):
            count_workers({"SAGEMAKER_MODEL_SERVER_WORKERS": wrong})


@pytest.mark.parametrize(
    ("variables", "count"),
    [
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": "1"}, 1),
        ({"SAGEMAKER_MODEL_SERVER_WORKERS": ""}, len(os.sched_getaffinity(0))),
        ({"SAGEMAKER_TFS_INSTANCE_COUNT": "2"}, len(os.sched_getaffinity(0))),
        ({"WILDSAGE_FRAMEWORK": "tensorflow"}, 1),
        ({"WILDSAGE_FRAMEWORK": "tensorflow", "SAGEMAKER_GUNICORN_WORKERS": "5"}, 5),
        ({"WILDSAGE_FRAMEWORK": "tensorflow", "SAGEMAKER_TFS_INSTANCE_COUNT": "2", "SAGEMAKER_GUNICORN_WORKERS": "5"}, 2),
        ({"WILDSAGE_FRAMEWORK": "tensorflow", "SAGEMAKER_MODEL_SERVER_WORKERS": "3", "SAGEMAKER_GUNICORN_WORKERS": "5"}, 3),
    ],
)  # fmt: skip
def test_tensorflow_has_one_process_and_variables_of_its_own(variables, count):
    assert count_workers(variables) == count


def test_a_number_of_processes_that_is_not_one_is_named_with_its_variable():
    with pytest.raises(UserError, match=r"^SAGEMAKER_GUNICORN_WORKERS: got 'all', expected"):
        count_workers({"WILDSAGE_FRAMEWORK": "tensorflow", "SAGEMAKER_GUNICORN_WORKERS": "all"})


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of models that this process loads end with the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("inference", "own"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture
def server(tmp_path: Path, modules: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., EndpointServer]:
    """The server that a container would run, before it listens."""
    made: list[EndpointServer] = []
    monkeypatch.setattr(EndpointServer, "run", lambda self: made.append(self))
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("without requirements it goes on as it is"))

    def make(**variables: str) -> EndpointServer:
        ours = {"WILDSAGE_FRAMEWORK": "scikit-learn", "SAGEMAKER_DATA_PATH": str(tmp_path), **variables}
        serving.serve(ours)
        return made[-1]

    return make


HEADERS = {"Content-Type": "text/csv"}


def test_a_server_answers_as_the_variables_say(server, tmp_path, capfd):
    write_model(tmp_path / "model", 2)
    found = server(SAGEMAKER_MODEL_SERVER_WORKERS="3", SAGEMAKER_BIND_TO_PORT="1234")
    assert (found.cfg.workers, found.cfg.bind, found.cfg.preload_app) == (3, ["127.0.0.1:1234"], False)
    assert capfd.readouterr().out.startswith("Serving with sklearn ")
    answer = found.load().test_client().post("/invocations", data=b"1,2", headers=HEADERS)
    assert (answer.status_code, answer.data, answer.content_type) == (200, b"[12.0]", "application/json")
    app = server(SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT="text/csv", WILDSAGE_LOCAL="1").load()
    assert app.test_client().post("/invocations", data=b"1,2", headers=HEADERS).data == b"12.0\n"
    assert app.test_client().get("/ping", headers={"Host": "elsewhere.example"}).status_code == 403


def test_several_models_are_loaded_by_one_process(server, tmp_path):
    write_model(tmp_path / "models" / "one" / "model", 1)
    found = server(SAGEMAKER_MULTI_MODEL="True", SAGEMAKER_MODEL_SERVER_WORKERS="3")
    assert found.cfg.workers == 1
    client = found.load().test_client()
    order = {"model_name": "one", "url": "/opt/ml/models/one/model"}
    assert client.post("/models", json=order).status_code == 200
    assert client.post("/models/one/invoke", data=b"1,2", headers=HEADERS).data == b"[6.0]"


def test_a_library_that_survives_no_fork_is_not_imported_before_it(server, tmp_path, monkeypatch):
    write_model(tmp_path / "model", 2)
    imported: list[str] = []
    monkeypatch.setattr(serving, "_import_once", lambda framework: imported.append(framework.name))
    for name in ("scikit-learn", "tensorflow"):
        server(WILDSAGE_FRAMEWORK=name)
    assert imported == ["scikit-learn"]


def test_what_can_be_imported_of_a_framework_is_imported_before_the_fork(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "broken_of_test.py").write_text("raise ValueError('binary incompatibility')")
    (tmp_path / "whole_of_test.py").touch()
    serving._import_once(SimpleNamespace(packages=("broken_of_test", "not_there_of_test", "whole_of_test")))
    assert "broken_of_test" not in sys.modules
    del sys.modules["whole_of_test"]


def test_a_model_of_several_has_its_own_code_or_that_of_the_container(tmp_path, modules):
    environment = {"WILDSAGE_FRAMEWORK": "scikit-learn"}
    write_model(tmp_path / "shared", 3)
    write_model(tmp_path / "own", 1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "number").write_text("4")
    answers = [
        serving._model_of_several(tmp_path / name, tmp_path / "shared" / "code", environment)
        .invocations(HttpRequest(b"1,2", "text/csv"))
        .body
        for name in ("own", "other")
    ]
    assert answers == [b"[6.0]", b"[21.0]"]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("def transform_fn(): pass\ninput_fn = transform_fn", "Cannot use transform_fn"),
        ("raise KeyError('a')", "KeyError: 'a'"),
    ],
)
def test_a_model_of_several_that_fails_is_its_makers_mistake(tmp_path, modules, script, reason):
    write_model(tmp_path / "model", 1, script)
    with pytest.raises(UserError, match=f"^{reason}"):
        serving._model_of_several(tmp_path / "model", tmp_path, {"WILDSAGE_FRAMEWORK": "scikit-learn"})


def test_code_lies_in_the_model_or_is_brought_from_elsewhere(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "inference.py").touch()
    archive.pack(tmp_path / "elsewhere", tmp_path / "code.tar.gz")
    opt_ml = OptML(tmp_path / "ml")
    elsewhere = {"SAGEMAKER_SUBMIT_DIRECTORY": f"file://{tmp_path}/code.tar.gz"}
    for environment in ({}, {"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}):
        assert serving._code(opt_ml, environment) == opt_ml.model / "code"
    assert serving._code(opt_ml, elsewhere) == opt_ml.code and (opt_ml.code / "inference.py").is_file()
    (opt_ml.model / "code").mkdir(parents=True)
    assert serving._code(opt_ml, elsewhere) == opt_ml.model / "code", "that of the model comes first"


@pytest.fixture
def became(monkeypatch) -> list[tuple]:
    """What the process becomes."""
    found: list[tuple] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: found.append(arguments))
    return found


def test_a_server_with_requirements_goes_on_in_their_environment(tmp_path, monkeypatch, became):
    own = tmp_path / "own" / "bin" / "python"
    monkeypatch.setattr(python, "of_job", lambda code: own)
    environment = {"PYTHONPATH": f"{layered_environment.IMPORT_ROOT}:/users", "A": "b"}
    serving._run_in_python_of_job(tmp_path, environment)
    ((interpreter, line, variables),) = became
    assert interpreter == own and line == [str(own), "-m", "wildsage.containers", "serve"]
    assert variables == {"A": "b", "PYTHONPATH": f"/users:{python.IMAGE_MODULES}"}
    monkeypatch.setattr(python, "in_environment_of_job", lambda: True)
    serving._run_in_python_of_job(tmp_path, environment)
    assert len(became) == 1, "it runs there already"


def test_a_server_without_requirements_stays_as_it_is(tmp_path, became):
    serving._run_in_python_of_job(tmp_path, {})
    assert not became


def test_requirements_that_cannot_be_installed_are_the_users_mistake(tmp_path, monkeypatch, became):
    def fail(code: Path) -> Path:
        raise errors.install_requirements(["pip"], 1, "no such package")

    monkeypatch.setattr(python, "of_job", fail)
    with pytest.raises(UserError, match=r'^InstallRequirementsError:\nExitCode 1\nErrorMessage "no such package'):
        serving._run_in_python_of_job(tmp_path, {})
    assert not became
