"""Every paper that is cited can be looked up."""

import importlib
import re
from pathlib import Path

import pytest

from wildsage import algorithms

FOLDER = Path(algorithms.__file__).parent
CITATION = re.compile(
    r"[\[(;] ?([A-Z][\w'-]+)(?: et al\.|(?:, [A-Z][\w'-]+)*(?: (?:&|and) [A-Z][\w'-]+)?)?,? \(?((?:19|20)\d\d)\b"
)
"""A surname and a year, as in [Sculley 2010, alg. 1], (Guha et al. 2003; Ward 1963) and (Johnson et al. 2019)."""


NUMBER = re.compile(r"doi:10\.\d+/\S+|arXiv:\d{4}\.\d{4,5}|https://\S+")
"""A DOI or arXiv number; an address for a work that has neither."""


def references(name: str) -> list[str]:
    """The entries of the list of papers in the docstring of an algorithm's package."""
    _, *entries = re.split(
        r"^- ", importlib.import_module(f"wildsage.algorithms.{name}").__doc__ or "", flags=re.MULTILINE
    )
    return entries


@pytest.mark.parametrize("name", algorithms.names())
def test_every_paper_has_a_number_to_look_it_up_by(name):
    for entry in references(name):
        assert re.search(r"\((19|20)\d\d\)", entry) and NUMBER.search(entry), entry


@pytest.mark.parametrize("name", algorithms.names())
def test_every_citation_is_in_the_list_of_papers(name):
    listed = {(re.match(r"[\w'-]+", entry)[0], re.search(r"\((\d{4})\)", entry)[1]) for entry in references(name)}
    for path in [*(FOLDER / name).rglob("*.py"), FOLDER / name / "README.md"]:
        text = " ".join(path.read_text().split())
        cited = {match.groups() for match in CITATION.finditer(text)}
        assert cited <= listed, f"{path.name} cites {sorted(cited - listed)}; list them in {name}/__init__.py"


def test_citations_are_found_in_all_their_forms():
    text = "[Sculley 2010, alg. 1] (Guha et al. 2003; Ward 1963) [Ross, Lim, Lin & Yang 2008, lemma 1] (Johnson et al. 2019)."
    names = [match[1] for match in CITATION.finditer(text)]
    assert names == ["Sculley", "Guha", "Ward", "Ross", "Johnson"]
