"""docs/compatibility.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import botocore
import pytest

from wildsage.local_runner import compatibility

PAGE = Path(__file__).parents[2] / "docs" / "compatibility.md"


def test_the_page_is_in_step():
    written = PAGE.read_text()
    version = re.search(r"botocore ([\d.]+)", written)[1]
    if version != botocore.__version__:
        pytest.skip(f"the page lists the operations of botocore {version}, and {botocore.__version__} is installed")
    assert written == compatibility.page(), "run: python -m wildsage.local_runner.compatibility docs/compatibility.md"


@pytest.mark.parametrize("service", compatibility.SERVICES)
def test_what_is_answered_is_on_the_page_whatever_botocore_is_installed(service):
    section = PAGE.read_text().partition(f"\n## {compatibility.SERVICES[service]}\n")[2].partition("\n## ")[0]
    table = re.findall(r"^\| (\w+) \|", section, re.MULTILINE)
    assert [name for name in table if name != "operation"] == sorted(compatibility.answered(service))


def test_remarks_are_first_paragraphs():
    def documented() -> None:
        """One sentence
        on two lines | with a bar.

        The rest.
        """

    assert compatibility.remark(documented) == "One sentence on two lines \\| with a bar."
