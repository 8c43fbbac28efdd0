"""A command sees a folder at another path, and nobody else does."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests import namespaces
from wildsage.local_runner.processes import mounts

TARGET = "/opt/ml"
needs_namespaces = pytest.mark.skipif(
    not namespaces.allowed("mount"), reason="this machine has no namespaces of mounts"
)


def run(pairs: list[tuple[Path, str]], *command: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run a command with mounts, by a program that stands before it."""
    whole = [*before, *mounts.with_mounts(pairs, command)]
    return subprocess.run(whole, capture_output=True, text=True, timeout=240)


@needs_namespaces
def test_this_machine_says_where_a_folder_can_be_mounted():
    assert mounts.problem.__wrapped__(TARGET) is None
    assert mounts.problem.__wrapped__("/not-there/ml") == "mounts are not permitted: not-there does not exist in /"


@needs_namespaces
def test_a_command_has_its_folder_at_a_path_that_the_machine_does_not_have(tmp_path):
    above = tmp_path / "opt"
    (above / "tool").mkdir(parents=True)
    (above / "tool" / "version").write_text("7")
    (above / "note").write_text("kept")
    (above / "link").symlink_to("tool")
    own = tmp_path / "job"
    own.mkdir()
    script = f"cd {above} && cat tool/version link/version note && echo && ls && echo result > ml/deep/file"
    done = run([(own, f"{above}/ml/deep")], "/bin/sh", "-c", script)
    assert done.stderr == ""
    assert done.stdout.split() == ["77kept", "link", "ml", "note", "tool"]
    assert (own / "file").read_text() == "result\n"
    assert sorted(path.name for path in above.iterdir()) == ["link", "note", "tool"]


@needs_namespaces
def test_a_path_that_exists_shows_the_file_given_and_the_user_stays_the_same(tmp_path):
    seen, instead = tmp_path / "seen", tmp_path / "instead"
    seen.write_text("the machine's")
    instead.write_text("the job's")
    script = f"import os; print(open({str(seen)!r}).read(), os.getuid())"
    done = run([(instead, str(seen))], sys.executable, "-c", script)
    assert done.stdout == f"the job's {os.getuid()}\n"
    assert seen.read_text() == "the machine's"


@needs_namespaces
def test_the_command_takes_the_place_of_the_process_so_that_signals_and_status_are_its_own(tmp_path):
    assert run([(tmp_path, TARGET)], "/bin/sh", "-c", "kill -TERM $$").returncode == -15
    assert run([(tmp_path, TARGET)], "/bin/sh", "-c", "exit 7").returncode == 7


@needs_namespaces
def test_a_folder_cannot_be_mounted_where_only_the_root_is_above(tmp_path):
    done = run([(tmp_path, "/not-there/ml")], "/bin/true")
    assert done.returncode == 1
    assert done.stderr == "mounts are not permitted: not-there does not exist in /\n"


def test_other_systems_have_no_mounts(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert mounts.problem("/opt/other") == "darwin has no mount namespaces"


def tried(monkeypatch, returncode: int, stderr: str = "") -> None:
    """The attempt ends like this."""
    done = subprocess.CompletedProcess([], returncode, "", stderr)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)


@pytest.mark.parametrize(
    ("returncode", "stderr", "said"),
    [
        (0, "a warning", None),
        (1, "first\nmounts are not permitted: no\n", "mounts are not permitted: no"),
        (1, "", "the attempt failed"),
        (-9, "  \n", "the attempt failed"),
    ],
)
def test_what_an_attempt_says_is_the_problem(monkeypatch, returncode, stderr, said):
    tried(monkeypatch, returncode, stderr)
    assert mounts.problem.__wrapped__("/opt/ml") == said


def test_an_attempt_that_does_not_end_is_a_problem(monkeypatch):
    def slow(*_: object, **given: float) -> None:
        raise subprocess.TimeoutExpired([], given["timeout"])

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(subprocess, "run", slow)
    assert mounts.problem.__wrapped__("/opt/ml") == "the attempt took more than 10 s"


def test_it_is_tried_once(monkeypatch):
    tried(monkeypatch, 1, "no")
    assert mounts.problem("/opt/of-this-test") == "no"
    tried(monkeypatch, 0)
    assert mounts.problem("/opt/of-this-test") == "no" and mounts.problem("/opt/another-of-this-test") is None


@needs_namespaces
@pytest.mark.parametrize("before", [(), namespaces.AS_A_USER], ids=["as we are", "as a user"])
def test_several_folders_are_seen_and_nobody_gains_rights(tmp_path, before):
    pairs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        pairs.append((tmp_path / name, f"/opt/{name}"))
    done = run(
        pairs, "/bin/sh", "-c", "cat /opt/one/file /opt/two/file; id -u; id -g; echo $0 $1", "a b", before=before
    )
    assert done.stdout.split() == ["onetwo" + str(os.getuid()), str(os.getgid()), "a", "b"]


@needs_namespaces
def test_a_command_that_is_not_there_is_an_error(tmp_path):
    assert run([(tmp_path, TARGET)], "/no/such/command").returncode == 1
