"""The algorithms whose containers can be run here. None of them is imported: their own container says what they are.

`python -m wildsage.containers describe` takes a tenth of a second, as it does not import the array engine either. It is asked
once, and again when a folder of algorithms or what it says of itself has changed.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wildsage.algorithms.base.errors import PlatformError
from wildsage.local_runner.processes import python


@dataclass(frozen=True)
class AlgorithmEntry:
    """What is known of one.

    `summary` is one sentence; `repositories` are those of ECR URIs; `label_size` is how many columns of a CSV row are labels
    in training; `metric_definitions` are regular expressions by name; `problem` says why it cannot run here, if it cannot.
    """

    name: str
    summary: str
    repositories: tuple[str, ...]
    content_types: tuple[str, ...]
    label_size: int
    metric_definitions: Mapping[str, str]
    problem: str | None


def algorithms() -> tuple[AlgorithmEntry, ...]:
    """All of them, in the order of their names. Raises PlatformError where the container does not answer."""
    return _described(_stamp())


def named(name: str | None) -> AlgorithmEntry | None:
    """The algorithm of that name, spelled with hyphens or with underscores."""
    wanted = (name or "").replace("_", "-")
    return next((one for one in algorithms() if one.name == wanted), None)


def in_repository(repository: str) -> AlgorithmEntry | None:
    """The algorithm whose image has that repository in ECR."""
    return next((one for one in algorithms() if repository in one.repositories), None)


def _stamp() -> tuple[tuple[str, int, int], ...]:
    """Changes when a folder of algorithms comes or goes, or says something else of itself."""
    package = importlib.util.find_spec("wildsage.algorithms")
    folders = [Path(place) for place in package.submodule_search_locations or ()] if package else []
    files = sorted(file for folder in folders for file in folder.glob("*/spec.py"))
    return tuple((str(file), found.st_size, found.st_mtime_ns) for file in files if (found := file.stat()))


@functools.lru_cache(maxsize=1)
def _described(_stamp: object) -> tuple[AlgorithmEntry, ...]:
    answer = subprocess.run(
        python.command("wildsage.containers", "describe"),
        env=python.environment(os.environ),
        capture_output=True,
        text=True,
    )
    if answer.returncode:
        raise PlatformError(f"The containers of this installation do not say what they are: {answer.stderr.strip()}")
    return tuple(
        AlgorithmEntry(
            entry["name"],
            entry["summary"],
            tuple(entry["repositories"]),
            tuple(entry["content_types"]),
            entry["label_size"],
            entry["metric_definitions"],
            entry["problem"],
        )
        for entry in json.loads(answer.stdout)
    )
