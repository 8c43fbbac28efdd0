"""Joining hosts, with a thread in the place of each: jobs of several processes are in test_several_hosts.py."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

xgboost = pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import LostHost, PlatformError, UserError  # noqa: E402
from wildsage.algorithms.base.ports import free_port  # noqa: E402
from wildsage.algorithms.xgboost import hosts  # noqa: E402
from wildsage.algorithms.xgboost.versions import Version  # noqa: E402

needs_collective = pytest.mark.skipif(
    hosts.LIBRARY < hosts.COLLECTIVE_SINCE, reason=f"XGBoost {xgboost.__version__}: hosts need 2.1 or newer"
)


@dataclass
class Host:
    """One host of a job: all meet at a port of the first."""

    host: str
    hosts: tuple[str, ...]
    port: int = 0
    listens: threading.Event = field(default_factory=threading.Event)

    def rendezvous(self, listen) -> tuple[str, int]:
        if self.leads:
            listen("localhost", self.port)
            self.listens.set()
        assert self.listens.wait(240)
        return "localhost", self.port

    @property
    def leads(self) -> bool:
        return self.host == self.hosts[0]


@pytest.mark.parametrize(("rows", "joined"), [(0, []), (1, ["algo-1"]), (9, ["algo-1"])])
def test_a_host_that_is_alone_needs_no_other(rows, joined):
    with hosts.together(Host("algo-1", ("algo-1",)), rows) as found:
        assert found == joined


@pytest.mark.parametrize("here", [True, False])
def test_a_host_that_is_alone_speaks_for_itself(here):
    assert hosts.on_any(here) is here


@pytest.mark.parametrize(("library", "rejected"), [(Version(2, 0), True), (Version(2, 1), False)])
def test_several_hosts_need_the_collective_of_version_2_1(monkeypatch, library, rejected):
    class Met(Exception):
        """The hosts would meet now."""

    def rendezvous(_listen):
        raise Met

    monkeypatch.setattr(hosts, "LIBRARY", library)
    member = Host("algo-1", ("algo-1", "algo-2"))
    member.rendezvous = rendezvous
    with pytest.raises(UserError if rejected else Met) as raised, hosts.together(member, 1):
        pass
    assert not rejected or str(raised.value).startswith("2 hosts need XGBoost 2.1 or newer, and this is ")


@pytest.fixture
def contexts(monkeypatch) -> list[dict]:
    """With which arguments the library's group was entered, and whether it was left."""
    found: list[dict] = []

    class Context:
        def __init__(self, **arguments) -> None:
            found.append({**arguments, "left": False})

        def __enter__(self) -> None: ...

        def __exit__(self, *_) -> None:
            found[-1]["left"] = True

    monkeypatch.setattr(hosts.xgboost.collective, "CommunicatorContext", Context)
    return found


SECOND = Host("algo-2", ("algo-1", "algo-2"))


def test_a_host_joins_by_its_number_and_leaves_when_its_work_is_done(contexts):
    with hosts._joined(SECOND, SECOND.hosts, "10.0.0.7", 9000):
        assert not contexts[0].pop("left")
    arguments = {
        "dmlc_tracker_uri": "10.0.0.7",
        "dmlc_tracker_port": 9000,
        "dmlc_task_id": "00001",
        "dmlc_timeout": 300,
    }
    assert contexts == [{**arguments, "dmlc_retry": hosts.RETRIES, "left": True}]
    with hosts._joined(SECOND, ["algo-1"], "10.0.0.7", 9000):
        assert len(contexts) == 1, "it does not take part"


def test_a_host_that_fails_does_not_wait_for_the_others(contexts):
    with pytest.raises(RuntimeError, match="own trouble"), hosts._joined(SECOND, SECOND.hosts, "10.0.0.7", 9000):
        raise RuntimeError("own trouble")
    assert not contexts[0]["left"]


def test_hosts_that_do_not_meet_are_named(monkeypatch):
    def fail(**_arguments):
        raise xgboost.core.XGBoostError("no answer")

    monkeypatch.setattr(hosts.xgboost.collective, "CommunicatorContext", fail)
    text = r"^Hosts algo-1, algo-2 did not meet at 10\.0\.0\.7:9000: no answer$"
    with pytest.raises(LostHost, match=text), hosts._joined(SECOND, SECOND.hosts, "10.0.0.7", 9000):
        pass


def test_a_name_that_resolves_late_is_waited_for(monkeypatch):
    answers = iter([OSError("not yet"), OSError("not yet"), "10.0.0.7"])

    def resolve(name: str) -> str:
        assert name == "algo-1"
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(hosts.socket, "gethostbyname", resolve)
    monkeypatch.setattr(hosts.time, "sleep", lambda _: None)
    assert hosts._resolved("algo-1") == "10.0.0.7"


def test_a_name_that_never_resolves_fails_the_job_after_five_minutes(monkeypatch):
    clock = [1000.0]

    def fail(_name: str) -> str:
        raise OSError("unknown name")

    monkeypatch.setattr(hosts.socket, "gethostbyname", fail)
    monkeypatch.setattr(hosts.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(hosts.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    with pytest.raises(PlatformError, match="Host algo-1 has no address after 300 s: unknown name"):
        hosts._resolved("algo-1")
    assert 1300 < clock[0] <= 1301


def members_of(rows: list[int]) -> list[tuple[list[str], bool, int]]:
    """What each host, with so many rows, is told: who joins, whether any of those that join is the last, and how many they are."""
    names, port, listens = tuple(f"algo-{number}" for number in range(len(rows))), free_port(), threading.Event()

    def enter(number: int):
        with hosts.together(Host(names[number], names, port, listens), rows[number]) as joined:
            if names[number] not in joined:
                return joined, None, None
            return joined, hosts.on_any(names[number] == joined[-1]), xgboost.collective.get_world_size()

    with ThreadPoolExecutor(len(rows)) as pool:
        return list(pool.map(enter, range(len(rows))))


@needs_collective
@pytest.mark.parametrize(("rows", "joined"), [([3, 4], [0, 1]), ([0, 5, 1], [1, 2]), ([2, 0], [0]), ([0, 0], [])])
def test_hosts_with_rows_join(rows, joined):
    names = [f"algo-{number}" for number in joined]
    for number, found in enumerate(members_of(rows)):
        assert found == ((names, True, len(names)) if number in joined else (names, None, None))
