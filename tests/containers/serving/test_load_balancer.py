"""Three servers behind nginx: all of them are replaced under load, as a Deployment replaces its pods, and no request fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from benchmarks import load_balancer, nginx
from benchmarks.nginx import Balancer
from wildsage.containers.contract.paths import OptML

pytestmark = pytest.mark.slow

SERVERS, CLIENTS = 3, 4
PAUSE_S = 0.01
"""Between two requests of a client, so that a server that starts gets a share of the processors."""


@pytest.fixture
def balancer(tmp_path) -> Iterator[Balancer]:
    program = nginx.program()
    if program is None:
        missing = "nginx is not installed: make clients, or apt-get install nginx-light"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    found = Balancer(program, tmp_path)
    yield found
    found.end()


@pytest.fixture(params=["processes", "containers"])
def start(request, tmp_path, containers_python) -> Callable[[], load_balancer.Server]:
    """Starts a server of a model."""
    folder = OptML(tmp_path / "ml")
    load_balancer.save_model(folder)
    if request.param == "processes":
        return partial(load_balancer.Process, folder, containers_python.module("wildsage.containers", "serve"))
    request.getfixturevalue("our_image")("kmeans")
    return partial(load_balancer.Container, request.getfixturevalue("engine"), folder, share=1)


def test_a_rolling_update_fails_no_request(balancer, start):
    with load_balancer.serving(start, SERVERS) as servers:
        old = [server.port for server in servers]
        balancer.spread_over(old)
        asked, _ = load_balancer.update(balancer, servers, start, CLIENTS, PAUSE_S)
        assert not {server.port for server in servers} & set(old)
    assert not asked.failed and len(asked.taken_ms) >= CLIENTS
