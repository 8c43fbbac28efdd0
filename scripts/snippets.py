"""The blocks of code on a page of documentation, and what a test does with each of them.

| block | what happens |
|---|---|
| `python` | it runs; the blocks of a page are one program, so that a later one knows the names of an earlier one |
| `sh` | bash runs it, in the folder of the page's files |
| any language, with a first line such as `# test_it.py` | it is written to that file, which a later block has to name |
| no language, `text` or `mermaid` | it is something to read: output, a message, a drawing |

An HTML comment right before a block changes that, unseen by readers:

| comment | what it means |
|---|---|
| `<!-- not run: REASON -->` | the block is left out |
| `<!-- in the background -->` | the block is a server: the page goes on once it answers at the address that it prints |

`<!-- first, LANGUAGE: CODE -->` is a block that readers do not see: what a fragment needs before it. `<!-- in .clients/NAME -->`
says that the page runs with the packages of that environment, or with the programs of several; where one was not made, the page
is skipped.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Action = Literal["python", "sh", "background", "file", "read", "left out", "unknown"]

BLOCK = re.compile(
    r"(?P<comment><!-- (?:not run: .+?|in the background) -->\n+)?^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^ *```$"
    r"|<!-- first, (?P<hidden_language>\w+):\n(?P<hidden_code>.*?)-->",
    re.MULTILINE | re.DOTALL,
)
FILE_NAME = re.compile(r"# (\S*[\w/]\.\w+|Dockerfile)\n")
ENVIRONMENT = re.compile(r"<!-- in \.clients/(\w+) -->")
PROSE = ("", "text", "mermaid")


@dataclass(frozen=True)
class Snippet:
    """A block of a page: what to do with it, its language, the line it begins on, its code, and the file that it is written to."""

    action: Action
    language: str
    line: int
    code: str
    file: str = ""

    def as_json(self) -> dict[str, object]:
        """What `run_page.py` reads."""
        return asdict(self)


def snippets(page: str) -> list[Snippet]:
    """All blocks of a page, in their order."""
    return [_snippet(page, found) for found in BLOCK.finditer(page)]


def environments_of(page: str) -> list[str]:
    """The names of the client environments that a page needs: the first one's Python runs its blocks."""
    return ENVIRONMENT.findall(page)


def _snippet(page: str, found: re.Match[str]) -> Snippet:
    part = "hidden_code" if found["hidden_code"] is not None else "code"
    language = found["hidden_language"] or found["language"] or ""
    code = re.sub(rf"^{found['indent'] or ''}", "", found[part], flags=re.MULTILINE)
    line = page.count("\n", 0, found.start(part)) + 1
    file = FILE_NAME.match(code)
    action = _action(language, found["comment"] or "", bool(file))
    return Snippet(action, language, line, code, file[1] if file else "")


def _action(language: str, comment: str, is_file: bool) -> Action:
    if "not run" in comment:
        return "left out"
    if language in PROSE:
        return "read"
    if is_file:
        return "file"
    if language == "sh":
        return "background" if comment else "sh"
    return "python" if language == "python" else "unknown"


def pages(root: Path) -> list[Path]:
    """The pages that readers find on the site."""
    patterns = ("*.md", "docs/**/*.md", "algorithms/*/README.md", "containers/README.md", "examples/README.md")
    return sorted(path for pattern in patterns for path in root.glob(pattern))
