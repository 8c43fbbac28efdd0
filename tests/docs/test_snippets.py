"""Every block of code of the documentation runs, or says why it does not. `scripts/snippets.py` says how a page is read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.snippets import Snippet, environments_of, pages, snippets
from wildsage.local_runner.processes import no_network

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
RUN = ("python", "sh", "background", "file")
COMMAND = re.compile(r"^(?:\$ )?(?:wildsage|pip|python3?|make|curl|aws|docker|pytest|export) ", re.MULTILINE)
HISTORY = ("CHANGELOG.md",)
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text() for path in pages(ROOT) if path.name not in HISTORY}
WITH_CODE = [name for name, text in TEXTS.items() if any(each.action in RUN for each in snippets(text))]


@pytest.mark.parametrize("name", TEXTS)
def test_every_block_runs_or_says_why_not(name):
    found = snippets(TEXTS[name])
    for place, each in enumerate(found):
        where = f"{name}:{each.line}"
        assert each.action != "unknown", (
            f"{where}: write `<!-- not run: why -->` before it, or name it in its first line"
        )
        unmarked = each.action == "read" and not each.language and COMMAND.search(each.code)
        assert not unmarked, f"{where}: has a command; call the block `sh`, or `text` if it only shows it"
        later = "".join(other.code for other in found[place + 1 :])
        named = Path(each.file).name in later or Path(each.file).stem in later or "pytest" in later
        assert each.action != "file" or named, f"{where}: no later block uses {each.file}"


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_CODE)
def test_the_blocks_of_a_page_run(name, tmp_path):
    folders = [*map(client, environments_of(TEXTS[name])), BIN]
    steps = [each for each in snippets(TEXTS[name]) if each.action in RUN]
    done = run(steps, folders, tmp_path)
    assert done.returncode == 0, f"{name}\n{done.stdout}{done.stderr}"


def client(name: str) -> Path:
    """The folder of the programs of a client environment. Skips where `make clients` has not made it."""
    folder = ROOT / ".clients" / name / "bin"
    if not folder.exists():
        pytest.skip(f"needs the packages of the client {name}: make clients")
    return folder


def run(steps: list[Snippet], folders: list[Path], home: Path) -> subprocess.CompletedProcess[str]:
    """Run blocks in an empty folder, without a network where that is possible, with the programs of some folders."""
    command = [sys.executable, str(Path(__file__).with_name("run_page.py")), str(folders[0] / "python")]
    if not no_network.problem():
        command = no_network.without_network(command)
    text = json.dumps([step.as_json() for step in steps])
    variables = environment(folders, home)
    return subprocess.run(command, input=text, cwd=home, env=variables, capture_output=True, text=True, timeout=600)


def environment(folders: list[Path], home: Path) -> dict[str, str]:
    """Variables of a user who has a shell, a home, and the programs of these folders."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_", "WILDSAGE_"))}
    ours = {"HOME": str(home), "WILDSAGE_DATA": str(home / "aws"), "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    return {**kept, **ours, "PATH": os.pathsep.join([*map(str, folders), kept["PATH"]])}


def test_blocks_are_read_as_the_module_says():
    page = """
<!-- first, python:
rows = 1
-->
```python
print(rows)
```

<!-- not run: it needs an account -->
```sh
aws s3 ls
```

1. <!-- in the background -->
   ```sh
   wildsage serve model.tar.gz
   ```

```python
# tests/test_it.py
import pytest
```

```
a message
```

```yaml
on: push
```
"""
    assert snippets(page) == [
        Snippet("python", "python", 3, "rows = 1\n"),
        Snippet("python", "python", 6, "print(rows)\n"),
        Snippet("left out", "sh", 11, "aws s3 ls\n"),
        Snippet("background", "sh", 16, "wildsage serve model.tar.gz\n"),
        Snippet("file", "python", 20, "# tests/test_it.py\nimport pytest\n", "tests/test_it.py"),
        Snippet("read", "", 25, "a message\n"),
        Snippet("unknown", "yaml", 29, "on: push\n"),
    ]


def test_a_page_whose_python_fails_says_where(tmp_path):
    done = run(
        [Snippet("python", "python", 3, "rows = 1\n"), Snippet("python", "python", 7, "print(rows + columns)\n")],
        [BIN],
        tmp_path,
    )
    assert done.returncode == 1
    assert "line 7" in done.stderr and "'columns' is not defined" in done.stderr


def test_a_page_whose_command_fails_ends_there(tmp_path):
    done = run(
        [Snippet("sh", "sh", 3, "false | cat\ntouch late\n"), Snippet("sh", "sh", 7, "touch later\n")], [BIN], tmp_path
    )
    assert done.returncode == 1
    assert not list(tmp_path.glob("late*"))
