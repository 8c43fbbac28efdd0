"""The part of a lock that one image needs: `python3 pick.py LOCK PYPROJECT ALGORITHM`, ready for pip's hash-checking mode.

An image gets what packages.txt names and the extra of pyproject.toml that bears the algorithm's name, with all that they
need in turn; the image `runner`, which has all algorithms, gets the whole lock.

Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

COMMON = Path(__file__).with_name("packages.txt")
RUNNER = "runner"
ENTRY = re.compile(r"^(?P<name>[a-z0-9._-]+)==.*\n(?:[ ].*\n)*", re.MULTILINE)
NEEDED_BY = re.compile(r"^ +#(?: via)? +(?P<name>[a-z0-9._-]+)$", re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9._-]+")


def wanted(project: Mapping[str, Any], algorithm: str) -> set[str]:
    """Names of what an algorithm's image needs itself; `project` is that table of pyproject.toml."""
    common = [line for line in COMMON.read_text().splitlines() if not line.startswith("#")]
    own = project.get("optional-dependencies", {}).get(spelled(algorithm), ())
    return {spelled(name[0]) for line in (*common, *own) if (name := NAME.match(line))}


def picked(lock: str, names: set[str]) -> list[str]:
    """Entries of the lock for `names` and, by its `# via` notes, for what these need. Exits if the lock lacks one."""
    entries = {spelled(entry["name"]): entry[0] for entry in ENTRY.finditer(lock)}
    if missing := sorted(names - entries.keys()):
        raise SystemExit(f"The lock has no {', '.join(missing)}: write it anew with scripts/lock.")
    needed_by = {name: set(map(spelled, NEEDED_BY.findall(entry))) for name, entry in entries.items()}
    found, grown = set[str](), names
    while grown != found:
        found = grown
        grown = found | {name for name, parents in needed_by.items() if parents & found}
    return [entries[name] for name in sorted(found)]


def spelled(name: str) -> str:
    """A package's or algorithm's name with hyphens, in small letters."""
    return re.sub(r"[._-]+", "-", name).lower()


def main(lock: Path, pyproject: Path, image: str) -> None:
    entries = lock.read_text()
    if image != RUNNER:
        project = tomllib.loads(pyproject.read_text())["project"]
        entries = "".join(picked(entries, wanted(project, image)))
    print(entries, end="")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
