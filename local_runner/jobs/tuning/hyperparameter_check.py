"""Which hyperparameters an algorithm takes: its own container is asked, before a tuning job begins."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.backends import Backend, CannotRun, Launch
from wildsage.local_runner.images import uris

ANSWER_WITHIN_S = 30.0
BLAME = "ClientError: "


def refusal(backend: Backend, image: str, values: Iterable[tuple[str, str]], folder: Path) -> str | None:
    """Why jobs of a built-in algorithm could not have these hyperparameters, in its own words; None if they could.

    None too where nobody can tell: the image is somebody else's, or older than the question, or the machine is too busy.
    Then the jobs will tell. The container's tree lies below `folder` as long as it runs.
    """
    if uris.algorithm(image) is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="check-", dir=folder) as place:
        tree = OptML(Path(place) / "algo-1")
        tree.make_folders()
        question = tuple(f"{name}={value}" for name, value in values)
        _run(backend, Launch(image, tree.root, {}, {}, lambda line: None, arguments=("check", *question)))
        said = tree.failure.read_text() if tree.failure.is_file() else ""
    return said.removeprefix(BLAME) if said.startswith(BLAME) else None


def _run(backend: Backend, launch: Launch) -> None:
    try:
        (container,) = backend.train([launch])
    except CannotRun:
        return
    if container.wait(ANSWER_WITHIN_S) is None:
        container.kill()
        container.wait()
