"""`python -m scripts.mutants PATH …` or `--changed`: which changes of these files do their tests notice?"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Container, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import LifoQueue

from scripts.mutants.changes import base, changed_lines
from scripts.mutants.judge import Copy, tests_of
from scripts.mutants.mutant import EveryLine, Mutant, mutants

FOLDERS = ("algorithms", "containers", "local_runner")
LONGEST_S = 900
"""The tests of a file may take this long."""

SLOWER = 5
"""A run may take this many times as long as that of the unchanged file, and …"""
MORE_S = 20
"""… this many seconds more: a change that makes an endless loop counts as noticed, a busy machine does not."""


@dataclass
class Score:
    """What became of the mutants of a file."""

    path: str
    tests: list[str]
    noticed: int = 0
    survivors: list[Mutant] = field(default_factory=list)
    not_reached: int = 0
    why_not: str = ""

    @property
    def tried(self) -> int:
        """Number of mutants with a verdict."""
        return self.noticed + len(self.survivors)

    def __str__(self) -> str:
        """The survivors with their diffs, and a line that sums up."""
        if self.why_not:
            return f"{self.path}: {self.not_reached} mutants were not tried, because {self.why_not}\n"
        lines = [f"{self.path}:{mutant.line} survived\n{mutant.diff}\n" for mutant in self.survivors]
        share = f"{self.noticed} of {self.tried} noticed" + (f", {self.noticed / self.tried:.0%}" if self.tried else "")
        missing = f"; {self.not_reached} not reached" if self.not_reached else ""
        return "\n".join([*lines, f"{self.path}: {share}{missing}; judged by {' '.join(self.tests)}\n"])


class Session:
    """Copies of the repository that take turns, and the time until which mutants are tried."""

    def __init__(self, repository: Path, folder: Path, processes: int) -> None:
        self._repository = repository
        self._pool = ThreadPoolExecutor(processes)
        self._free: LifoQueue[Copy] = LifoQueue()
        for number in range(processes):
            self._free.put(Copy(repository, folder / str(number)))

    def score(self, path: str, candidates: list[Mutant], until: float) -> Score:
        """Try the mutants of one file. Those that would begin after `until` are not reached."""
        tests, began = tests_of(path, self._repository), time.monotonic()
        score = Score(path, tests)
        if not self._passes(None, tests, min(LONGEST_S, until - began)):
            score.not_reached = len(candidates)
            score.why_not = (
                f"{' '.join(tests)} failed without a change, or took longer than there was time:\n{self._output()}"
            )
            return score
        timeout_s = SLOWER * (time.monotonic() - began) + MORE_S

        def survives(mutant: Mutant) -> bool | None:
            return None if time.monotonic() > until else self._passes(mutant, tests, timeout_s)

        for mutant, survived in zip(candidates, self._pool.map(survives, candidates), strict=True):
            if survived is None:
                score.not_reached += 1
            elif survived:
                score.survivors.append(mutant)
            else:
                score.noticed += 1
        return score

    def _output(self) -> str:
        """The end of what the only run so far of a file's tests printed."""
        copy = self._free.get()
        self._free.put(copy)
        return "\n".join(copy.output.read_text(errors="replace").splitlines()[-15:])

    def _passes(self, mutant: Mutant | None, tests: list[str], timeout_s: float) -> bool:
        copy = self._free.get()
        try:
            if mutant:
                copy.write(mutant.path, mutant.code)
            return all(copy.passes([test], timeout_s) for test in tests)
        finally:
            if mutant:
                copy.write(mutant.path, mutant.original)
            self._free.put(copy)


def sources(paths: list[str]) -> Iterator[str]:
    """The Python files at or below the paths."""
    for path in map(Path, paths):
        yield from [str(path)] if path.is_file() else sorted(map(str, path.rglob("*.py")))


def chosen(arguments: argparse.Namespace) -> Mapping[str, Container[int]]:
    """Path → the lines to change."""
    if arguments.changed is None:
        return {path: EveryLine() for path in sources(arguments.paths)}
    since = arguments.changed or base()
    if since is None:
        print(
            "git knows no commit before this one, so that nothing is known to have changed: name one, --changed COMMIT"
        )
        return {}
    print(f"Lines that were changed since {since}", flush=True)
    return {path: lines for path, lines in changed_lines(since, FOLDERS).items() if Path(path).exists()}


def drawn(path: str, lines: Container[int], arguments: argparse.Namespace) -> list[Mutant]:
    """The mutants to try of a file, in an order that is random and the same for the same seed."""
    found = mutants(path, Path(path).read_text(), lines)
    random.Random(arguments.seed).shuffle(found)
    return found[: arguments.sample]


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
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="mutants at a time")
    arguments = parser.parse_args()
    if bool(arguments.paths) == (arguments.changed is not None):
        parser.error("name paths, or --changed")
    return arguments


def scores(arguments: argparse.Namespace) -> Iterator[Score]:
    """Try the mutants file by file, each with its share of the time that is left."""
    end, files = time.monotonic() + arguments.budget_s, chosen(arguments)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        session = Session(Path.cwd(), Path(folder), arguments.processes)
        for number, (path, lines) in enumerate(files.items()):
            candidates, now = drawn(path, lines, arguments), time.monotonic()
            if candidates:
                yield session.score(path, candidates, now + (end - now) / (len(files) - number))


def main() -> None:
    """Print what survived, and how many changes of each file were noticed."""
    rows, missing = ["| file | mutants | noticed | share |", "|---|---|---|---|"], 0
    for score in scores(parsed()):
        print(score, flush=True)
        missing += score.not_reached
        if score.tried:
            rows.append(f"| `{score.path}` | {score.tried} | {score.noticed} | {score.noticed / score.tried:.0%} |")
    print(*rows, sep="\n")
    if missing:
        print(f"{missing} mutants were not reached.")


if __name__ == "__main__":
    main()
