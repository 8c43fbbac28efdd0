"""The lines that a branch changes."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Mapping

HUNK = re.compile(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@")
BRANCHES = ("@{upstream}", "origin/main", "origin/HEAD", "main")


def base() -> str | None:
    """The commit from which the branch left main, or the commit before the last on main itself. None if git knows neither,
    as in a clone of one commit."""
    head = _git("rev-parse", "HEAD")
    for branch in BRANCHES:
        found = _git("merge-base", "HEAD", branch)
        if found and found != head:
            return found
    return _git("rev-parse", "--verify", "HEAD~1") or None


def commit(name: str) -> str:
    """The commit of that name. Raises ValueError if git knows none."""
    if found := _git("rev-parse", "--verify", f"{name}^{{commit}}"):
        return found
    raise ValueError(f"git does not know the commit {name!r}")


def changed_lines(since: str, folders: tuple[str, ...]) -> Mapping[str, set[int]]:
    """Path → numbers of lines that are new or different since a commit, what is not committed included."""
    found: dict[str, set[int]] = defaultdict(set)
    path = ""
    for line in _git(
        "diff", "--unified=0", "--no-color", "--no-ext-diff", "--no-prefix", since, "--", *folders
    ).splitlines():
        if line.startswith("+++ "):
            path = line.removeprefix("+++ ")
        elif (hunk := HUNK.match(line)) and path.endswith(".py"):
            first, count = int(hunk[1]), int(hunk[2] or 1)
            found[path] |= set(range(first, first + count))
    return found


def _git(*arguments: str) -> str:
    """What git prints; "" if it fails."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()
