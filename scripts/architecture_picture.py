#!/usr/bin/env python3
"""Draws the parts of the tree and what imports what: `scripts/architecture_picture.py docs/architecture.md`.

A part is a folder or a module directly below `algorithms`, `containers` or `local_runner`; an arrow says that one part
imports another. Layers are counted from below: a part lies one layer above the highest part it imports. The page gets
the picture between its two markers; without a page, the figures of the tree are printed. `--root` names another tree.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator, Mapping, Set
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGES = ("local_runner", "containers", "algorithms")  # from the top down
NAMESPACE = "wildsage."
BEGIN, END = "<!-- picture: begin -->", "<!-- picture: end -->"
COMMAND = "python scripts/architecture_picture.py docs/architecture.md"

EACH_ALGORITHM = "algorithms/<name>"
"""All algorithms are one part: none imports another, and the picture stays as it is when one is added."""

Arrows = Mapping[str, Set[str]]
"""For each part, such as `containers/codecs`, the parts of the same package that it imports."""


def modules(root: Path, package: str) -> list[Path]:
    """Source files of a package, relative to the root."""
    return sorted(path.relative_to(root) for path in (root / package).rglob("*.py"))


def imported(source: str) -> Iterator[str]:
    """Dotted names that a module imports from this project, without the namespace."""
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if (name := name.removeprefix(NAMESPACE)).split(".")[0] in PACKAGES:
                yield name


def part_of(root: Path, name: str) -> str:
    """The part that a dotted name lies in; the package for a name outside all parts."""
    package, _, rest = name.partition(".")
    first = rest.partition(".")[0]
    if first and (root / package / first).is_dir():
        return EACH_ALGORITHM if package == "algorithms" and first != "base" else f"{package}/{first}"
    if first and first != "__init__" and (root / package / f"{first}.py").is_file():
        return f"{package}/{first}.py"
    return package


def all_arrows(root: Path) -> Arrows:
    """Every part and what it imports, of its own package and of others."""
    found: dict[str, set[str]] = {}
    for package in PACKAGES:
        for path in modules(root, package):
            part = part_of(root, ".".join(path.with_suffix("").parts))
            others = {part_of(root, name) for name in imported((root / path).read_text())}
            found.setdefault(part, set()).update(others - {part})
    return found


def within(arrows: Arrows, package: str) -> Arrows:
    """The parts of one package, and the arrows between them. The package's `__init__` does not count as a part."""
    parts = {part for part in arrows if part.startswith(f"{package}/")}
    return {part: arrows[part] & parts for part in sorted(parts)}


def layers(arrows: Arrows) -> dict[str, int]:
    """Layer of each part, 0 for one that imports no other. Raises graphlib.CycleError where imports run in a circle."""
    found: dict[str, int] = {}
    for part in TopologicalSorter(arrows).static_order():
        found[part] = max((found[below] + 1 for below in arrows[part]), default=0)
    return found


def needed(arrows: Arrows) -> Arrows:
    """The arrows without those that a longer path implies, so that the picture stays readable."""

    def reached(part: str) -> set[str]:
        return set(arrows[part]).union(*map(reached, arrows[part]))

    return {part: below - set().union(*map(reached, below)) for part, below in arrows.items()}


def picture(root: Path) -> str:
    """The three packages as Mermaid charts, upper layers first."""
    arrows = all_arrows(root)
    return "\n\n".join(_chart(package, within(arrows, package)) for package in PACKAGES)


def _chart(package: str, arrows: Arrows) -> str:
    levels = layers(arrows)
    imports = f"{_count(arrows)} imports between them" if _count(arrows) != 1 else "1 import between them"
    summary = f"`{package}`: {len(arrows)} parts in {max(levels.values()) + 1} layers, {imports}"
    lines = [
        f"**{summary}**. The chart leaves out the imports that a longer path implies.",
        "",
        "```mermaid",
        "flowchart TD",
    ]
    for part in sorted(arrows, key=lambda part: (-levels[part], part)):
        lines.append(f'    {_node(part)}["{_label(part)}"]')
    for part, below in needed(arrows).items():
        lines += [f"    {_node(part)} --> {_node(other)}" for other in sorted(below)]
    return "\n".join([*lines, "```"])


def _label(part: str) -> str:
    return "each algorithm" if part == EACH_ALGORITHM else part.partition("/")[2]


def _node(part: str) -> str:
    return re.sub(r"\W+", "_", part).strip("_")


def _count(arrows: Arrows) -> int:
    return sum(map(len, arrows.values()))


def figures(root: Path) -> str:
    """Parts, layers, imports and single files of each package, as a table."""
    arrows = all_arrows(root)
    lines = [
        "| package | parts | layers | imports | single files |",
        "|---|---|---|---|---|",
    ]
    for package in PACKAGES:
        inside = within(arrows, package)
        loose = sum(part.endswith(".py") for part in inside)
        levels = max(layers(inside).values()) + 1
        lines.append(f"| {package} | {len(inside)} | {levels} | {_count(inside)} | {loose} |")
    return "\n".join(lines)


def page_with(picture: str, page: str) -> str:
    """The text of a page, with the picture between its markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{picture}\n{END}{after}"


def main() -> None:
    """Draw into the page that the command line names, or print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("page", nargs="?", type=Path, help="Markdown page to draw into")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1], help="tree to look at")
    options = parser.parse_args()
    if options.page:
        options.page.write_text(page_with(picture(options.root), options.page.read_text()))
    else:
        sys.stdout.write(figures(options.root) + "\n")


if __name__ == "__main__":
    main()
