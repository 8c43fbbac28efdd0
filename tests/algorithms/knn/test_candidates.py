"""Candidates of a search: the lowest scores beside a sort of all, and floors beside the true costs in float64.

Axes: n queries · d columns · m columns of a sketch · r rows
"""

import faiss
import numpy as np
import pytest

from tests.algorithms.knn import threads
from wildsage.algorithms.knn import candidates
from wildsage.algorithms.knn.candidates import FullIndex, LowestScores, Sketch


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


def test_few_scores_wait_however_many_blocks_come():
    """Eight times as many as are asked for, of blocks that each have fewer than that."""
    lowest, rng = LowestScores(7, 5), np.random.default_rng(0)
    for first in range(0, 3000, 30):
        lowest.add(np.sort(rng.random((7, 30), np.float32))[:, ::-1] - first, first)
        assert sum(map(len, lowest._scores)) <= 8 * 5 * 7
    assert (np.sort(lowest.found()[1]) == np.arange(2995, 3000)).all()


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
    beside = [np.nextafter(np.float32(number), np.float32(0)) for number in (-1.5, 2.5)]
    scores = rng.choice(np.float32([-3e38, -1.5, -1e-45, -0.0, 0.0, 1e-45, 2.5, 3e38, *beside]), 5000)
    queries = rng.integers(0, candidates.QUERIES_IN_BLOCK, 5000)
    assert np.array_equal(candidates.order_by(queries, scores), np.lexsort((scores, queries)))


@pytest.mark.parametrize("queries", [1, candidates.QUERIES_IN_BLOCK])
def test_the_last_of_as_many_queries_as_a_block_holds_has_its_own_lowest(queries):
    scores = np.random.default_rng(6).permutation(queries * 40).reshape(queries, 40).astype(np.float32)
    lowest = LowestScores(queries, 3)
    for first in (0, 20):
        lowest.add(scores[:, first : first + 20], first)
    found, rows = lowest.found()
    assert np.array_equal(found, np.sort(scores, 1)[:, :3]) and np.array_equal(rows, scores.argsort(1)[:, :3])


def full(rows: np.ndarray, inner: bool = False) -> FullIndex:
    index = faiss.IndexFlatIP(rows.shape[1]) if inner else faiss.IndexFlatL2(rows.shape[1])
    index.add(rows)
    return FullIndex(index)


def true_costs(queries: np.ndarray, rows: np.ndarray, inner: bool) -> np.ndarray:
    """Costs (n, r) in float64."""
    q, x = queries.astype(np.float64), rows.astype(np.float64)
    return -q @ x.T if inner else np.square(q[:, None] - x).sum(2)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


both = pytest.mark.parametrize("inner", [False, True])


@both
def test_lengths_of_the_rows_are_taken_from_all_parts(inner, monkeypatch):
    monkeypatch.setattr(candidates, "CHUNK_ROWS", 4)
    for longest in (0, 5, 9):
        rows = normal(10, 3)
        rows[longest] = [9, 0, 9]
        found = full(rows, inner)
        assert np.array_equal(np.concatenate(list(found.parts())), rows)
        assert found.inner == inner and found.longest == pytest.approx(162**0.5)
        squares = np.square(rows).sum(1)
        assert np.allclose(found.half_square_r, 0 if inner else squares / 2)


def test_rounding_grows_with_the_columns_and_the_lengths():
    """Higham's bound for a sum of c products is c · 2⁻²⁴ times the product of the lengths; 32 more roundings are allowed for."""
    lengths = np.array([0.0, 3.0])
    assert candidates.rounding(lengths, 4.0, 10, True).tolist() == [0, 12 * 2**-24 * 42]
    assert candidates.rounding(lengths, 4.0, 10, False).tolist() == [16 * 2**-24 * 42, 49 * 2**-24 * 42]
    found = full(np.array([[0, 4], [1, 1]], np.float32))
    assert found.error_n(np.array([[3, 0]], np.float32)).tolist() == [49 * 2**-24 * 34]


@both
@pytest.mark.parametrize("queries", [1, 25])
def test_sixteen_rows_more_than_asked_for_are_candidates(inner, queries, monkeypatch):
    monkeypatch.setattr(candidates, "ROWS_LOW", 30)
    rows, asked = normal(60, 5), normal(queries, 5, seed=1)
    costs = true_costs(asked, rows, inner)
    found = full(rows, inner)
    some = found.find(asked, 43)
    assert np.array_equal(np.sort(some.rows_nc), np.sort(costs.argsort(1)[:, :59]))
    last = np.sort(costs, 1)[:, 58]
    assert (some.rest_n <= last).all() and np.allclose(some.rest_n, last - found.error_n(asked), atol=1e-5)
    for k in (44, 60):
        everything = found.find(asked, k)
        assert (np.sort(everything.rows_nc) == np.arange(60)).all() and (everything.rest_n == np.inf).all()


@pytest.mark.parametrize(
    ("queries", "rows", "k", "products"),
    [(20, 40, 4, True), (19, 40, 4, False), (20, 39, 4, False), (20, 40, 5, False)],
)
def test_many_queries_of_many_rows_for_few_neighbours_are_searched_by_products(queries, rows, k, products, monkeypatch):
    monkeypatch.setattr(candidates, "ROWS_LOW", 40)
    monkeypatch.setattr(candidates, "LARGEST_COUNT", 20)
    taken, lowest = [], FullIndex._lowest
    monkeypatch.setattr(FullIndex, "_lowest", lambda *given: taken.append(True) or lowest(*given))
    full(normal(rows, 3)).find(normal(queries, 3, seed=1), k)
    assert bool(taken) == products


@both
def test_costs_by_products_are_the_lowest_whatever_the_blocks(inner, monkeypatch):
    monkeypatch.setattr(candidates, "QUERIES_IN_BLOCK", 7)
    monkeypatch.setattr(candidates, "ROWS_IN_BLOCK", 64)
    rows, queries = normal(300, 6), normal(30, 6, seed=1)
    costs_nc, rows_nc = full(rows, inner)._lowest(queries, 9)
    costs = true_costs(queries, rows, inner)
    assert np.array_equal(rows_nc, costs.argsort(1)[:, :9])
    assert np.allclose(costs_nc, np.sort(costs, 1)[:, :9], atol=1e-5)


@both
def test_within_a_cost_lie_all_rows_that_cost_no_more(inner):
    rows, query = normal(400, 5), normal(1, 5, seed=1)[0]
    found = full(rows, inner)
    costs = true_costs(query[None], rows, inner)[0]
    order = costs.argsort()
    for k in (1, 20, 400):
        assert np.array_equal(np.sort(found.find_within(query, costs[order[k - 1]])), np.sort(order[:k]))


@both
def test_rows_that_cost_just_as_much_are_within(inner):
    rows = np.tile(np.array([[3, 1]], np.float32), (50, 1))
    query = np.array([1, 2], np.float32)
    assert len(full(rows, inner).find_within(query, -5.0 if inner else 5.0)) == 50


@pytest.fixture(autouse=True)
def few_sampled_rows(monkeypatch):
    """The axes of 128 sampled rows are found in a hundredth of the time."""
    monkeypatch.setattr(candidates, "SAMPLE_ROWS", 128)


def low_rank(n: int, seed: int, noise: float = 0.01) -> np.ndarray:
    """Rows (n, 64) that lie near five directions about 3."""
    axes = normal(5, 64, seed=9)
    return normal(n, 5, seed=seed) @ axes + noise * normal(n, 64, seed=seed + 100) + 3


@both
def test_a_code_has_the_length_of_its_row_and_floors_are_costs_of_codes(inner):
    """[Cauchy-Schwarz]: no floor is above the true cost, and it lies below the cost of the codes by their rounding alone."""
    rows, queries = low_rank(2000, 1), low_rank(9, 2, noise=1)
    sketch = Sketch.from_index(full(rows, inner))
    assert sketch.axes_dm.shape == (64, 8) and np.allclose(sketch.axes_dm.T @ sketch.axes_dm, np.eye(8))
    assert np.allclose(sketch.center_d, 0 if inner else rows[np.linspace(0, 1999, 128).astype(int)].mean(0), atol=1e-5)
    codes = sketch.columns_mr.T.double().numpy()
    centered = rows - sketch.center_d
    assert np.allclose(codes[:, :-1], centered @ sketch.axes_dm, atol=1e-4)
    assert np.allclose(np.linalg.norm(codes, axis=1), np.linalg.norm(centered, axis=1), rtol=1e-5)
    assert sketch.longest == pytest.approx(np.linalg.norm(codes, axis=1).max())
    asked = candidates._encoded(queries, sketch.center_d, sketch.axes_dm)
    of_codes = true_costs(asked, codes, inner)
    floors = sketch._floors(queries)
    error = candidates.rounding(np.linalg.norm(asked, axis=1), sketch.longest, 9, inner)[:, None]
    assert (floors <= true_costs(queries, rows, inner)).all()
    assert (floors <= of_codes).all() and (floors >= of_codes - 2 * error).all()


def test_a_row_on_the_axes_has_no_residual():
    axes = np.eye(4)[:, :2]
    code = candidates._encoded(np.array([[3, 4, 0, 0], [1, 1, 3, 4]], np.float32), np.zeros(4), axes)
    assert code.tolist() == [[3, 4, 0], [1, 1, 5]] and code.dtype == np.float32


@pytest.mark.parametrize("columns", [64, 376, 400])
def test_a_sketch_has_an_axis_for_every_eight_columns_and_no_more_than_its_most(columns):
    sketch = Sketch.from_index(full(normal(100, columns)))
    assert sketch.axes_dm.shape[1] == min(columns // 8, 47) and len(sketch.columns_mr) == sketch.axes_dm.shape[1] + 1


@both
@pytest.mark.parametrize("queries", [1, 16, 17])
def test_the_floor_of_the_rest_is_below_every_row_that_is_not_a_candidate(inner, queries):
    """Near few directions a sketch proves most answers."""
    rows, asked = low_rank(3000, 1), low_rank(queries, 2)
    found = Sketch.from_index(full(rows, inner)).find(asked, 10)
    costs = true_costs(asked, rows, inner)
    assert found.rows_nc.shape == (queries, 26) and all(len(set(row)) == 26 for row in found.rows_nc.tolist())
    rest = costs.copy()
    np.put_along_axis(rest, found.rows_nc, np.inf, 1)
    assert (found.rest_n <= rest.min(1)).all()
    tenth = np.sort(np.take_along_axis(costs, found.rows_nc, 1), 1)[:, 9]
    assert (found.rest_n > tenth).mean() > 0.9
    assert np.allclose(tenth, np.sort(costs, 1)[:, 9])


def test_where_all_others_are_far_their_floor_is_the_cost_of_the_last_neighbour():
    """The 26 rows near the query lie in as many groups, which are every hundredth row."""
    rows = np.zeros((3200, 64), np.float32)
    rows[:26, 0], rows[26:, 1] = np.arange(1, 27), 1000
    found = Sketch.from_index(full(rows)).find(np.zeros((1, 64), np.float32), 10)
    assert sorted(found.rows_nc[0].tolist()) == list(range(26)) and found.rest_n[0] == pytest.approx(100, rel=1e-4)


def test_where_a_sketch_excludes_too_few_rows_it_proves_nothing():
    rows = normal(3000, 64)
    found = Sketch.from_index(full(rows)).find(normal(3, 64, seed=1), 10)
    assert (found.rest_n == -np.inf).all() and found.rows_nc.shape == (3, 26)


@both
def test_examined_costs_have_bounds_on_both_sides(inner):
    rows, query = low_rank(500, 1), low_rank(1, 2)[0]
    found = full(rows, inner)
    some = np.array([3, 499, 0, 77])
    low, high = Sketch.from_index(found)._examined(query, some)
    costs = true_costs(query[None], rows[some], inner)[0]
    assert (low <= costs).all() and (costs <= high).all()
    error = found.error_n(query[None])[0] if inner else costs * 2**-24 * (64 + 32)
    assert np.allclose(high - low, 2 * error, rtol=1e-3)


def test_the_best_rows_come_from_the_groups_with_the_best():
    floors = np.random.default_rng(0).permutation(32 * 50 + 7).astype(np.float32)
    best = candidates._best_of_groups(floors, 6)
    groups = floors[: 32 * 50].reshape(32, 50)
    assert sorted(floors[best]) == np.sort(groups.min(0))[:6].tolist()


def test_faiss_uses_as_many_threads_as_torch():
    assert threads.of_faiss_after(candidates.follow_torch, torch_has=(1, 3)) == [1, 3]
