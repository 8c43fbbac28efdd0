"""docs/environment.md lists the variables whose names begin with WILDSAGE_, all of them and no others."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("algorithms", "containers", "local_runner", "wildsage")
VARIABLE = re.compile(r"WILDSAGE_[A-Z][A-Z_]*[A-Z]")


def sources() -> list[Path]:
    """Python modules, scripts and build files that may read or set a variable."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    return [ROOT / "docker-compose.yml", *(path for path in files if path.suffix in ("", ".py", ".sh"))]


def test_the_table_lists_the_variables_of_the_code():
    used = {name for path in sources() for name in VARIABLE.findall(path.read_text())}
    rows = re.findall(r"^\| `(WILDSAGE_\w+)` \|", (ROOT / "docs" / "environment.md").read_text(), re.MULTILINE)
    assert "WILDSAGE_DATA" in used
    assert sorted(rows) == sorted(used), "docs/environment.md: add or remove rows of the table"
