"""`python -m scripts.mutants PATH …` or `--changed`: which changes of these files do their tests notice?"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from pathlib import Path
from queue import LifoQueue

from scripts.mutants.changes import base, changed_lines, commit
from scripts.mutants.judge import Copy, Judge, tests_of
from scripts.mutants.mutant import EveryLine, Mutant, mutants
from scripts.mutants.table import update

FOLDERS = ("algorithms", "containers", "local_runner")
LONGEST_S = 1800
"""The tests of a group of files may take this long."""

Lines = Mapping[str, Container[int]]
"""Path → the lines to change."""
Draw = Callable[[str, str, Container[int]], list[Mutant]]
"""Path, its code, and the lines to change → the mutants to try."""


@dataclass
class Score:
    """What became of the mutants of a file."""

    path: str
    tests: list[str]
    noticed: int = 0
    survivors: list[Mutant] = field(default_factory=list)
    not_reached: int = 0
    why_not: str = ""
    failed: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """Number of mutants with a verdict."""
        return self.noticed + len(self.survivors)

    def add(self, mutant: Mutant, noticed: bool | None) -> None:
        """Count a verdict, or that there was no time for one."""
        if noticed is None:
            self.not_reached += 1
        elif noticed:
            self.noticed += 1
        else:
            self.survivors.append(mutant)

    def __str__(self) -> str:
        """The survivors with their diffs, and a line that sums up."""
        if self.why_not:
            return f"{self.path}: {self.not_reached} mutants were not tried, because {self.why_not}\n"
        lines = [f"{self.path}:{mutant.line} survived\n{mutant.diff}\n" for mutant in self.survivors]
        share = f"{self.noticed} of {self.tried} noticed" + (f", {self.noticed / self.tried:.0%}" if self.tried else "")
        missing = f"; {self.not_reached} not reached" if self.not_reached else ""
        failed = f"; left out, because they fail without a change: {' '.join(self.failed)}" if self.failed else ""
        return "\n".join([*lines, f"{self.path}: {share}{missing}; judged by {' '.join(self.tests)}{failed}\n"])


class Session:
    """Copies of the repository that take turns, and the time until which mutants are tried."""

    def __init__(self, repository: Path, folder: Path, processes: int, end: float, draw: Draw) -> None:
        self._repository, self._end, self._draw = repository, end, draw
        self.stopped = False
        self._stop, self._told = multiprocessing.Pipe()
        self._pool = ThreadPoolExecutor(processes)
        self._free: LifoQueue[Copy] = LifoQueue()
        self._processes = processes
        for number in range(processes):
            self._free.put(Copy(repository, folder / str(number)))

    def stop(self, *_: object) -> None:
        """Give up what has no verdict yet: `scores` soon ends. A handler of signals."""
        self.stopped, self._end = True, -math.inf
        self._stop.close()

    def scores(self, groups: list[Lines]) -> Iterator[Score]:
        """Try mutants of groups of files, each with its share of the time that is left."""
        waiting = list(range(len(groups), 0, -1))

        def score(group: Lines) -> list[Score]:
            now, turns = time.monotonic(), math.ceil(waiting.pop(0) / self._processes)
            drawn = {path: self._draw(path, Path(path).read_text(), lines) for path, lines in group.items()}
            return self._score({path: drawn[path] for path in drawn if drawn[path]}, now + (self._end - now) / turns)

        for scores in self._pool.map(score, groups):
            yield from scores

    def _score(self, group: dict[str, list[Mutant]], until: float) -> list[Score]:
        scores = {path: Score(path, tests_of(path, self._repository)) for path in group}
        if not group:
            return []
        copy = self._free.get()
        judge = Judge(copy, list(group), min(LONGEST_S, until - time.monotonic()), self._told)
        try:
            for path, score in scores.items():
                score.why_not, score.failed = judge.why_not(path), judge.failed(path)
            for mutant in _in_turns(group):
                score, late = scores[mutant.path], time.monotonic() > min(until, self._end)
                score.add(mutant, None if late or score.why_not else judge.notices(mutant, until))
        finally:
            judge.close()
            self._free.put(copy)
        return list(scores.values())


def _in_turns(group: dict[str, list[Mutant]]) -> Iterator[Mutant]:
    """One mutant of each file, then the next."""
    for several in zip_longest(*group.values()):
        yield from filter(None, several)


def sources(paths: list[str]) -> Iterator[str]:
    """The Python files at or below the paths, as paths in the repository. Raises ValueError for what nothing judges."""
    here = Path.cwd()
    for path in paths:
        place = Path(path).resolve()
        files = [place] if place.is_file() else sorted(place.rglob("*.py"))
        found = [str(file.relative_to(here)) for file in files if file.is_relative_to(here)]
        if not found:
            raise ValueError(f"{path}: expected a Python file of this repository, or a folder with some")
        if alone := [file for file in found if not tests_of(file, here)]:
            raise ValueError(f"{alone[0]}: neither its folder nor one above it has tests that mirror it")
        yield from found


def chosen(arguments: argparse.Namespace) -> Lines:
    """Path → the lines to change. Raises ValueError for a path or a commit that is not there."""
    if arguments.changed is None:
        return {path: EveryLine() for path in sources(arguments.paths)}
    since = commit(arguments.changed) if arguments.changed else base()
    if since is None:
        print(
            "git knows no commit before this one, so that nothing is known to have changed: name one, --changed COMMIT"
        )
        return {}
    print(f"Lines that were changed since {since}", flush=True)
    return {path: lines for path, lines in changed_lines(since, FOLDERS).items() if Path(path).exists()}


def groups(files: Lines) -> list[Lines]:
    """Files that the same tests judge, which are collected and run without a change once."""
    found: dict[tuple[str, ...], dict[str, Container[int]]] = defaultdict(dict)
    for path, lines in files.items():
        found[tuple(tests_of(path, Path.cwd()))][path] = lines
    return list(found.values())


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts.mutants", description=__doc__)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files or folders to change")
    parser.add_argument(
        "--changed", nargs="?", const="", metavar="COMMIT", help="change the lines that are new since a commit"
    )
    parser.add_argument("--sample", type=int, metavar="N", help="try at most N mutants of each file, chosen at random")
    parser.add_argument("--seed", type=int, default=0, help="of that choice")
    parser.add_argument("--budget-s", type=float, default=float("inf"), metavar="S", help="begin no mutant later")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="groups of files at a time")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write each file's score to a table in this page")
    arguments = parser.parse_args()
    if bool(arguments.paths) == (arguments.changed is not None):
        parser.error("name paths, or --changed")
    return arguments


def main() -> None:
    """Print what survived, and how many changes of each file were noticed."""
    arguments, rows, missing = parsed(), ["| file | mutants | noticed | share |", "|---|---|---|---|"], 0
    end = time.monotonic() + arguments.budget_s
    try:
        files = chosen(arguments)
    except ValueError as error:
        raise SystemExit(f"mutants: {error}") from None
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        draw = partial(mutants, sample=arguments.sample, seed=arguments.seed)
        session = Session(Path.cwd(), Path(folder), arguments.processes, end, draw)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, session.stop)
        for score in session.scores(groups(files)):
            print(score, flush=True)
            missing += score.not_reached
            if score.tried:
                rows.append(f"| `{score.path}` | {score.tried} | {score.noticed} | {score.noticed / score.tried:.0%} |")
            if score.tried and arguments.table:
                update(arguments.table, score.path, score.tried, score.noticed)
    print(*rows, sep="\n")
    if missing:
        print(f"{missing} mutants were not reached.")
    if session.stopped:
        raise SystemExit("mutants: stopped before the end")


if __name__ == "__main__":
    main()
