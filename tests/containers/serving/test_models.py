"""Several models in one container: loaded, listed, invoked and unloaded as values."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
import torch

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.kmeans.algorithm import KMeans
from wildsage.algorithms.kmeans.model import KMeansModel
from wildsage.containers.contract.paths import OptML
from wildsage.containers.model_files import artifact
from wildsage.containers.serving.handler import Handler, HttpRequest
from wildsage.containers.serving.models import LoadedModels, memory_limit

ROW = HttpRequest(b"3,0", "text/csv")


def load(folder: Path) -> Handler:
    return Handler(artifact.load(folder)[1], KMeans.spec)


@pytest.fixture
def folder(tmp_path) -> OptML:
    """Two models where the platform puts them, and a folder that holds none."""
    found = OptML(tmp_path)
    for name, centers in (("near", [[0.0, 0.0]]), ("far", [[30.0, 0.0]])):
        artifact.save(KMeansModel(torch.tensor(centers)), found.loaded_model(name), "algo-1")
    found.loaded_model("empty").mkdir(parents=True)
    return found


@pytest.fixture
def models(folder) -> LoadedModels:
    return LoadedModels(folder, load, limit_bytes=1 << 20)


def order(name: str) -> bytes:
    return json.dumps({"model_name": name, "url": f"/opt/ml/models/{name}/model"}).encode()


def status_and_body(response) -> tuple[int, dict]:
    return response.status, json.loads(response.body)


def test_models_answer_between_loading_and_unloading(models):
    assert models.invoke("near", ROW).status == 404
    assert models.load(order("near")).status == models.load(order("far")).status == 200
    distances = [json.loads(models.invoke(name, ROW).body)["predictions"][0] for name in ("near", "far")]
    assert [found["distance_to_cluster"] for found in distances] == [3.0, 27.0]
    assert models.load(order("near")).status == 409
    assert models.unload("near").status == 200
    assert (models.invoke("near", ROW).status, models.unload("near").status) == (404, 404)
    assert models.load(order("near")).status == 200


def test_models_are_listed(models):
    assert status_and_body(models.list(None)) == (200, {"models": []})
    models.load(order("near"))
    entry = {"modelName": "near", "modelUrl": "/opt/ml/models/near/model"}
    assert status_and_body(models.list(None)) == (200, {"models": [entry]})
    assert status_and_body(models.describe("near")) == (200, entry)
    assert models.describe("far").status == 404


def test_long_lists_come_in_pages(tmp_path):
    models = LoadedModels(OptML(tmp_path), lambda folder: Handler(KMeansModel(torch.ones(1, 2)), KMeans.spec), 1 << 20)
    for number in range(250):
        models.load(order(f"m{number:03}"))
    token, names = None, []
    while token is not None or not names:
        _, page = status_and_body(models.list(token))
        names += [entry["modelName"] for entry in page["models"]]
        token = page.get("nextPageToken")
    assert names == [f"m{number:03}" for number in range(250)]


def test_what_would_not_fit_is_a_507_until_there_is_room(folder):
    size = sum(path.stat().st_size for path in folder.loaded_model("near").iterdir())
    models = LoadedModels(folder, load, limit_bytes=size)
    assert models.load(order("near")).status == 200
    status, found = status_and_body(models.load(order("far")))
    assert (status, found["message"]) == (507, f"Model far has {size} bytes, {size} of {size} are taken.")
    models.unload("near")
    assert models.load(order("far")).status == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "Load a model: "),
        (b"[" * 100_000, "Load a model: "),
        (b"[]", 'expected {"model_name": "name", "url"'),
        (b'{"model_name": "a", "url": "/etc/a"}', "'/etc/a' is not in the subpath of '/opt/ml'"),
        (b'{"model_name": "a", "url": "/opt/ml/../../etc"}', "leaves /opt/ml"),
        (order("empty"), "Model empty cannot be loaded: No model of"),
    ],
)
def test_what_cannot_be_loaded_is_a_400_that_says_why(models, body, message):
    status, found = status_and_body(models.load(body))
    assert status == 400 and message in found["message"]


def test_the_limit_is_the_variables_or_half_the_memory():
    assert memory_limit({"WILDSAGE_MODEL_MEMORY_MB": "3"}) == 3 << 20
    assert 0 < memory_limit({}) < 1 << 45
    with pytest.raises(UserError, match="got 'much', expected a whole number of megabytes"):
        memory_limit({"WILDSAGE_MODEL_MEMORY_MB": "much"})


@pytest.mark.parametrize(("count", "more"), [(99, False), (100, False), (101, True)])
def test_a_page_has_a_hundred_models_and_a_token_where_there_are_more(tmp_path, count, more):
    models = LoadedModels(OptML(tmp_path), lambda folder: Handler(KMeansModel(torch.ones(1, 2)), KMeans.spec), 1 << 20)
    for number in range(count):
        models.load(order(f"m{number:03}"))
    _, page = status_and_body(models.list(None))
    assert len(page["models"]) == min(count, 100)
    assert page.get("nextPageToken") == ("m099" if more else None)


@pytest.mark.parametrize(
    ("first", "second", "largest"),
    [("max", None, None), (" 1000 \n", "3000", 500), ("3000", "1000", 500), (None, None, None)],
)
def test_the_memory_of_a_container_is_that_of_its_group(tmp_path, monkeypatch, first, second, largest):
    paths = [tmp_path / "memory.max", tmp_path / "memory.limit_in_bytes"]
    for path, text in zip(paths, (first, second), strict=True):
        if text is not None:
            path.write_text(text)
    monkeypatch.setattr("wildsage.containers.serving.models.GROUP_LIMITS", tuple(map(str, paths)))
    whole = psutil.virtual_memory().total // 2
    assert memory_limit({}) == (largest or whole)
    assert memory_limit({"WILDSAGE_MODEL_MEMORY_MB": ""}) == (largest or whole)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model_name": "", "url": "/opt/ml/models/a/model"}',
        b'{"model_name": 1, "url": "/opt/ml/models/a/model"}',
        b'{"model_name": "a", "url": 1}',
        b'{"model_name": "a"}',
        b"",
    ],
)
def test_a_request_without_a_name_and_a_place_says_what_is_expected(models, body):
    status, found = status_and_body(models.load(body))
    assert status == 400 and found["code"] == 400 and found["message"].startswith("Load a model: ")


class Loading:
    """Loads a model when it is told to."""

    def __init__(self) -> None:
        self.begun, self.may_end, self.times = threading.Event(), threading.Event(), 0

    def __call__(self, folder: Path) -> Handler:
        self.times += 1
        self.begun.set()
        assert self.may_end.wait(240)
        return load(folder)


@pytest.mark.parametrize(("change", "status"), [("load", 409), ("unload", 200)])
def test_changes_of_a_model_wait_for_each_other(folder, change, status):
    loading = Loading()
    models = LoadedModels(folder, loading, limit_bytes=1 << 20)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(models.load, order("near"))
        assert loading.begun.wait(240)
        second = pool.submit(models.load, order("near")) if change == "load" else pool.submit(models.unload, "near")
        with pytest.raises(TimeoutError):
            second.result(timeout=0.1)
        loading.may_end.set()
        assert (first.result(240).status, second.result(240).status, loading.times) == (200, status, 1)
