"""Picks the packages of an image from a lock, with their hashes, for pip's hash-checking mode.

`python3 pick.py LOCK` prints what all images share: the packages of packages.txt, and what these need.
`python3 pick.py LOCK PYPROJECT ALGORITHM` prints what the image of an algorithm needs beyond that: the extra of its name in
pyproject.toml. The image `runner`, which has all algorithms, needs the rest of the lock.

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
COMMENT = re.compile(r"^ +#.*\n", re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9._-]+")


def shared() -> set[str]:
    """Names of the packages that every image has."""
    return {spelled(line) for line in COMMON.read_text().splitlines() if line and not line.startswith("#")}


def own(project: Mapping[str, Any], algorithm: str) -> set[str]:
    """Names of the packages that an algorithm asks for beyond `shared`; `project` is that table of pyproject.toml."""
    extra = project.get("optional-dependencies", {}).get(spelled(algorithm), ())
    return {spelled(name[0]) for line in extra if (name := NAME.match(line))}


def picked(lock: str, names: set[str]) -> list[str]:
    """Entries of the lock for `names` and, by its `# via` notes, for what these need; without the notes, which name packages
    of other images too. Raises SystemExit if the lock lacks one."""
    entries = {spelled(entry["name"]): entry[0] for entry in ENTRY.finditer(lock)}
    if missing := sorted(names - entries.keys()):
        raise SystemExit(f"The lock has no {', '.join(missing)}: regenerate it with scripts/lock.")
    needed_by = {name: set(map(spelled, NEEDED_BY.findall(entry))) for name, entry in entries.items()}
    found, grown = set[str](), names
    while grown != found:
        found = grown
        grown = found | {name for name, parents in needed_by.items() if parents & found}
    return [COMMENT.sub("", entries[name]) for name in sorted(found)]


def spelled(name: str) -> str:
    """The name of a package or algorithm in lower case, with hyphens."""
    return re.sub(r"[._-]+", "-", name).lower()


def beyond_shared(lock: str, project: Mapping[str, Any], image: str) -> list[str]:
    """Entries that the image of an algorithm, or `runner`, needs and that are not in every image."""
    common = set(picked(lock, shared()))
    names = {spelled(entry["name"]) for entry in ENTRY.finditer(lock)} if image == RUNNER else own(project, image)
    return [entry for entry in picked(lock, names) if entry not in common]


def main(lock: Path, pyproject: Path | None = None, image: str = "") -> None:
    """Print the entries that all images share or, with `pyproject`, those that `image` needs beyond them."""
    entries = lock.read_text()
    if pyproject:
        project = tomllib.loads(pyproject.read_text())["project"]
        found = beyond_shared(entries, project, image)
    else:
        found = picked(entries, shared())
    print("".join(found), end="")


if __name__ == "__main__":
    lock, *of_algorithm = sys.argv[1:]
    main(Path(lock), *((Path(of_algorithm[0]), of_algorithm[1]) if of_algorithm else ()))
