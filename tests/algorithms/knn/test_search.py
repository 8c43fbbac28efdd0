"""Exact search against NumPy's float64 distances, ties included; approximate search against itself."""

import faiss
import numpy as np
import pytest

from tests.algorithms.knn import threads
from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.knn import candidates, search


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


@pytest.fixture
def small_sketches(monkeypatch):
    """An index gets a sketch from 2,000 rows of 256 columns on."""
    monkeypatch.setattr(search, "SKETCH_NUMBERS_LOW", 2000 * 256)
    monkeypatch.setattr(candidates, "SAMPLE_ROWS", 128)


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("noise", [0.01, 1.0])
def test_through_a_sketch_the_answer_is_the_same(inner, noise, small_sketches):
    rng = np.random.default_rng(3)
    rows = low_rank(rng, 2000, noise)
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


def test_a_small_index_has_no_sketch():
    assert len(search.choose_search(flat(low_rank(np.random.default_rng(8), 2000, 0.01), False), 10)._stages) == 1


def test_no_sketch_where_it_would_prove_nothing(small_sketches):
    rows = np.random.default_rng(4).normal(size=(2000, 256)).astype("f4")
    assert len(search.choose_search(flat(rows, False), 10)._stages) == 1


@pytest.mark.parametrize(
    ("rows", "columns", "k", "stages"),
    [(2000, 256, 46, 2), (2000, 256, 47, 1), (1999, 256, 10, 1), (4000, 128, 10, 2), (4032, 127, 10, 1)],
)
def test_a_sketch_is_for_many_columns_many_numbers_and_few_neighbours(rows, columns, k, stages, small_sketches):
    """It examines k + 16 rows of as many groups of 32."""
    few = low_rank(np.random.default_rng(8), rows, 0.01)[:, :columns]
    assert len(search.choose_search(flat(few, False), k)._stages) == stages


@pytest.mark.parametrize(("share", "stages"), [(0.5, 2), (0.4, 1)])
def test_a_sketch_is_kept_that_answers_half_of_its_trial(share, stages, small_sketches, monkeypatch):
    """The trial are 32 of the rows; the share of them that are proven is what is set here."""
    among = search.FlatSearch._among

    def proving(self, stage, x_nd, k):
        costs_nk, rows_nk, _ = among(self, stage, x_nd, k)
        assert len(x_nd) == 32
        return costs_nk, rows_nk, np.arange(32) < share * 32

    monkeypatch.setattr(search.FlatSearch, "_among", proving)
    rows = low_rank(np.random.default_rng(8), 2000, 0.01)
    assert len(search.choose_search(flat(rows, False), 10)._stages) == stages


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_an_index_of_numbers_that_are_not_finite_is_rejected(wrong):
    rows = np.zeros((30, 4), "f4")
    rows[29, 3] = wrong
    with pytest.raises(UserError, match="The index holds NaN or infinity"):
        search.choose_search(flat(rows, False), 1)


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("numbers", [1, 200, 1 << 15])
def test_costs_are_exact_however_many_are_computed_at_once(inner, numbers, monkeypatch):
    monkeypatch.setattr(search, "NUMBERS_IN_CACHE", numbers)
    rng = np.random.default_rng(10)
    rows, queries = (rng.normal(size=(count, 9)).astype("f4") for count in (60, 11))
    costs_nk, rows_nk = search.choose_search(flat(rows, inner), 4).nearest(queries, 4)
    x, q = rows.astype(np.float64), queries.astype(np.float64)
    cost = -q @ x.T if inner else ((q[:, None] - x) ** 2).sum(2)
    assert np.allclose(costs_nk, np.sort(cost, 1)[:, :4], rtol=1e-12)
    assert np.array_equal(rows_nk, cost.argsort(1)[:, :4])


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("queries", [1, 3])
def test_behind_a_few_nearer_rows_the_earliest_of_a_hundred_equal_ones_come(inner, queries):
    """The last two of five are among more equal rows than there are candidates."""
    rows = np.full((130, 2), 3, "f4")
    rows[[120, 7, 50]] = [[0, 9], [0, 8], [0, 7]] if inner else [[0, 0], [0, 1], [1, 1]]
    query = np.tile(np.array([[0, 1]] if inner else [[0, 0]], "f4"), (queries, 1))
    costs_nk, rows_nk = search.choose_search(flat(rows, inner), 5).nearest(query, 5)
    assert rows_nk.tolist() == [[120, 7, 50, 0, 1]] * queries
    assert costs_nk.tolist() == [[-9, -8, -7, -3, -3] if inner else [0, 1, 2, 18, 18]] * queries


def test_one_neighbour_is_one_neighbour():
    rows = np.random.default_rng(11).normal(size=(20, 3)).astype("f4")
    costs_nk, rows_nk = search.choose_search(flat(rows, False), 20).nearest(rows[:6], 1)
    assert rows_nk.tolist() == [[row] for row in range(6)] and not costs_nk.any()


def test_in_order_equal_costs_are_in_the_order_of_the_rows():
    costs, rows = search.in_order(np.array([[2.0, 1, 2, 1, 0]]), np.array([[7, 9, 3, 4, 8]]), 4)
    assert costs.tolist() == [[0, 1, 1, 2]] and rows.tolist() == [[8, 4, 9, 3]]


def lists(rows: np.ndarray, nprobe: int, inner: bool = False) -> faiss.IndexIVFFlat:
    metric, centers = (faiss.METRIC_INNER_PRODUCT, faiss.IndexFlatIP) if inner else (faiss.METRIC_L2, faiss.IndexFlatL2)
    index = faiss.IndexIVFFlat(centers(rows.shape[1]), rows.shape[1], 20, metric)
    index.train(rows)
    index.add(rows)
    index.nprobe = nprobe
    return index


@pytest.mark.parametrize("inner", [False, True])
def test_all_lists_are_an_exact_search(inner):
    rows = np.random.default_rng(5).normal(size=(2000, 4)).astype("f4")
    costs_nk, rows_nk = search.choose_search(lists(rows, 20, inner), 5).nearest(rows[:50], 5)
    assert np.array_equal(rows_nk, nearest(rows, rows[:50], 5, inner))
    exact_nk, _ = search.choose_search(flat(rows, inner), 5).nearest(rows[:50], 5)
    assert np.allclose(costs_nk, exact_nk, atol=1e-5)


def test_few_lists_are_searched_where_they_hold_enough():
    """Every query is asked of as many lists as the index says, though more would find nearer rows."""
    rows = np.random.default_rng(5).normal(size=(2000, 4)).astype("f4")
    index = lists(rows, 1)
    scores, expected = index.search(rows[:200], 3)
    costs_nk, rows_nk = search.choose_search(index, 3).nearest(rows[:200], 3)
    assert (expected >= 0).all() and np.array_equal(rows_nk, expected) and np.allclose(costs_nk, scores)
    assert not np.array_equal(rows_nk, nearest(rows, rows[:200], 3, False))


def test_lists_that_hold_too_few_rows_are_made_up_for_by_others():
    rows = np.random.default_rng(6).normal(size=(2000, 4)).astype("f4")
    costs_nk, rows_nk = search.choose_search(lists(rows, 1), 500).nearest(rows[:10], 500)
    assert (rows_nk >= 0).all()
    assert np.isfinite(costs_nk).all()
    assert all(len(set(row)) == 500 for row in rows_nk.tolist())
    assert not np.array_equal(rows_nk, nearest(rows, rows[:10], 500, False)), "not all lists are searched"
    _, all_nk = search.choose_search(lists(rows, 1), 2000).nearest(rows[:10], 2000)
    assert (np.sort(all_nk) == np.arange(2000)).all()


def test_a_query_whose_lists_hold_enough_keeps_its_answer_beside_one_whose_lists_do_not():
    rng = np.random.default_rng(7)
    rows = np.concatenate([rng.normal(size=(1900, 2)), 100 + rng.normal(size=(100, 2))]).astype("f4")
    index = lists(rows, 1)
    sizes = [index.invlists.list_size(number) for number in range(20)]
    k = sorted(sizes)[10]
    alone = index.search(rows, k)[1]
    enough = (alone >= 0).all(1)
    _, rows_nk = search.choose_search(index, k).nearest(rows, k)
    assert 0 < enough.mean() < 1 and np.array_equal(rows_nk[enough], alone[enough]) and (rows_nk >= 0).all()


def test_a_query_too_far_from_k_rows_is_rejected_rather_than_given_other_rows():
    rows = np.random.default_rng(7).normal(size=(2000, 4)).astype("f4")
    queries = np.concatenate([rows[:2], np.full((1, 4), 1e30, np.float32)])
    with pytest.raises(BadRecord, match="row 3: Fewer than k = 5 rows"):
        search.choose_search(lists(rows, 3), 5).nearest(queries, 5)


def test_lists_are_searched_by_as_many_threads_as_torch_has():
    rows = np.random.default_rng(9).normal(size=(2000, 4)).astype("f4")
    found = search.choose_search(lists(rows, 3), 5)
    assert threads.of_faiss_after(lambda: found.nearest(rows[:2], 5), torch_has=(1, 3)) == [1, 3]


def test_an_index_may_search_more_lists_than_it_has_as_far_as_faiss_counts():
    rows = np.random.default_rng(8).normal(size=(2000, 4)).astype("f4")
    for nprobe in (0, 2**63, 2**64 - 1):
        with pytest.raises(UserError, match=f"searches {nprobe} of its lists .nprobe., expected 1 to {2**63 - 1}"):
            search.choose_search(lists(rows, nprobe), 5)
    _, found = search.choose_search(lists(rows, 2**63 - 1), 5).nearest(rows[:3], 1)
    assert found[:, 0].tolist() == [0, 1, 2]


def test_an_index_of_another_kind_is_rejected_by_name():
    with pytest.raises(UserError, match="faiss IndexHNSWFlat, expected IndexFlat, IndexIVFFlat or IndexIVFPQ"):
        search.choose_search(faiss.IndexHNSWFlat(4, 8), 1)
