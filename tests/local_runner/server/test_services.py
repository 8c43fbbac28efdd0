"""The services of a data folder, by region."""

from __future__ import annotations

import importlib.util
import os
import sqlite3
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from wildsage.local_runner.backends import docker as docker_backend
from wildsage.local_runner.backends.warm import WarmInterpreter
from wildsage.local_runner.client import environment
from wildsage.local_runner.operations.services import Services
from wildsage.local_runner.server import lock, services
from wildsage.local_runner.server.services import Regions
from wildsage.local_runner.settings import ServerSettings


@pytest.fixture
def settings(tmp_path):
    return ServerSettings(tmp_path / "data")


@pytest.fixture
def regions(settings):
    regions = Regions(settings)
    yield regions
    regions.close()


def test_a_region_is_opened_by_its_first_request_and_once(regions, settings):
    assert not (settings.regions / "eu-west-1").exists()
    opened = regions.services("eu-west-1")
    assert regions.services("eu-west-1") is opened and (settings.regions / "eu-west-1").is_dir()
    other = regions.services("us-east-1")
    assert other is not opened and other.store is not opened.store
    assert other.objects is opened.objects is regions.objects and other.slots is opened.slots
    assert other.backend is regions.backend


class Lock:
    """A lock that says how often it was asked for."""

    def __init__(self) -> None:
        self._lock, self.asked = threading.Lock(), 0

    def __enter__(self) -> None:
        self.asked += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_two_first_requests_open_a_region_once(regions, monkeypatch):
    opened, threads, open_region, lock = [], [], Regions._open, Lock()

    def open_while_another_asks(self, folder):
        if not threads:
            threads.append(threading.Thread(target=lambda: opened.append(regions.services("eu-west-1"))))
            threads[0].start()
            while threads[0].is_alive() and lock.asked < 2:  # until it waits, or has not waited
                threads[0].join(0.01)
        return open_region(self, folder)

    monkeypatch.setattr(regions, "_lock", lock)
    monkeypatch.setattr(Regions, "_open", open_while_another_asks)
    first = regions.services("eu-west-1")
    threads[0].join()
    assert opened == [first]


def test_regions_that_were_used_before_are_opened_at_once(settings):
    first = Regions(settings)
    first.services("eu-west-1")
    first.close()
    again = Regions(settings)
    assert list(again._opened) == ["eu-west-1"]
    again.close()


def test_what_is_closed_answers_no_more(settings):
    regions = Regions(settings)
    opened = regions.services("eu-west-1")
    regions.close()
    with pytest.raises(sqlite3.ProgrammingError):
        regions.objects.buckets()
    with pytest.raises(sqlite3.ProgrammingError):
        opened.store.get("TrainingJob", "name")


def test_a_region_that_is_being_opened_is_closed_too(settings, monkeypatch):
    regions, threads, open_region, lock = Regions(settings), [], Regions._open, Lock()

    def open_while_all_close(self, folder):
        threads.append(threading.Thread(target=regions.close))
        threads[0].start()
        while threads[0].is_alive() and lock.asked < 2:  # until it waits, or has not waited
            threads[0].join(0.01)
        return open_region(self, folder)

    monkeypatch.setattr(regions, "_lock", lock)
    monkeypatch.setattr(Regions, "_open", open_while_all_close)
    opened = regions.services("eu-west-1")
    threads[0].join()
    with pytest.raises(sqlite3.ProgrammingError):
        opened.store.get("TrainingJob", "name")


def test_the_backend_is_closed_once_nothing_runs_on_it(settings, monkeypatch):
    closed, close_services = [], Services.close
    regions = Regions(settings)
    opened = [regions.services(name) for name in ("eu-west-1", "us-east-1")]
    monkeypatch.setattr(Services, "close", lambda self: closed.append(self) or close_services(self))
    monkeypatch.setattr(regions.backend, "close", lambda: closed.append(regions.backend))
    regions.close()
    assert closed == [*opened, regions.backend]


def test_public_buckets_are_read_where_that_is_wished(settings, regions):
    assert regions.public is None and regions.services("us-east-1").inputs._objects is regions.objects
    other = Regions(replace(settings, data=settings.data / "other", public_s3=True))
    assert other.services("us-east-1").inputs._objects is other.public is not None
    other.close()


def test_the_queue_is_as_long_as_asked(settings, tmp_path):
    for most in (1, 7):
        regions = Regions(replace(settings, data=tmp_path / str(most), max_jobs=most))
        assert regions.queue.limit == most
        regions.close()


@pytest.mark.parametrize(
    ("platform", "command", "warm_up", "warm"),
    [
        ("linux", None, False, True),
        ("linux", None, True, True),
        ("darwin", None, True, False),
        ("linux", ("mine",), True, False),
    ],
)
def test_an_interpreter_is_kept_warm_where_forking_is_safe(settings, monkeypatch, platform, command, warm_up, warm):
    prepared = []
    monkeypatch.setattr(WarmInterpreter, "prepare", lambda self: prepared.append(self))
    monkeypatch.setattr(sys, "platform", platform)
    asked = replace(settings, warm_up=warm_up, **({"command": command} if command else {}))
    backend = services.BACKENDS["process"](asked)
    assert (backend._warm is not None) is warm
    assert prepared == ([backend._warm] if warm and warm_up else [])
    assert backend._warm is None or backend._warm._module == "wildsage.containers"


def test_the_process_backend_gets_what_the_settings_say(settings):
    asked = replace(settings, images={"own": ["run"]}, pretrained_weights=Path("/w"), pythons={"torch": Path("/p")})
    backend = services.BACKENDS["process"](asked)
    assert backend.knows_entrypoint("own:1") and backend._pythons == {"torch": Path("/p")}
    assert list(backend._weights.values()) == ["/w"]


def test_the_docker_backend_gets_its_limits(settings, monkeypatch):
    asked = []
    monkeypatch.setattr(docker_backend, "DockerBackend", lambda *given: asked.append(given))
    services.BACKENDS["docker"](replace(settings, memory="4g", shm_size="2g", pretrained_weights=Path("/w")))
    assert asked == [(settings.data, docker_backend.Limits("4g", "2g"), Path("/w"))]


def test_code_in_a_job_calls_this_server_once_it_has_an_address(settings, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    settings.data.mkdir()
    assert services._client_environment(settings) is os.environ
    lock.write_address(settings.data, lock.RunningServer("http://127.0.0.1:7", os.getpid()))
    found = services._client_environment(settings)
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:7"


def test_what_the_first_container_needs_can_be_imported():
    for module in services.WARM_IMPORTS:
        assert importlib.util.find_spec(module)


def test_what_the_last_server_left_unfinished_goes_on_when_its_region_is_opened(settings, monkeypatch):
    restored = []
    monkeypatch.setattr(Services, "restore", lambda self: restored.append(self))
    regions = Regions(settings)
    opened = regions.services("eu-west-1")
    assert restored == [opened]
    regions.close()


@pytest.mark.parametrize("keep", [True, False])
def test_the_folders_of_ended_jobs_are_kept_where_that_is_wished(settings, monkeypatch, keep):
    given = []
    make = services.TrainingJobs
    monkeypatch.setattr(services, "TrainingJobs", lambda dependencies: given.append(dependencies) or make(dependencies))
    regions = Regions(replace(settings, keep=keep))
    opened = regions.services("eu-west-1")
    assert given[0].kept == (opened.folder.kept if keep else None)
    regions.close()


def test_code_in_a_job_polls_without_the_sleeps_of_its_sdk(settings):
    settings.data.mkdir()
    lock.write_address(settings.data, lock.RunningServer("http://127.0.0.1:7", os.getpid()))
    fast, slow = (
        environment.client_environment("http://127.0.0.1:7", settings.data, sdk_polling, os.environ)
        for sdk_polling in (False, True)
    )
    assert services._client_environment(settings) == fast != slow
