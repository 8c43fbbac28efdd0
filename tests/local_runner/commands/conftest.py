"""Commands run in this process, against the server of the session or a folder at rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from typer.testing import CliRunner

from wildsage.local_runner.__main__ import app


@dataclass(frozen=True)
class Said:
    """What a command wrote where, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def cells(self) -> list[dict[str, str]]:
        """The rows of a table by their column names."""
        head, *rows = (line.split("\t") for line in self.out.splitlines() if "\t" in line)
        return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.fixture
def cli() -> Callable[..., Said]:
    """Runs a command of `wildsage` in this process."""

    def run(*arguments: object, stdin: str | None = None) -> Said:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Said(result.exit_code, result.stdout, " ".join(result.stderr.split()))

    return run
