"""The entry point of every image: `python -m wildsage.containers train` or `serve`.

No argument means train, because the SDK's local mode gives none. SageMaker's images have no options (`containers/launchers` says
what they are for), no `check` and no `describe`: there, the service itself knows the hyperparameters and names of its algorithms.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import signal
import sys
import threading

from wildsage.algorithms.base.errors import WildsageError
from wildsage.algorithms.base.imports import lasting
from wildsage.containers.contract import capabilities, failure, frameworks
from wildsage.containers.launchers import job_folder, served_model
from wildsage.containers.training.stopping import StopSignal

USAGE = "usage: python -m wildsage.containers [train [OPTION…] | serve [OPTION…] | check NAME=VALUE… | describe]"


def main(arguments: list[str]) -> int:
    """Run one command. Return 0; 1, 2 or 3 for a failure of user, algorithm or platform; 64 for a wrong call."""
    match arguments or ["train"]:
        case ["train", *options]:
            stop = StopSignal()
            stop.obey_sigterm()  # before torch is imported, which takes a second or two
            return job_folder.train(options, lambda: _train(stop))
        case ["serve", *options]:
            # The kernel discards signals that the first process of a container does not handle. The server sets its own handlers.
            signal.signal(signal.SIGTERM, _leave)
            try:
                with capabilities.explain_permission_errors(), served_model.provided(options):
                    _serve()
            except WildsageError as error:
                print(failure.reason(error), file=sys.stderr)
                return failure.exit_status(error)
            return 0
        case ["check", *given]:
            from wildsage.containers.check import check

            return check(os.environ, given)
        case ["-h" | "--help"]:
            print(USAGE)
            return 0
        case ["describe"]:
            from wildsage.containers.describe import describe

            print(json.dumps(describe()))
            return 0
        case _:
            print(f"{USAGE}; got: {' '.join(arguments)}", file=sys.stderr)
            return 64


def _train(stop: StopSignal) -> int:
    """Run the job of this container: a script, an algorithm's own program, or an algorithm on the array engine."""
    if framework := frameworks.of_container(os.environ):
        from wildsage.containers.frameworks import training

        return training.train({**os.environ, frameworks.VARIABLE: framework.name}, stop)
    from wildsage.containers import programs

    if program := programs.named(os.environ):
        return programs.train(program, os.environ, stop)
    with lasting():  # mutants: equivalent: time alone
        from wildsage.containers.train import train
    return train(os.environ, stop)


def _serve() -> None:
    """Serve the model of this container, until it is ended."""
    framework = frameworks.of_container(os.environ)
    if framework:
        os.environ[frameworks.VARIABLE] = framework.name
        from wildsage.containers.frameworks.serving import serve
    else:
        with lasting():  # mutants: equivalent: time alone
            from wildsage.containers.serve import serve
    serve(os.environ)


def _leave(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _run(arguments: list[str]) -> None:
    """Run one command and end the process as Python does, but for its last step: see `_end`.

    A failure does not wait for threads of libraries, which may wait for hosts that are gone.
    """
    succeeded = threading.Event()
    atexit.register(_end_after, succeeded)  # the first that is registered is called last
    status = main(arguments)
    if status:
        _end(status)
    succeeded.set()


def _end_after(success: threading.Event) -> None:
    if success.is_set():
        _end(0)


def _end(status: int) -> None:
    """End the process, but leave the interpreter as it is: to take it apart with torch in it takes a quarter of a second."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _run(sys.argv[1:])
