"""What the shim changes in client libraries, on libraries made here; test_environment_of_clients.py has the real ones."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from wildsage.local_runner.client.shim import sitecustomize as shim


@pytest.fixture(autouse=True)
def own(monkeypatch) -> Iterator[None]:
    """What a test replaces and installs is its own: the session's own fixtures may have the shim installed."""
    monkeypatch.setattr(shim, "replaced", [])
    monkeypatch.setattr(sys, "meta_path", [finder for finder in sys.meta_path if not is_ours(finder)])
    yield


def is_ours(finder: object) -> bool:
    return isinstance(finder, shim.ImportPatcher)


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s, self.slept_s = 1000.0, []

    def time(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds

    def monotonic(self) -> float:
        return 7.0


@pytest.fixture
def clock(monkeypatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(shim, "time", found)
    return found


def test_what_was_replaced_last_is_restored_first():
    owner = SimpleNamespace(name="first")
    shim.replace(owner, "name", "second")
    shim.replace(owner, "name", "third")
    assert owner.name == "third"
    shim.uninstall()
    assert owner.name == "first" and shim.replaced == []


@pytest.mark.parametrize(
    ("url", "aws"),
    [
        ("https://sts.eu-west-1.amazonaws.com", True),
        ("https://sts.cn-north-1.amazonaws.com.cn/", True),
        ("https://sagemaker.eu-west-1.api.aws:443/path", True),
        ("https://amazonaws.com.example.org", False),
        ("https://example.org/sts.amazonaws.com", False),
        ("http://127.0.0.1:8000", False),
        ("", False),
        (None, False),
    ],
)
def test_addresses_of_aws_are_told_from_others(url, aws):
    assert shim.is_aws_address(url) is aws


def test_a_client_is_created_without_an_address_of_aws_and_with_any_other():
    asked = []

    class Session:
        def create_client(self, *args, **settings):
            asked.append((args, settings))
            return "client"

    session = ModuleType("session")
    session.Session = Session
    shim.drop_aws_endpoints(session)
    assert Session.create_client.__name__ == "create_client"
    for given in ({"endpoint_url": "https://sts.amazonaws.com"}, {"endpoint_url": "http://here"}, {}):
        assert Session().create_client("sts", "eu-west-1", verify=False, **given) == "client"
    assert [settings.pop("endpoint_url") for _, settings in asked] == [None, "http://here", None]
    assert asked == [(("sts", "eu-west-1"), {"verify": False})] * 3
    shim.uninstall()
    Session().create_client("sts", endpoint_url="https://sts.amazonaws.com")
    assert asked[-1][1] == {"endpoint_url": "https://sts.amazonaws.com"}


@pytest.mark.parametrize("name", ["_send_telemetry_request", "_send_telemetry"])
def test_telemetry_is_not_sent(name):
    sent, module = [], ModuleType("telemetry")
    setattr(module, name, lambda *args, **settings: sent.append(args))
    shim.drop_telemetry(module)
    getattr(module, name)(1, status="2")
    assert sent == [] and len(shim.replaced) == 1


def test_that_an_endpoint_was_found_is_for_those_who_debug():
    said = []
    logger = SimpleNamespace(
        info=lambda text: said.append(("info", text)), debug=lambda text: said.append(("debug", text))
    )
    module = ModuleType("configprovider")
    module.logger = logger
    shim.hide_endpoint_messages(module)
    logger.info("Found endpoint")
    assert said == [("debug", "Found endpoint")]


def test_long_sleeps_are_short_and_count_in_full(clock):
    module = ModuleType("polls")
    module.time = clock
    shim.shorten_sleeps(module)
    before = module.time.time()
    assert before == 1000
    for seconds in (10, 0.25, 0.1):
        module.time.sleep(seconds)
    assert clock.slept_s == [0.25, 0.25, 0.1]
    assert module.time.time() - before == pytest.approx(10.35)
    assert module.time.monotonic() == 7


@pytest.mark.parametrize(
    ("request_", "asked"),
    [
        ({"Name": "j"}, {"Delay": 0.25, "MaxAttempts": 7200}),  # 30 s, 60 times
        ({"WaiterConfig": {"Delay": 1, "MaxAttempts": 2}}, {"Delay": 0.25, "MaxAttempts": 8}),
        ({"WaiterConfig": {"Delay": 0.25, "MaxAttempts": 2}}, {"Delay": 0.25, "MaxAttempts": 2}),
        ({"WaiterConfig": {"Delay": 0.1, "MaxAttempts": 3}}, {"Delay": 0.1, "MaxAttempts": 3}),
        ({"WaiterConfig": {"MaxAttempts": 1}}, {"Delay": 0.25, "MaxAttempts": 120}),
    ],
    ids=str,
)
def test_waiters_ask_more_often_for_the_same_time(request_, asked):
    found = []

    class Waiter:
        config = SimpleNamespace(delay=30, max_attempts=60)

        def wait(self, **given):
            found.append(given)

    module = ModuleType("waiter")
    module.Waiter = Waiter
    shim.shorten_waits(module)
    Waiter().wait(**request_)
    kept = {name: value for name, value in request_.items() if name != "WaiterConfig"}
    assert found == [{"WaiterConfig": asked, **kept}] and Waiter.wait.__name__ == "wait"


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Makes a module that can be imported."""
    monkeypatch.syspath_prepend(str(tmp_path))
    names = []

    def make(name: str) -> str:
        (tmp_path / f"{name}.py").write_text("VALUE = 1\n")
        importlib.invalidate_caches()
        names.append(name)
        return name

    yield make
    for name in names:
        sys.modules.pop(name, None)


def test_modules_are_patched_now_or_when_they_are_imported(library):
    patched = []
    there, later, other = library("shim_there"), library("shim_later"), library("shim_other")
    importlib.import_module(there)
    shim.install({there: patched.append, later: lambda module: patched.append(module.VALUE)})
    assert patched == [sys.modules[there]] and shim.installed()
    assert is_ours(sys.meta_path[0])  # before those that would find the modules
    assert importlib.import_module(later).VALUE == 1 and importlib.import_module(other).VALUE == 1
    assert patched == [sys.modules[there], 1]
    shim.uninstall()
    assert not shim.installed()


def test_a_module_to_patch_that_is_not_there_is_left_to_others():
    patcher = shim.ImportPatcher({"shim_absent": print})
    assert patcher.find_spec("shim_absent") is None and patcher.find_spec("json") is None


@pytest.mark.parametrize(
    ("command", "installs"),
    [
        ("python -m pip install --upgrade sagemaker", True),
        ("/usr/bin/pip3.11 install boto3 sagemaker>=3", True),
        ("pip install sagemaker[local]==2.1", True),
        ("python3 /env/bin/pip install sagemaker~=2", True),
        ("pip --quiet install sagemaker-core", False),
        ("pip --quiet install boto3", False),
        ("pip download sagemaker", False),
        ("pipx install sagemaker", False),
        ("python -X dev -m pip install sagemaker", False),
        ("python train.py install sagemaker", False),
        ("", False),
    ],
)
def test_a_command_that_installs_the_sdk(command, installs):
    assert shim.installs_sdk(command.split()) is installs


def test_that_the_sdk_is_kept_is_said_once(tmp_path, capsys):
    limits = tmp_path / "limits"
    limits.write_text("sagemaker<3\n")
    for _ in range(2):
        shim.report_kept_sdk(str(limits))
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("wildsage run: pip keeps sagemaker<3, since") == 1
    shim.report_kept_sdk(str(tmp_path / "absent"))
    assert capsys.readouterr().err == ""


# As Python runs it


def started(
    tmp_path: Path, code: str, *arguments: str, program: str = "-c", **variables: str
) -> subprocess.CompletedProcess[str]:
    """A Python that finds the shim first and then a sitecustomize of the user's."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.users_own = True\n")
    path = f"{Path(shim.__file__).parent}:{tmp_path}"
    command = [sys.executable, program, code, *arguments]
    return subprocess.run(
        command, env={"PYTHONPATH": path, **variables}, capture_output=True, text=True, timeout=240, check=True
    )


LOOK = """
import sys
(ours,) = [finder for finder in sys.meta_path if type(finder).__name__ == "ImportPatcher"] or [None]
print(sys.users_own, *(name in ours.patches for name in ("botocore.session", "botocore.waiter")) if ours else ())
"""


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "True"),
        ({"WILDSAGE_ENDPOINT": "http://here"}, "True True True"),
        ({"WILDSAGE_ENDPOINT": "http://here", "WILDSAGE_SDK_POLLING": "1"}, "True True False"),
    ],
)
def test_it_acts_for_clients_of_a_local_aws_and_the_users_own_runs_too(tmp_path, variables, said):
    assert started(tmp_path, LOOK, **variables).stdout.strip() == said


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (["install", "sagemaker"], {"WILDSAGE_KEPT_SDK": "limits"}, True),
        (["install", "boto3"], {"WILDSAGE_KEPT_SDK": "limits"}, False),
        (["install", "sagemaker"], {}, False),
    ],
)
def test_pip_says_that_it_keeps_the_sdk(tmp_path, arguments, variables, says):
    (tmp_path / "limits").write_text("sagemaker<3")
    (tmp_path / "pip").write_text("")
    given = {name: str(tmp_path / value) for name, value in variables.items()}
    done = started(tmp_path, *arguments, program=str(tmp_path / "pip"), **given)
    assert ("pip keeps sagemaker<3" in done.stderr) is says


def test_where_the_user_has_none_nothing_more_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(Path(shim.__file__).parent), str(tmp_path)])
    shim.run_next_sitecustomize()
