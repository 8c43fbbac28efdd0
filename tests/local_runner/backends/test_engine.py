"""One container of an engine: its lines, its end, its signals and what it lacked."""

from __future__ import annotations

import pytest
from docker.errors import NotFound

from tests.local_runner.backends.stand_in_engine import StandInContainer, StandInNetwork, rejection
from wildsage.local_runner.backends.engine import ISOLATED, MAX_LINE_BYTES, EngineContainer, remove

WITHIN_S = 240


@pytest.fixture
def container():
    return StandInContainer()


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def removals() -> list[int]:
    """How often the container had been removed when this was told."""
    return []


@pytest.fixture
def running(container, lines, removals):
    return EngineContainer(container, lines.append, lambda: removals.append(len(container.removed)))


def test_lines_are_passed_on_when_they_are_complete_and_each_stream_has_its_own(container, lines, running):
    assert container.asked["attached"] == {"stdout": True, "stderr": True, "stream": True, "demux": True}
    for stdout, stderr in [(b"one\ntw", None), (None, b"err"), (b"o\n", b"or\n"), (b"\n\xff\nrest", b"last")]:
        container.write(stdout, stderr)
    container.end()
    assert running.wait(WITHIN_S) == 0
    assert lines == ["one", "two", "error", "", "\ufffd", "rest", "last"]


def test_a_line_without_end_is_passed_on_in_pieces(container, lines, running):
    assert MAX_LINE_BYTES == 262_144  # an event of CloudWatch Logs has no more
    container.write(b"x" * MAX_LINE_BYTES)
    container.write(b"y")
    container.write(b"z\n")
    container.end()
    assert running.wait(WITHIN_S) == 0
    assert lines == ["x" * MAX_LINE_BYTES + "y", "z"]


@pytest.mark.parametrize("status", [0, 1, 137])
def test_a_container_is_removed_when_it_has_ended_and_before_its_status_is_known(container, running, removals, status):
    assert container.started and running.wait(0.01) is None
    container.end(status)
    assert running.wait(WITHIN_S) == status and running.wait() == status
    assert container.removed == [{"force": True, "v": True}] and removals == [1]
    assert running.usage is None


def test_signals_reach_a_container_until_it_has_ended(container, running):
    running.terminate()
    assert (container.signals, running.wait(0.01)) == (["SIGTERM"], None)
    running.kill()
    assert running.wait(WITHIN_S) == 137
    running.terminate()
    running.kill()
    assert container.signals == ["SIGTERM", "SIGKILL"]


@pytest.mark.parametrize("lost", [rejection("gone away"), ConnectionResetError("gone away")])
def test_a_container_that_the_engine_loses_counts_as_killed(container, lines, running, removals, lost):
    container.fails = lost
    container.end()
    assert running.wait(WITHIN_S) == 137
    assert "the engine lost this container" in lines[-1] and "gone away" in lines[-1]
    assert removals == [1] and running.out_of_memory is None


def test_a_container_that_cannot_be_started_is_the_callers(container):
    container.fails = rejection()
    with pytest.raises(type(rejection())):
        EngineContainer(container, print, lambda: None)


@pytest.mark.parametrize(
    ("killed", "events", "limit", "said"),
    [
        (True, [], 512 << 20, "its limit of 512 MiB. Raise the limit with `wildsage up --memory`"),
        (False, [{"status": "oom"}], 2048 << 20, "its limit of 2,048 MiB."),
        (True, [], 0, "all memory that the Docker engine has. Give the engine more memory"),
        (False, [], 512 << 20, None),
    ],
)
@pytest.mark.parametrize("status", [None, 0, 1])
def test_a_lack_of_memory_is_told(container, running, killed, events, limit, said, status):
    """While it runs, also of one of its processes; after its end, if it ended of it."""
    container.attrs["State"]["OOMKilled"], container.attrs["HostConfig"]["Memory"] = killed, limit
    container.oom_events = events
    if status is not None:
        container.end(status)
        assert running.wait(WITHIN_S) == status
    found = running.out_of_memory
    if said is None or status == 0:
        assert found is None
    else:
        assert found.startswith(f"The container reached {said}")
        assert found.endswith("or run fewer jobs at a time (`--max-jobs`).")


def test_events_are_those_of_the_container_since_its_start(container, running):
    assert running.out_of_memory is None
    (asked,) = container.event_filters
    assert asked["filters"] == {"container": "id", "event": "oom"} and asked["decode"] is True
    assert 0 <= asked["until"] - asked["since"] - 1 < 3600
    container.end()
    running.wait(WITHIN_S)


def test_a_container_that_ends_while_its_memory_is_asked_for_lacked_none(container, running):
    container.removed.append({})
    assert running.out_of_memory is None
    container.removed.clear()
    container.end()
    running.wait(WITHIN_S)


def test_the_address_is_the_published_port(container, running):
    assert running.url == "http://127.0.0.1:0"
    container.attrs["NetworkSettings"]["Ports"] = {"8080/tcp": [{"HostPort": "32768"}, {"HostPort": "32769"}]}
    assert running.url == "http://127.0.0.1:32768"
    container.end()
    running.wait(WITHIN_S)
    assert running.url == "http://127.0.0.1:32768"


def test_an_isolated_container_has_its_address_on_its_bridge(lines):
    container = StandInContainer(labels={ISOLATED: "true"})
    running = EngineContainer(container, lines.append, lambda: None)
    networks = container.attrs["NetworkSettings"]["Networks"]
    assert running.url == "http://127.0.0.1:0"
    networks |= {"none": {"IPAddress": ""}, "own": {"IPAddress": "172.18.0.2"}}
    assert running.url == "http://172.18.0.2:8080"
    container.end()
    running.wait(WITHIN_S)


def test_what_does_not_exist_any_more_is_removed_all_the_same(container):
    network = StandInNetwork("n", {})
    for _ in range(2):
        remove(network)
    assert network.removed == 2

    def gone(**_: object) -> None:
        raise NotFound("gone")

    container.remove = gone
    remove(container)
