"""The table of scores in a page: one row for each file that was tried, which a later run replaces."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

ROW = re.compile(r"^\| `(\S+)` \| (\d+) \| (\d+) \| .*\n", re.MULTILINE)
HEAD = "| file | tried | noticed | share | date |\n|---|---|---|---|---|\n"


def update(page: Path, path: str, tried: int, noticed: int) -> None:
    """Write the score of a file to the table that is the end of the page, and sum all scores up above it."""
    text = page.read_text()
    rows = {row[1]: row[0] for row in ROW.finditer(text)}
    rows[path] = f"| `{path}` | {tried} | {noticed} | {noticed / tried:.0%} | {date.today()} |\n"
    before = re.split(r"^\d+ files?, ", text, maxsplit=1, flags=re.MULTILINE)[0]
    page.write_text(before + _sum("".join(rows.values())) + HEAD + "".join(rows[name] for name in sorted(rows)))


def _sum(rows: str) -> str:
    scores = [(int(row[2]), int(row[3])) for row in ROW.finditer(rows)]
    tried, noticed = (sum(numbers) for numbers in zip(*scores, strict=True))
    reach = sum(one >= 0.9 * all_ for all_, one in scores)
    files = (
        f"{len(scores)} file{'s' * (len(scores) > 1)}, {tried} changes tried, {noticed} noticed ({noticed / tried:.0%})"
    )
    return f"{files}. {reach} of the files reach 90 %.\n\n"
