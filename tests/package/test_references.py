"""Every paper that the code or a page of documentation cites can be looked up."""

import importlib
import re
from pathlib import Path

import pytest

from wildsage import algorithms

ROOT = Path(__file__).resolve().parents[2]
ALGORITHMS = ROOT / "algorithms"

SURNAME = r"(?:van )?[A-Z][\w'-]+"
CITATION = re.compile(
    rf"\b({SURNAME})(?<![A-Z]{{2}})(?: et al\.|(?:, {SURNAME})*,? (?:&|and) {SURNAME})?,? (?:\(\*[\w ]+\*, |\()?((?:19|20)\d\d)\b(?!-\d)"
)
"""A surname and a year, as in [Sculley 2010, alg. 1], (Guha et al. 2003; Ward 1963) and Johnson et al. (2019)."""

NUMBER = re.compile(r"doi:10\.\d+/\S+|arXiv:\d{4}\.\d{4,5}|https://\S+")
"""A DOI or arXiv number; an address for a work that has neither."""

MONTHS = {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}  # fmt: skip


def citations(text: str) -> list[tuple[tuple[str, str], str]]:
    """Each citation of a text, as surname of the first author and year, with what stands between it and the next one."""
    text = " ".join(text.split())
    found = [match for match in CITATION.finditer(text) if match[1] not in MONTHS]
    ends = [*(match.start() for match in found), len(text)][1:]
    return [(match.groups(), text[match.end() : end]) for match, end in zip(found, ends, strict=True)]


def cited(text: str) -> set[tuple[str, str]]:
    """The works that a text cites."""
    return {work for work, _ in citations(text)}


def with_number(text: str) -> set[tuple[str, str]]:
    """The works of which at least one citation is followed by a number."""
    return {work for work, after in citations(text) if NUMBER.search(after)}


def references(name: str) -> list[str]:
    """The entries of the list of papers in the docstring of an algorithm's package."""
    documentation = importlib.import_module(f"wildsage.algorithms.{name}").__doc__ or ""
    return re.split(r"^- ", documentation, flags=re.MULTILINE)[1:]


def code_and_pages() -> list[Path]:
    """All modules and pages that stand by themselves: those of an algorithm's modules are in its package's list."""
    modules = [*ALGORITHMS.glob("base/**/*.py"), *ROOT.glob("containers/**/*.py"), *ROOT.glob("local_runner/**/*.py")]
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("algorithms/*/README.md")]
    return [path for path in sorted([*modules, *pages]) if cited(path.read_text())]


@pytest.mark.parametrize("name", algorithms.names())
def test_every_paper_has_a_number_to_look_it_up_by(name):
    for entry in references(name):
        assert re.search(r"\((19|20)\d\d\)", entry) and NUMBER.search(entry), entry


@pytest.mark.parametrize("name", algorithms.names())
def test_every_citation_is_in_the_list_of_papers(name):
    listed = {work for entry in references(name) for work in cited(entry)}
    for path in (ALGORITHMS / name).rglob("*.py"):
        missing = cited(path.read_text()) - listed
        assert not missing, f"{path.name} cites {sorted(missing)}; list them in {name}/__init__.py"


@pytest.mark.parametrize("path", code_and_pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_citation_of_a_page_has_its_number(path):
    missing = cited(path.read_text()) - with_number(path.read_text())
    assert not missing, f"{path.relative_to(ROOT)} cites {sorted(missing)}: give a DOI or arXiv number, or an address"


def test_citations_are_found_in_all_their_forms():
    text = """[Sculley 2010, alg. 1] (Guha et al. 2003; Ward 1963) [Ross, Lim, Lin & Yang 2008] by He et al. (*Identity
    Mappings*, 2016), as van Rijsbergen (1979). Chen and Guestrin 2016. Not: NIPS 2013, jobs of 2019, May 2018, Spark 2023-01."""
    names = {name for name, _ in cited(text)}
    assert names == {"Sculley", "Guha", "Ward", "Ross", "He", "van Rijsbergen", "Chen"}


def test_a_number_belongs_to_the_citation_before_it():
    text = "By Ward (1963) and by Lloyd et al. (1982, doi:10.1109/TIT.1982.1056489)."
    assert with_number(text) == {("Lloyd", "1982")}
