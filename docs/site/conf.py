"""What Sphinx builds the site from: the pages of the repository where they lie. `make docs` runs it; decision 14 says why Sphinx.

Three pages are completed while they are read: the index gets the tables of contents that its own tables of pages imply, and
two pages of reference get what `scripts/reference_pages.py` reads from the code.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from scripts import reference_pages  # noqa: E402

project = "Wildsage"
author = copyright = "The Wildsage maintainers"
html_title = "Wildsage"

extensions = ["myst_parser", "sphinx_copybutton"]
root_doc = "docs/README"
include_patterns = ["*.md", "docs/**.md", "algorithms/*/README.md", "containers/README.md", "examples/README.md"]
exclude_patterns = [
    ".*",
    "build",
    "benchmarks",
    "demo-output",
    "local_runner",
    "scripts",
    "tests",
    "wildsage",
    "**/wheels",
]

myst_heading_anchors = 4
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
html_extra_path = ["extra"]
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}

COMPLETED = {
    "docs/README": reference_pages.with_contents,
    "docs/command_line": reference_pages.with_commands,
    "docs/python": reference_pages.with_public_names,
}


def setup(app: Sphinx) -> None:
    """Complete pages as they are read, and show Mermaid's diagrams as text."""
    app.add_lexer("mermaid", TextLexer)
    app.connect("source-read", complete)


def complete(app: Sphinx, name: str, source: list[str]) -> None:
    """Complete the text of a page, which is the only item of `source`."""
    if name in COMPLETED:
        source[0] = COMPLETED[name](source[0])
