"""Models of a multi-model container: loaded when they are asked for, unloaded for want of memory or of requests."""

from __future__ import annotations

import io
import json
import shutil
import threading
from contextlib import closing

import pytest
import urllib3

from wildsage.containers.contract import archive
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.jobs.hosting.multi_model import TARGET_MODEL, HostedModels, NotLoaded
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.store import ObjectStore


class Loading:
    """Stands in for a container that holds at most `room` models, by the contract of multi-model containers."""

    name = "c"

    def __init__(self, room: int = 9) -> None:
        self.room = room
        self.loaded: dict[str, str] = {}
        self.calls: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.says: dict[str, int] = {}

    def request(self, method, path, body=None, headers=None, timeout_s=60.0, whole=True):
        self.calls.append(f"{method} {path if method == 'DELETE' or path == '/models' else '/invoke'}")
        status = self.says.pop(method + path, None) or self._status(method, path, body)
        if path.endswith("/invoke"):
            self.headers.append(dict(headers))
        return urllib3.HTTPResponse(b"said", {}, status)

    def _status(self, method, path, body) -> int:
        if method == "DELETE":
            del self.loaded[path.removeprefix("/models/")]
        elif path == "/models":
            order = json.loads(body)
            if len(self.loaded) >= self.room:
                return 507
            self.loaded[order["model_name"]] = order["url"]
        elif path.split("/")[2] not in self.loaded:
            return 404
        return 200


@pytest.fixture
def objects(tmp_path):
    with closing(ObjectStore(tmp_path / "s3")) as objects:
        objects.create_bucket("bucket")
        (tmp_path / "packed").mkdir()
        (tmp_path / "packed" / "weights").write_text("1")
        archive.pack(tmp_path / "packed", tmp_path / "model.tar.gz")
        for name in "abc":
            objects.put_file("bucket", f"models/{name}.tar.gz", tmp_path / "model.tar.gz")
        yield objects


@pytest.fixture
def hosted(objects, tmp_path):
    def make(container: Loading, prefix: str = "s3://bucket/models/", keep: bool = True) -> HostedModels:
        return HostedModels(container, tmp_path / "ml", prefix, objects, keep)

    return make


def ask(models: HostedModels, name: str, body=b"x") -> int:
    return models.invoke(f"{name}.tar.gz", body, {"Content-Type": "text/csv"}, 60.0, True).status


@pytest.mark.parametrize("prefix", ["s3://bucket/models/", "s3://bucket/models"])
def test_a_model_is_loaded_at_its_first_request_and_stays(hosted, tmp_path, prefix):
    container = Loading()
    models = hosted(container, prefix)
    assert [ask(models, name) for name in ("a", "a", "/a")] == [200, 200, 200]
    assert container.calls == ["POST /models", "POST /invoke", "POST /invoke", "POST /invoke"]
    ((name, url),) = container.loaded.items()
    assert len(name) == 32 and url == OptML().loaded_model(name).as_posix()
    assert (OptML(tmp_path / "ml").loaded_model(name) / "weights").read_text() == "1"
    assert [headers[TARGET_MODEL] for headers in container.headers] == ["a.tar.gz", "a.tar.gz", "/a.tar.gz"]
    assert all(headers["Content-Type"] == "text/csv" for headers in container.headers)


def test_the_least_recently_used_model_makes_room(hosted, tmp_path):
    container = Loading(room=2)
    models = hosted(container)
    for name in "aba":
        ask(models, name)
    first, second = container.loaded
    assert ask(models, "c") == 200
    assert first in container.loaded and second not in container.loaded and len(container.loaded) == 2
    assert not OptML(tmp_path / "ml").loaded_model(second).exists()
    assert ask(models, "b") == 200 and first not in container.loaded


def test_a_container_without_room_for_one_model_says_so(hosted, tmp_path):
    models = hosted(Loading(room=0))
    with pytest.raises(NotLoaded) as caught:
        ask(models, "a")
    assert (caught.value.container, caught.value.status, caught.value.text, str(caught.value)) == (
        "c",
        507,
        "said",
        "said",
    )
    assert list((tmp_path / "ml").rglob("weights")) == []


def test_a_container_that_cannot_load_a_model_keeps_the_others(hosted):
    container = Loading()
    models = hosted(container)
    ask(models, "a")
    container.says["POST/models"] = 500
    with pytest.raises(NotLoaded):
        ask(models, "b")
    assert len(container.loaded) == 1 and "DELETE" not in str(container.calls)
    assert ask(models, "b") == 200


def test_a_model_that_is_loaded_already_is_as_good(hosted):
    container = Loading()
    container.says["POST/models"] = 409
    models = hosted(container)
    assert ask(models, "a") == 200, "it is loaded once more, because the container does not know it"
    assert container.calls == ["POST /models", "POST /invoke", "POST /models", "POST /invoke"]


def test_a_model_that_does_not_exist_leaves_nothing(hosted, tmp_path):
    container = Loading()
    models = hosted(container)
    for name in ("none", "//a"):  # of two slashes one belongs to the key
        with pytest.raises(S3Error):
            ask(models, name)
    assert container.calls == [] and [path for path in (tmp_path / "ml").rglob("*") if path.is_file()] == []


def test_a_model_that_the_container_has_lost_is_loaded_again_for_a_body_that_can_be_sent_again(hosted):
    container = Loading()
    models = hosted(container)
    ask(models, "a")
    container.loaded.clear()
    assert ask(models, "a") == 200 and len(container.loaded) == 1
    container.loaded.clear()
    assert ask(models, "a", iter([b"x"])) == 404
    assert ask(models, "a") == 200


def test_an_answer_that_a_model_is_lost_is_read_so_that_its_connection_serves_the_next_request(hosted):
    class Lost(Loading):
        def request(self, method, path, *arguments):
            if "POST /invoke" in self.calls or not path.endswith("/invoke"):
                return super().request(method, path, *arguments)
            self.calls.append("POST /invoke")
            return answer

    body = io.BytesIO(b"a long answer")
    answer = urllib3.HTTPResponse(body, {}, 404, preload_content=False)
    assert ask(hosted(Lost()), "a") == 200
    assert body.closed, "urllib3 closes what has been read to its end"


def test_a_model_that_is_not_kept_is_unloaded_after_the_last_of_its_requests(hosted, tmp_path):
    container = Loading()
    models = hosted(container, keep=False)
    inside, leave = threading.Event(), threading.Event()
    request = container.request

    def slow(method, path, *arguments):
        if path.endswith("/invoke") and not inside.is_set():
            inside.set()
            leave.wait(240)
        return request(method, path, *arguments)

    container.request = slow
    other = threading.Thread(target=ask, args=(models, "a"))
    other.start()
    assert inside.wait(240)
    assert ask(models, "a") == 200 and len(container.loaded) == 1, "another request uses it"
    leave.set()
    other.join()
    assert container.loaded == {} and list((tmp_path / "ml").rglob("weights")) == []
    assert ask(models, "a") == 200 and container.loaded == {}


def test_a_model_that_is_being_unloaded_is_loaded_again_for_the_next_request(hosted):
    container = Loading()
    models = hosted(container, keep=False)
    unloading, may_unload, answers = threading.Event(), threading.Event(), []
    request = container.request

    def slow(method, path, *arguments):
        if method == "DELETE":
            unloading.set()
            may_unload.wait(240)
        return request(method, path, *arguments)

    container.request = slow
    first = threading.Thread(target=ask, args=(models, "a"))
    first.start()
    assert unloading.wait(240)
    second = threading.Thread(target=lambda: answers.append(ask(models, "a", iter([b"x"]))))
    second.start()
    second.join(0.05)
    may_unload.set()
    for thread in (first, second):
        thread.join()
    assert answers == [200]


def test_a_model_whose_files_are_gone_is_unloaded_all_the_same(hosted, tmp_path):
    container = Loading(room=1)
    models = hosted(container)
    ask(models, "a")
    shutil.rmtree(tmp_path / "ml")
    assert ask(models, "b") == 200 and len(container.loaded) == 1


def test_a_request_that_fails_uses_its_model_no_more(hosted):
    container = Loading()
    models = hosted(container, keep=False)
    with pytest.raises(S3Error):
        ask(models, "none")
    assert ask(models, "a") == 200 and container.loaded == {}


def test_two_requests_at_a_time_load_a_model_once(hosted):
    container = Loading()
    models = hosted(container)
    inside = threading.Event()
    request = container.request

    def slow(method, path, *arguments):
        if path == "/models":
            inside.set()
            threading.Event().wait(0.05)
        return request(method, path, *arguments)

    container.request = slow
    threads = [threading.Thread(target=ask, args=(models, "a")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert container.calls.count("POST /models") == 1 and container.calls.count("POST /invoke") == 4
