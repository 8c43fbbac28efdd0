"""Asks the container of an algorithm, before a tuning job begins, whether it accepts the hyperparameters."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import Backend, CannotRun, Launch
from wildsage.local_runner.images import uris

ANSWER_WITHIN_S = 30.0  # mutants: equivalent: a second more or less changes nothing
CLIENT_ERROR = "ClientError: "


def rejection(backend: Backend, image: str, values: Iterable[tuple[str, str]], folder: Path) -> str | None:
    """Why a built-in algorithm does not accept these hyperparameters, in its own words; None if it accepts them.

    Also None if the answer is unknown: the image is not a built-in algorithm or does not know the question, or the machine
    is too busy. The training jobs fail then. The files of the container lie below `folder` while it runs.
    """
    if uris.algorithm(image) is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="check-", dir=folder) as place:
        tree = OptML(Path(place) / "algo-1")
        tree.make_folders()
        question = tuple(f"{name}={value}" for name, value in values)
        _run(backend, Launch(image, tree.root, {}, {}, lambda line: None, arguments=("check", *question)))
        reason = tree.failure.read_text() if tree.failure.is_file() else ""
    return reason.removeprefix(CLIENT_ERROR) if reason.startswith(CLIENT_ERROR) else None


def _run(backend: Backend, launch: Launch) -> None:
    try:
        (container,) = backend.train([launch])
    except CannotRun:
        return
    if container.wait(ANSWER_WITHIN_S) is None:
        container.kill()
        container.wait()
