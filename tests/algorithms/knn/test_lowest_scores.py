"""The lowest scores of blocks, beside a sort of all, and the candidates of a product beside those of faiss."""

import faiss
import numpy as np
import pytest

from wildsage.algorithms.knn import candidates
from wildsage.algorithms.knn.candidates import FullIndex, LowestScores


@pytest.mark.parametrize("order", ["random", "falling", "rising"])
def test_the_lowest_scores_of_blocks_are_those_of_a_sort(order):
    scores = np.random.default_rng(0).integers(0, 300, (7, 2000)).astype(np.float32)  # with many ties
    if order != "random":
        scores = np.sort(scores, 1)[:, :: -1 if order == "falling" else 1]
    lowest = LowestScores(7, 5)
    for first in range(0, 2000, 170):
        lowest.add(scores[:, first : first + 170], first)
    found, rows = lowest.found()
    assert np.array_equal(found, np.sort(scores, 1)[:, :5])
    assert np.array_equal(np.take_along_axis(scores, rows, 1), found)
    assert all(len(set(row)) == 5 for row in rows.tolist())


@pytest.mark.parametrize("scores", [np.arange(2040, 0, -1), np.ones(2040)], ids=["falling", "equal"])
def test_rows_in_an_awkward_order_are_not_sorted_block_by_block(scores, monkeypatch):
    sorts, sort = [], LowestScores._sort
    monkeypatch.setattr(LowestScores, "_sort", lambda lowest: sorts.append(sort(lowest)))
    lowest = LowestScores(7, 5)
    for first, block in enumerate(np.split(np.tile(scores.astype(np.float32), (7, 1)), 12, axis=1)):
        lowest.add(block, 170 * first)
    lowest.found()
    assert len(sorts) <= 12 / 2


def test_of_equal_scores_the_first_are_kept():
    lowest = LowestScores(2, 3)
    for first in range(0, 100, 10):
        lowest.add(np.ones((2, 10), np.float32), first)
    assert lowest.found()[1].tolist() == [[0, 1, 2]] * 2


@pytest.mark.parametrize("kind", [faiss.IndexFlatL2, faiss.IndexFlatIP])
def test_many_queries_get_the_candidates_that_faiss_finds(kind, monkeypatch):
    rng = np.random.default_rng(1)
    rows, queries = (rng.normal(1, 1, (count, 9)).astype(np.float32) for count in (candidates.ROWS_LOW, 300))
    index = kind(9)
    index.add(rows)
    by_product = FullIndex(index).find(queries, 4)
    monkeypatch.setattr(candidates, "QUERIES_LOW", len(queries) + 1)
    by_faiss = FullIndex(index).find(queries, 4)
    assert np.array_equal(np.sort(by_product.rows_nc, 1), np.sort(by_faiss.rows_nc, 1))
    assert np.allclose(by_product.rest_n, by_faiss.rest_n, atol=1e-4)


def test_no_row_outside_the_candidates_costs_less_than_their_floor():
    rng = np.random.default_rng(2)
    rows, queries = (rng.normal(1000, 0.1, (count, 5)).astype(np.float32) for count in (candidates.ROWS_LOW, 40))
    index = faiss.IndexFlatL2(5)
    index.add(rows)
    found = FullIndex(index).find(queries, 3)
    for query, taken, floor in zip(queries.astype(np.float64), found.rows_nc, found.rest_n, strict=True):
        rest = np.delete(rows.astype(np.float64), taken, 0)
        assert np.square(rest - query).sum(1).min() >= floor


def test_rows_beyond_float32_are_left_to_faiss(monkeypatch):
    def refuse(*_):
        raise AssertionError("the product would be infinite")

    monkeypatch.setattr(FullIndex, "_lowest", refuse)
    index = faiss.IndexFlatL2(2)
    index.add(np.full((candidates.ROWS_LOW, 2), 3e18, np.float32))
    assert FullIndex(index).find(np.full((30, 2), -3e18, np.float32), 1).rows_nc.shape == (30, 17)


@pytest.mark.parametrize("count", [1, 5, 26])
def test_a_bound_from_groups_leaves_at_least_as_many_scores_as_asked_for(count):
    scores = np.random.default_rng(4).normal(size=(9, 2048)).astype(np.float32)
    scores[0] = 1
    bound = candidates.lowest_of_groups(scores, count)
    lowest = candidates.lowest_of_all(scores, count)
    assert np.array_equal(lowest, np.sort(scores, 1)[:, count - 1])
    assert (bound >= lowest).all()
    assert ((scores <= bound[:, None]).sum(1)[1:] < 4 * count).all()  # and few more of random scores


def test_fewer_scores_than_asked_for_have_no_bound():
    assert candidates.lowest_of_all(np.zeros((2, 3), np.float32), 4).tolist() == [np.inf, np.inf]


def test_the_order_is_that_of_a_stable_sort():
    rng = np.random.default_rng(5)
    scores = rng.choice(np.float32([-3e38, -1.5, -1e-45, -0.0, 0.0, 1e-45, 2.5, 3e38]), 5000)
    queries = rng.integers(0, candidates.QUERIES_IN_BLOCK, 5000)
    assert np.array_equal(candidates.order_by(queries, scores), np.lexsort((scores, queries)))
