"""Exact search against NumPy's float64 distances, ties included; approximate search against itself."""

import faiss
import numpy as np
import pytest

from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.knn import search


def flat(rows: np.ndarray, inner: bool) -> faiss.IndexFlat:
    index = faiss.IndexFlatIP(rows.shape[1]) if inner else faiss.IndexFlatL2(rows.shape[1])
    index.add(rows)
    return index


def nearest(rows: np.ndarray, queries: np.ndarray, k: int, inner: bool) -> np.ndarray:
    """The k rows of least cost, the earlier of equals first, by plain float64."""
    x, q = rows.astype(np.float64), queries.astype(np.float64)
    cost = -q @ x.T if inner else ((q[:, None] - x[None]) ** 2).sum(2)
    return np.argsort(cost, axis=1, kind="stable")[:, :k]


def check(rows: np.ndarray, queries: np.ndarray, k: int, inner: bool) -> None:
    costs_nk, rows_nk = search.choose_search(flat(rows, inner), k).nearest(queries, k)
    assert np.array_equal(rows_nk, nearest(rows, queries, k, inner))
    assert (np.diff(costs_nk) >= 0).all()


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("queries", [1, 7, 50])  # below and above the 20 from which faiss multiplies matrices
@pytest.mark.parametrize("k", [1, 10, 300])
def test_rows_of_real_numbers(inner, queries, k):
    rng = np.random.default_rng(0)
    check(rng.normal(size=(300, 9)).astype("f4"), rng.normal(size=(queries, 9)).astype("f4"), k, inner)


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("queries", [1, 50])
def test_rows_of_few_values_that_are_equally_far_by_the_hundred(inner, queries):
    rng = np.random.default_rng(1)
    check(rng.integers(0, 2, (2000, 6)).astype("f4"), rng.integers(0, 2, (queries, 6)).astype("f4"), 5, inner)


@pytest.mark.parametrize("inner", [False, True])
def test_numbers_far_from_zero_that_differ_by_little(inner):
    """Whole numbers about 5,000: squared lengths round off what tells the rows apart."""
    rng = np.random.default_rng(2)
    rows = (5000 + rng.integers(-3, 4, (1500, 54))).astype("f4")
    check(rows, rows[::30] + np.float32(1), 10, inner)


def test_all_rows_alike():
    rows = np.ones((500, 4), "f4")
    check(rows, rows[:25], 3, False)
    check(np.zeros((500, 4), "f4"), np.zeros((2, 4), "f4"), 3, True)


def low_rank(rng: np.random.Generator, n: int, noise: float) -> np.ndarray:
    """Rows of 256 columns whose spread lies in 20 directions, and noise in all."""
    axes = np.random.default_rng(9).normal(size=(20, 256))
    return (rng.normal(size=(n, 20)) @ axes + noise * rng.normal(size=(n, 256)) + 3).astype("f4")


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("noise", [0.01, 1.0])
def test_through_a_sketch_the_answer_is_the_same(inner, noise):
    rng = np.random.default_rng(3)
    rows = low_rank(rng, 17_000, noise)
    rows[1000:1010] = rows[0]  # ties among those a sketch finds
    index = flat(rows, inner)
    found = search.choose_search(index, 10)
    assert len(found._stages) == 2
    queries = np.concatenate([rows[:5], low_rank(rng, 45, noise), 100 * rng.normal(size=(5, 256)).astype("f4")])
    for part in (queries[:1], queries):
        _, rows_nk = found.nearest(part, 10)
        x, q = rows.astype(np.float64), part.astype(np.float64)
        cost = -q @ x.T if inner else (q**2).sum(1)[:, None] + (x**2).sum(1) - 2 * q @ x.T
        kth = np.sort(cost, axis=1)[:, 9]
        assert np.allclose(np.take_along_axis(cost, rows_nk, 1).max(1), kth, rtol=1e-9, atol=1e-6)
    assert rows_nk[0].tolist()[0] == 0 or inner


def test_no_sketch_where_it_would_prove_nothing():
    rows = np.random.default_rng(4).normal(size=(17_000, 256)).astype("f4")
    assert len(search.choose_search(flat(rows, False), 10)._stages) == 1


def lists(rows: np.ndarray, nprobe: int) -> faiss.IndexIVFFlat:
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(rows.shape[1]), rows.shape[1], 20)
    index.train(rows)
    index.add(rows)
    index.nprobe = nprobe
    return index


def test_all_lists_are_an_exact_search():
    rows = np.random.default_rng(5).normal(size=(2000, 4)).astype("f4")
    _, rows_nk = search.choose_search(lists(rows, 20), 5).nearest(rows[:50], 5)
    assert np.array_equal(rows_nk, nearest(rows, rows[:50], 5, False))


def test_lists_that_hold_too_few_rows_are_made_up_for_by_others():
    rows = np.random.default_rng(6).normal(size=(2000, 4)).astype("f4")
    costs_nk, rows_nk = search.choose_search(lists(rows, 1), 500).nearest(rows[:10], 500)
    assert (rows_nk >= 0).all()
    assert np.isfinite(costs_nk).all()
    assert all(len(set(row)) == 500 for row in rows_nk.tolist())


def test_a_query_too_far_from_k_rows_is_rejected_rather_than_given_other_rows():
    rows = np.random.default_rng(7).normal(size=(2000, 4)).astype("f4")
    queries = np.concatenate([rows[:2], np.full((1, 4), 1e30, np.float32)])
    with pytest.raises(BadRecord, match="row 3: Fewer than k = 5 rows"):
        search.choose_search(lists(rows, 3), 5).nearest(queries, 5)


def test_an_index_that_searches_none_of_its_lists_is_rejected():
    with pytest.raises(UserError, match="searches 0 of its lists"):
        search.choose_search(lists(np.random.default_rng(8).normal(size=(2000, 4)).astype("f4"), 0), 5)


def test_an_index_of_another_kind_is_rejected_by_name():
    with pytest.raises(UserError, match="faiss IndexHNSWFlat, expected IndexFlat, IndexIVFFlat or IndexIVFPQ"):
        search.choose_search(faiss.IndexHNSWFlat(4, 8), 1)
