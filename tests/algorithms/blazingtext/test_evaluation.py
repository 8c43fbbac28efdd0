"""Agreement with people's ratings of pairs, against SciPy."""

import json

import numpy as np
import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.blazingtext.evaluation import Agreement, agreement, read_pairs, report, spearman

stats = pytest.importorskip("scipy.stats")
RNG = np.random.default_rng(0)


def test_pairs_are_read_in_lower_case_without_comments_and_blank_lines():
    content = b"# Word 1\tWord 2\nTiger CAT 7.35\n\n  \nA\tB 0\n"
    assert read_pairs("list", content) == [("tiger", "cat", 7.35), ("a", "b", 0.0)]


@pytest.mark.parametrize("line", ["a b", "a b c", "a b 1 2", "x" * 90])
def test_another_line_is_named_and_shown_in_short(line):
    with pytest.raises(UserError) as raised:
        read_pairs("list", f"a b 1\n\n{line}\n".encode())
    assert str(raised.value) == f"Channel evaluation, list, line 3: got {line[:60]!r}, expected `word word rating`."


@pytest.mark.parametrize(("content", "count"), [(b"", 0), (b"a b 1\n", 1)])
def test_a_list_of_less_than_two_pairs_is_rejected(content, count):
    with pytest.raises(
        UserError, match=f"Channel evaluation, list: got {count} pairs of words, expected at least two."
    ):
        read_pairs("list", content)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (RNG.normal(size=30), RNG.normal(size=30)),
        (RNG.integers(0, 4, 30), RNG.integers(0, 9, 30)),
        ([1, 2], [2, 1]),
        ([1, 1, 1, 5], [2, 2, 7, 7]),
    ],
)
def test_the_correlation_of_ranks_is_scipys(left, right):
    assert spearman(np.array(left), np.array(right)) == pytest.approx(stats.spearmanr(left, right).statistic)


def test_equal_values_have_no_correlation():
    assert spearman(np.ones(3), np.arange(3)) == spearman(np.arange(3), np.ones(3)) == 0


NUMBERS = {b"a": 0, b"b": 1, b"c": 2, b"zero": 3}
VECTORS = np.array([[1, 0], [3, 4], [0, 100], [0, 0]], np.float32)


def test_pairs_are_ranked_by_the_cosine_of_their_vectors():
    """The lengths of vectors do not matter: the cosines are 0.6, 0.8 and 0."""
    pairs = [("a", "b", 5.0), ("b", "c", 9.0), ("a", "c", 1.0), ("a", "unknown", 3.0), ("unknown", "a", 3.0)]
    assert agreement(pairs, NUMBERS, VECTORS) == Agreement(1.0, 2, 5)
    assert agreement([(left, right, -rating) for left, right, rating in pairs], NUMBERS, VECTORS).rho == -1
    with_zero = [*pairs[:3], ("zero", "a", 0.0)]
    cosines = [0.6, 0.8, 0, 0]
    assert agreement(with_zero, NUMBERS, VECTORS).rho == pytest.approx(stats.spearmanr(cosines, [5, 9, 1, 0]).statistic)


def test_two_known_pairs_are_enough_and_one_is_not():
    pairs = [("a", "b", 1.0), ("b", "c", 2.0), ("x", "y", 3.0)]
    assert agreement(pairs, NUMBERS, VECTORS) == Agreement(1.0, 1, 3)
    assert agreement(pairs[1:], NUMBERS, VECTORS) == Agreement(0.0, 1, 2)


def test_the_file_has_every_list_and_the_mean_of_all():
    text, mean = report({"b": Agreement(0.5, 1, 10), "a": Agreement(-0.25, 0, 4)})
    assert mean == 0.125
    assert json.loads(text) == {
        "a": {"not_found": 0, "spearmans_rho": -0.25, "total_pairs": 4},
        "b": {"not_found": 1, "spearmans_rho": 0.5, "total_pairs": 10},
        "mean_rho": 0.125,
    }
    assert text.startswith('{\n    "a": {\n        "not_found": 0,')
