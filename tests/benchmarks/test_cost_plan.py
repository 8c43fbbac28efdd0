"""The page of clusters has the prices that plans use."""

from pathlib import Path

import pytest

from benchmarks import cost_plan

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "clusters.md"


@pytest.mark.parametrize(("instance", "offer"), cost_plan.INSTANCES.items())
def test_the_page_has_its_prices(instance, offer):
    vcpus, gbit, usd = offer
    assert f"| {instance} | {vcpus} | {gbit:g} | {usd:g} |" in PAGE.read_text()
    assert cost_plan.PRICED in PAGE.read_text()
