"""The algorithms of this installation, as their containers describe them: the local AWS imports no algorithm.

`python -m wildsage.containers describe` takes a tenth of a second, since it does not import torch either. It is asked
once, and again when a folder of algorithms or a `spec.py` has changed.
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
    """An algorithm as its container describes it.

    `summary` is one sentence; `repositories` are the names of its image in ECR; `label_size` is how many columns of a CSV row
    are labels in training; `metric_definitions` are regular expressions by name; `problem` says why it cannot run here;
    `packages` are those that it imports beside what every algorithm has.
    """

    name: str
    summary: str
    repositories: tuple[str, ...]
    content_types: tuple[str, ...]
    label_size: int
    metric_definitions: Mapping[str, str]
    problem: str | None
    packages: tuple[str, ...] = ()


def algorithms() -> tuple[AlgorithmEntry, ...]:
    """All algorithms by name. Raises PlatformError if the container does not answer."""
    return _described(_stamp())


def named(name: str | None) -> AlgorithmEntry | None:
    """The algorithm of that name, spelled with hyphens or with underscores."""
    wanted = (name or "").replace("_", "-")
    return next((one for one in algorithms() if one.name == wanted), None)


def in_repository(repository: str) -> AlgorithmEntry | None:
    """The algorithm whose image has that repository in ECR."""
    return next((one for one in algorithms() if repository in one.repositories), None)


def _stamp() -> tuple[tuple[str, int, int], ...]:
    """A value that changes when an algorithm is added, removed or described anew."""
    package = importlib.util.find_spec("wildsage.algorithms")
    folders = [Path(place) for place in package.submodule_search_locations or ()] if package else []
    files = sorted(file for folder in folders for file in folder.glob("*/spec.py"))
    return tuple((str(file), found.st_size, found.st_mtime_ns) for file in files if (found := file.stat()))


@functools.lru_cache(maxsize=1)  # mutants: equivalent: what was described before is not asked for again
def _described(_stamp: object) -> tuple[AlgorithmEntry, ...]:
    answer = subprocess.run(
        python.command("wildsage.containers", "describe"),
        env=python.environment(os.environ),
        capture_output=True,
        text=True,
    )
    if answer.returncode:
        raise PlatformError(f"Listing the installed algorithms failed: {answer.stderr.strip()}")
    return tuple(
        AlgorithmEntry(
            entry["name"],
            entry["summary"],
            tuple(entry["repositories"]),
            tuple(entry["content_types"]),
            entry["label_size"],
            entry["metric_definitions"],
            entry["problem"],
            tuple(entry["packages"]),
        )
        for entry in json.loads(answer.stdout)
    )
