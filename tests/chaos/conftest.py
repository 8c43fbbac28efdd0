"""How long the campaign runs, and where its report goes."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--chaos-minutes", default="0", help="how long the campaign runs; at the least each fault happens once"
    )
    parser.addoption("--chaos-faults", default="", help="a part of the names of the faults that happen, such as kill")
    parser.addoption("--chaos-report", default="", help="the Markdown file that the figures are written to")
    parser.addoption("--chaos-garbage-gb", default="0.03", help="how much garbage each flood sends, in GB")
