"""What a container is asked to do, and how its process ends."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from wildsage.algorithms.base.errors import PlatformError, UserError
from wildsage.containers import __main__ as program
from wildsage.containers import check, describe, programs, train
from wildsage.containers import serve as toolkit_serve
from wildsage.containers.contract import capabilities
from wildsage.containers.frameworks import serving as frameworks_serving
from wildsage.containers.frameworks import training
from wildsage.containers.launchers import job_folder, served_model
from wildsage.containers.training.stopping import StopSignal

PROGRAM = """
import atexit, logging.handlers, os, runpy, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from wildsage.containers.launchers import job_folder
pools = []

class TakenApart:
    def __del__(self):
        os.write(1, b"taken apart\\n")

kept = TakenApart()

def train(options, run):
    atexit.register(print, "at the end")
    pools.append(ThreadPoolExecutor(1))
    pools[0].submit(print, "in a pool").result()
    threading.Thread(target=lambda: (time.sleep(0.3 + 600 * int(options[0])), print("in a thread"))).start()
    logging.getLogger().addHandler(logging.handlers.MemoryHandler(9, target=logging.StreamHandler(open(os.dup(1), "w"))))
    logging.warning("in memory")
    sys.stderr.write("the last word")
    return int(options[0])

job_folder.train = train
runpy.run_module("wildsage.containers", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("status", "said"),
    [(0, ["at the end", "in a pool", "in a thread", "in memory"]), (3, ["in a pool", "in memory"])],
    ids=["success", "failure"],
)
def test_success_waits_for_threads_and_does_what_was_registered_for_the_end(status, said):
    """A pool of threads that stays for the next rows, as that of k-means does, holds up neither. The interpreter is left as it is,
    though all that was written is seen."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "train", str(status)], capture_output=True, text=True, timeout=240
    )
    assert (done.returncode, sorted(done.stdout.splitlines()), done.stderr) == (status, said, "the last word")


@pytest.fixture
def own_sigterm():
    """What SIGTERM does to this process stays as it is."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("arguments", "options"), [([], []), (["train"], []), (["train", "--hp", "k=2"], ["--hp", "k=2"])]
)
def test_without_a_word_a_container_trains(monkeypatch, own_sigterm, arguments, options):
    called = []
    monkeypatch.setattr(job_folder, "train", lambda given, run: called.append(given) or 7)
    assert program.main(arguments) == 7 and called == [options]


def test_a_signal_before_the_job_begins_is_not_lost(monkeypatch, own_sigterm):
    seen = []

    def train(options, run):
        os.kill(os.getpid(), signal.SIGTERM)
        return run()

    monkeypatch.setattr(job_folder, "train", train)
    monkeypatch.setattr(program, "_train", lambda stop: seen.append(stop.raised) or 0)
    assert program.main(["train"]) == 0 and seen == [True]


def test_algorithms_are_described_as_json(monkeypatch, capsys):
    monkeypatch.setattr(describe, "describe", lambda: [{"name": "a", "problem": None}])
    assert program.main(["describe"]) == 0
    assert capsys.readouterr().out == '[{"name": "a", "problem": null}]\n'


@pytest.mark.parametrize("arguments", [["-h"], ["--help"]])
def test_help_is_the_usage(capsys, arguments):
    assert program.main(arguments) == 0
    assert capsys.readouterr() == (program.USAGE + "\n", "")


@pytest.mark.parametrize("arguments", [["trian"], ["describe", "all"], ["--help", "train"]])
def test_a_wrong_call_is_answered_with_the_usage(capsys, arguments):
    assert program.main(arguments) == 64
    assert capsys.readouterr() == ("", f"{program.USAGE}; got: {' '.join(arguments)}\n")


def test_the_verb_check_gets_what_follows_it(monkeypatch):
    monkeypatch.setattr(check, "check", lambda environment, given: (environment is os.environ, given))
    assert program.main(["check", "k=1", "a=b"]) == (True, ["k=1", "a=b"])


@pytest.fixture
def serve(monkeypatch, own_sigterm):
    """Serves by a function in place of the server."""

    def run(function, *options: str) -> int:
        monkeypatch.setattr(program, "_serve", function)
        return program.main(["serve", *options])

    return run


def test_a_server_ends_by_sigterm_with_the_status_of_a_signal(serve):
    with pytest.raises(SystemExit) as ended:
        serve(lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert ended.value.code == 143
    assert serve(lambda: None) == 0


@pytest.mark.parametrize(("error", "status"), [(UserError("no model"), 1), (PlatformError("no model"), 3)])
def test_a_server_that_cannot_begin_says_why(serve, capsys, error, status):
    def fail() -> None:
        raise error

    assert serve(fail) == status
    assert capsys.readouterr() == ("", f"{error.category}: no model\n")


def test_a_bug_of_a_server_keeps_its_trace(serve):
    with pytest.raises(ZeroDivisionError):
        serve(lambda: 1 / 0)


def test_a_server_has_the_model_that_the_option_names_and_explains_a_lack_of_permission(serve, monkeypatch):
    happened = []

    @contextmanager
    def within(name):
        happened.append(name)
        yield
        happened.append("the end")

    monkeypatch.setattr(served_model, "provided", lambda options: within(options))
    monkeypatch.setattr(capabilities, "explain_permission_errors", lambda: within("explained"))
    serve(lambda: happened.append("served"), "--model", "m")
    assert happened == ["explained", ["--model", "m"], "served", "the end", "the end"]


@pytest.mark.parametrize(
    ("variables", "trains", "serves"),
    [
        ({"WILDSAGE_ALGORITHM": "kmeans"}, "toolkit", "toolkit"),
        ({"WILDSAGE_ALGORITHM": "xgboost"}, "program", "toolkit"),
        ({"WILDSAGE_FRAMEWORK": "pytorch"}, "script", "script"),
        ({"WILDSAGE_ALGORITHM": "xgboost", "SAGEMAKER_PROGRAM": "own.py"}, "script", "script"),
    ],
)
def test_the_image_says_what_trains_and_serves(monkeypatch, variables, trains, serves):
    for name in ("WILDSAGE_ALGORITHM", "WILDSAGE_FRAMEWORK", "SAGEMAKER_PROGRAM"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stop, happened = StopSignal(), []
    monkeypatch.setattr(training, "train", lambda environment, sign: happened.append(("script", sign)) or 5)
    monkeypatch.setattr(programs, "train", lambda name, environment, sign: happened.append(("program", sign)) or 5)
    monkeypatch.setattr(train, "train", lambda environment, sign: happened.append(("toolkit", sign)) or 5)
    monkeypatch.setattr(frameworks_serving, "serve", lambda environment: happened.append("script"))
    monkeypatch.setattr(toolkit_serve, "serve", lambda environment: happened.append("toolkit"))
    assert program._train(stop) == 5
    program._serve()
    assert happened == [(trains, stop), serves]
