"""The server in a child process that is forked: driven from a program, since a test has threads."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from tests.local_runner.living import lives

ROOT = Path(__file__).parents[3]

BEGIN = """
import json, os, signal, sys, time
from pathlib import Path
from wildsage.local_runner.server import forked, private_files
from wildsage.local_runner.settings import ServerSettings
data = Path(sys.argv[1])
settings = ServerSettings(data)

def stands(serve):
    forked.serve = serve

def answers(settings, ready):
    print("to the log", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
    ready("http://127.0.0.1:7")
    while True:
        time.sleep(0.01)
"""


def run(tmp_path: Path, program: str) -> dict:
    """What the program says, with a server in place of ours."""
    command = [sys.executable, "-c", BEGIN + textwrap.dedent(program), str(tmp_path / "data")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_server_answers_for_its_endpoint_and_ends_when_it_is_asked_to(tmp_path):
    found = run(
        tmp_path,
        """
        stands(answers)
        server = forked.start(settings)
        said = {"endpoint": server.endpoint, "session": os.getsid(server.pid) == server.pid, "runs": server.runs()}
        server.stop(60)
        print(json.dumps({**said, "status": server.status, "runs after": server.runs()}))
        """,
    )
    assert found == {"endpoint": "http://127.0.0.1:7", "session": True, "runs": True, "status": 7, "runs after": False}
    log = tmp_path / "data" / "server.log"
    assert log.read_text() == "to the log\n" and log.stat().st_mode & 0o077 == 0


def test_a_server_that_does_not_end_is_killed(tmp_path):
    found = run(
        tmp_path,
        """
        def deaf(settings, ready):
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            ready("http://127.0.0.1:7")
            time.sleep(1000)
        stands(deaf)
        statuses = []
        for end in (lambda server: server.stop(0.1), lambda server: server.discard()):
            server = forked.start(settings)
            end(server)
            statuses.append(server.status)
        print(json.dumps({"statuses": statuses}))
        """,
    )
    assert found == {"statuses": [-signal.SIGKILL, -signal.SIGKILL]}


def test_how_a_server_ended_that_nobody_stopped(tmp_path):
    found = run(
        tmp_path,
        """
        def ends(settings, ready):
            ready("http://127.0.0.1:7")
        def fails(settings, ready):
            ready("http://127.0.0.1:7")
            raise RuntimeError
        statuses = []
        for serve in (ends, fails):
            stands(serve)
            server = forked.start(settings)
            while server.runs():
                time.sleep(0.01)
            statuses.append(server.status)
        print(json.dumps({"statuses": statuses}))
        """,
    )
    assert found == {"statuses": [0, 1]}


def test_a_server_that_cannot_start_says_why(tmp_path):
    found = run(
        tmp_path,
        """
        def cannot(settings, ready):
            raise forked.CannotServe("the port is taken")
        def fails(settings, ready):
            raise RuntimeError("a fault of ours")
        def leaves(settings, ready):
            pass
        def unusable(data):
            raise private_files.CannotUse("full of holes")
        said = []
        for serve in (cannot, fails, leaves):
            stands(serve)
            before = len(os.listdir("/proc/self/fd"))
            try:
                forked.start(settings)
            except forked.CannotServe as error:
                said.append(str(error))
            assert len(os.listdir("/proc/self/fd")) == before
        private_files.prepare = unusable
        try:
            forked.start(settings)
        except forked.CannotServe as error:
            said.append(str(error))
        print(json.dumps({"said": said}))
        """,
    )
    log = tmp_path / "data" / "server.log"
    ended = f"The server ended at once; see {log}."
    assert found["said"] == ["the port is taken", ended, ended, "full of holes"]
    assert "a fault of ours" in log.read_text()


def test_a_server_ends_when_its_parent_ends(tmp_path):
    found = run(
        tmp_path,
        """
        stands(answers)
        server = forked.start(settings)
        print(json.dumps({"pid": server.pid}), flush=True)
        os._exit(0)
        """,
    )
    give_up = time.monotonic() + 240
    while lives(found["pid"]):
        assert time.monotonic() < give_up
        time.sleep(0.01)
