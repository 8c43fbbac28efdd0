"""The server of a container, before it listens; `test_running_server.py` asks one over HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from flask.testing import FlaskClient

from wildsage import algorithms
from wildsage.algorithms.base.endpoint import HttpResponse
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.containers import programs, serve
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.contract.paths import OptML
from wildsage.containers.model_files import artifact
from wildsage.containers.serving.server import EndpointServer

CENTERS = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
def folder(tmp_path) -> OptML:
    found = OptML(tmp_path)
    artifact.save(KMeansModel(CENTERS), found.model, "algo-1")
    return found


@pytest.fixture
def server(folder, monkeypatch) -> Iterator[Callable[..., EndpointServer]]:
    """The server that a container with these variables would run."""
    made: list[EndpointServer] = []
    monkeypatch.setattr(EndpointServer, "run", lambda self: made.append(self))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2} if process == 0 else set())

    def make(**variables: str) -> EndpointServer:
        serve.serve({"SAGEMAKER_DATA_PATH": str(folder.root), **variables})
        return made.pop()

    yield make
    assert not made


@pytest.fixture
def client(server) -> Callable[..., FlaskClient]:
    return lambda **variables: server(**variables).load().test_client()


def test_one_model_is_served_by_a_worker_for_each_core(server):
    found = server(SAGEMAKER_BIND_TO_PORT="1234")
    assert (found.cfg.workers, found.cfg.bind) == (3, ["127.0.0.1:1234"])
    client = found.load().test_client()
    assert json.loads(client.post("/invocations", data=b"3,0", headers=CSV).data)["predictions"] == [
        {"closest_cluster": 0.0, "distance_to_cluster": 3.0}
    ]
    assert client.get("/execution-parameters").json["MaxConcurrentTransforms"] == 3


@pytest.mark.parametrize(
    ("variables", "content_type"),
    [
        ({}, "application/json"),
        ({"SAGEMAKER_BATCH": "true"}, "application/jsonlines"),
        ({"SAGEMAKER_BATCH": "True"}, "application/jsonlines"),
        ({"SAGEMAKER_BATCH": "false"}, "application/json"),
        ({"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"}, "text/csv"),
    ],
)
def test_variables_decide_the_type_of_answers(client, variables, content_type):
    assert client(**variables).post("/invocations", data=b"3,0", headers=CSV).content_type == content_type


def test_only_this_machine_may_ask_where_a_variable_says_so(client):
    headers = {"Host": "elsewhere.example"}
    assert client().get("/ping", headers=headers).status_code == 200
    assert client(WILDSAGE_LOCAL="1").get("/ping", headers=headers).status_code == 403


def test_the_form_is_there_where_it_is_asked_for(client):
    browser = {"Accept": "text/html"}
    assert client().get("/", headers=browser).status_code == 404
    assert "<h1>model.tar.gz</h1>" in client(WILDSAGE_FORM="model.tar.gz").get("/", headers=browser).text


def test_several_models_are_loaded_by_one_worker_when_they_are_asked_for(server, folder):
    folder.model.rename(folder.root / "gone")
    place = folder.loaded_model("one")
    artifact.save(KMeansModel(CENTERS), place, "algo-1")
    found = server(SAGEMAKER_MULTI_MODEL="true", WILDSAGE_MODEL_MEMORY_MB="1", SAGEMAKER_BATCH="true")
    assert found.cfg.workers == 1
    client = found.load().test_client()
    order = {"model_name": "one", "url": "/opt/ml/models/one/model"}
    assert client.post("/models", json=order).status_code == 200
    answer = client.post("/models/one/invoke", data=b"3,0", headers=CSV)
    assert answer.content_type == "application/jsonlines" and b'"distance_to_cluster": 3.0' in answer.data
    (place / "more").write_bytes(bytes(2 << 20))
    assert client.post("/models", json={**order, "model_name": "two"}).status_code == 507


def test_a_model_of_another_algorithm_is_rejected(server):
    with pytest.raises(UserError, match="kmeans"):
        server(WILDSAGE_ALGORITHM="pca")


def test_a_model_that_holds_numbers_that_are_not_finite_is_rejected(server, folder):
    content = ndarray.write([np.full((2, 2), np.nan, np.float32)])
    (folder.model / "model_algo-1").write_bytes(content)
    for variables in ({}, {"WILDSAGE_ALGORITHM": "kmeans"}):
        with pytest.raises(UserError, match="NaN or infinity"):
            server(**variables)


class Program:
    """An endpoint of an algorithm that brings its own program."""

    def invocations(self, request):
        return HttpResponse(200, b"of the program")

    def execution_parameters(self):
        return HttpResponse(404, b"")


@pytest.mark.parametrize("named", [True, False])
def test_a_program_answers_where_the_image_or_the_files_are_its_own(client, monkeypatch, folder, named):
    loaded = []

    def load(name, place, environment):
        loaded.append((name, place))
        return Program()

    monkeypatch.setattr(programs, "load", load)
    if not named:
        monkeypatch.setattr(algorithms, "program_in", lambda place: "xgboost" if place == folder.model else None)
    variables = {"WILDSAGE_ALGORITHM": "xgboost"} if named else {}
    assert client(**variables).post("/invocations", data=b"1").data == b"of the program"
    assert loaded == [("xgboost", folder.model)]


def test_files_that_a_program_cannot_read_are_said_to_be_anothers(server, monkeypatch):
    def load(*_):
        raise UserError("no booster")

    monkeypatch.setattr(programs, "load", load)
    with pytest.raises(UserError, match="The files look like a model of kmeans"):
        server(WILDSAGE_ALGORITHM="xgboost")
