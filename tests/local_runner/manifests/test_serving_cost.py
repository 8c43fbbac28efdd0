"""Processors by a rate of rows."""

from pathlib import Path

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.local_runner.manifests import serving_cost
from wildsage.local_runner.manifests.serving_cost import BUSY, ServingCost

COST = ServingCost(1.0, 10.0, "")
PAGE = Path(__file__).parents[3] / "docs" / "how_to" / "clusters.md"


def test_a_processor_answers_so_many_requests_as_fit_into_the_time_that_it_may_be_busy():
    assert COST.processors(1000 * BUSY, 1) == pytest.approx(1)
    assert COST.processors(101 * 1000 * BUSY / 2, 101) == pytest.approx(1)


@pytest.mark.parametrize(
    ("rows_per_s", "servers", "expected"),
    [(700, 1, "1"), (701, 1, "1.1"), (700, 3, "0.4"), (1, 1, "0.1"), (1e-9, 1, "0.1")],
)
def test_each_server_asks_for_its_share_in_tenths_rounded_up(rows_per_s, servers, expected):
    assert serving_cost.cpus(COST, rows_per_s, 1, servers) == expected


def test_an_algorithm_may_be_spelled_as_its_folder():
    assert serving_cost.measured_for("linear_learner") == serving_cost.measured_for("linear-learner")
    with pytest.raises(UserError, match="nobody has measured what a row costs image_classification"):
        serving_cost.measured_for("image_classification")


@pytest.mark.parametrize(("algorithm", "cost"), serving_cost.MEASURED.items())
def test_the_page_has_what_was_measured(algorithm, cost):
    assert f"| {algorithm} | {cost.model} | {cost.request_ms:g} | {cost.row_us:g} |" in PAGE.read_text()
