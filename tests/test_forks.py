"""Programs that are forks of an interpreter are like those that Python starts anew."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import forks

WITHIN_S = 240
LOOKS_AROUND = """
import json, os, sys
print(json.dumps([sys.argv, os.getcwd(), dict(os.environ), sys.stdin.read(), __name__, "decimal" in sys.modules]))
print("said", file=sys.stderr)
"""


@pytest.fixture(scope="module")
def python() -> Iterator[forks.Forks]:
    with forks.serving("decimal") as found:
        yield found


def test_a_program_has_the_arguments_variables_folder_and_streams_of_its_command(python, tmp_path):
    command = python.command(LOOKS_AROUND, "one", "2")
    pipes = {"capture_output": True, "text": True, "check": True}
    done = subprocess.run(command, env={"NAME": "value"}, cwd=tmp_path, input="given", timeout=WITHIN_S, **pipes)
    arguments, folder, variables, given, name, imported = json.loads(done.stdout)
    assert (arguments, folder, given, name) == (["-c", "one", "2"], str(tmp_path), "given", "__main__")
    assert variables["NAME"] == "value" and "PATH" not in variables
    assert imported and done.stderr == "said\n"


def test_programs_share_nothing_but_the_imports(python):
    change = "import decimal; decimal.ours = getattr(decimal, 'ours', 0) + 1; print(decimal.ours)"
    for _ in range(2):
        assert subprocess.check_output(python.command(change), timeout=WITHIN_S) == b"1\n"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("", 0),
        ("raise SystemExit(3)", 3),
        ("1 / 0", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    ],
)
def test_a_command_ends_as_its_program(python, code, status):
    done = subprocess.run(python.command(code), stderr=subprocess.PIPE, timeout=WITHIN_S, check=False)
    assert done.returncode == status
    assert (b"Traceback" in done.stderr) == (status == 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_program_ends_with_its_command(python, number):
    waits = "import os, time; print(os.getpid(), flush=True); time.sleep(1000)"
    with subprocess.Popen(python.command(waits), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as command:
        program = os.pidfd_open(int(command.stdout.readline()))
        command.send_signal(number)
        assert command.wait(WITHIN_S) == -number
        assert command.stdout.read() == b""  # when nobody can write there any more
    os.close(program)


WAITS_FOR_SIGTERM = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
open("ready", "w").close()
signal.sigwait([signal.SIGTERM])
sys.exit(7)
"""
EARLY = """
import forks, os, signal, sys, time

class Told(forks.Program):
    def __init__(self, *given):
        super().__init__(*given)
        while not os.path.exists("ready"):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

forks.Program = Told
forks.run(*sys.argv[1:])
"""


def test_a_signal_reaches_a_program_that_its_command_has_just_started(python, tmp_path):
    command = [sys.executable, "-c", EARLY, python._address, WAITS_FOR_SIGTERM]
    environment = {**os.environ, "PYTHONPATH": str(Path(forks.__file__).parent)}
    assert subprocess.run(command, cwd=tmp_path, env=environment, timeout=WITHIN_S, check=False).returncode == 7


def test_commands_after_the_interpreter_has_gone_say_so():
    with forks.serving() as found:
        pass
    done = subprocess.run(found.command("print(1)"), capture_output=True, timeout=WITHIN_S, check=False)
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_program_is_started_without_a_command(python):
    before = os.umask(0o027)
    try:
        waits = "import os, sys, time; print(sys.argv, os.environ['NAME'], os.umask(0), flush=True); time.sleep(1000)"
        program = python.start(waits, "one", environment={"NAME": "value"})
    finally:
        os.umask(before)
    assert program.stdout.readline() == f"['-c', 'one'] value {0o027}\n"
    assert program.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        program.wait(0)
    program.terminate()
    assert program.wait(WITHIN_S) == program.poll() == program.returncode == -signal.SIGTERM
    program.kill()  # does nothing


def test_a_program_that_is_started_without_a_command_goes_with_what_started_it(python):
    program = python.start("import time; time.sleep(1000)")
    output = program.stdout
    del program
    assert output.read() == ""  # when nobody can write there any more
