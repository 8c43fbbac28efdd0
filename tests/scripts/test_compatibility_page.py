"""docs/compatibility.md says what the code does, and docs/not_implemented.md what it does not."""

from __future__ import annotations

import re

import botocore
import pytest

from scripts import compatibility_page
from scripts.compatibility_page import OTHERS_PAGE, PAGE


def test_the_pages_are_in_step():
    written = PAGE.read_text()
    version = re.search(r"botocore ([\d.]+)", written)[1]
    if version != botocore.__version__:
        pytest.skip(f"the page lists the operations of botocore {version}, and {botocore.__version__} is installed")
    assert written == compatibility_page.page(), "run: python scripts/compatibility_page.py"
    assert OTHERS_PAGE.read_text() == compatibility_page.others_page(), "run: python scripts/compatibility_page.py"


@pytest.mark.parametrize("service", compatibility_page.SERVICES)
def test_an_operation_stands_on_one_of_the_two_pages(service):
    title = f"\n## {compatibility_page.SERVICES[service]}\n"
    others = OTHERS_PAGE.read_text().partition(title)[2].partition("\n## ")[0]
    listed = set(re.findall(r"\w+", others))
    assert listed.isdisjoint(compatibility_page.answered(service))


@pytest.mark.parametrize("service", compatibility_page.SERVICES)
def test_what_is_answered_is_on_the_page_whatever_botocore_is_installed(service):
    section = PAGE.read_text().partition(f"\n## {compatibility_page.SERVICES[service]}\n")[2].partition("\n## ")[0]
    table = re.findall(r"^\| (\w+) \|", section, re.MULTILINE)
    assert [name for name in table if name != "operation"] == sorted(compatibility_page.answered(service))


def test_remarks_are_first_paragraphs():
    def documented() -> None:
        """One sentence
        on two lines | with a bar.

        The rest.
        """

    assert compatibility_page.remark(documented) == "One sentence on two lines \\| with a bar."
