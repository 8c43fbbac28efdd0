"""Word vectors judged by pairs of words: does their cosine rank pairs as people do?

Source: Finkelstein et al. 2002, doi:10.1145/503104.503110, whose pairs are those of WordSim-353.

Axes: n pairs of a list · v words · d numbers of a vector
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.errors import UserError

SHOWN_CHARACTERS = 60
Pair = tuple[str, str, float]


@dataclass(frozen=True)
class Agreement:
    """Spearman's rho between the cosines and the ratings of one list, and how many of its pairs have an unknown word."""

    rho: float
    not_found: int
    total: int


def read_pairs(name: str, content: bytes) -> list[Pair]:
    """The lines `word word rating` of the list of that name, in lower case.

    Raises UserError for other lines and for lists of less than two.
    """
    pairs = []
    for number, line in enumerate(content.decode("utf-8", "replace").lower().splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            left, right, rating = line.split()
            pairs.append((left, right, float(rating)))
        except ValueError:
            raise UserError(
                f"Channel evaluation, {name}, line {number}: got {line[:SHOWN_CHARACTERS]!r}, expected `word word rating`."
            ) from None
    if len(pairs) < 2:
        raise UserError(f"Channel evaluation, {name}: got {len(pairs)} pairs of words, expected at least two.")
    return pairs


def agreement(pairs: Sequence[Pair], numbers: Mapping[bytes, int], vectors_vd: NDArray) -> Agreement:
    """How well the vectors agree with a list; rho is 0 where fewer than two of its pairs are known or all ranks are equal."""
    found = [
        (numbers[left.encode()], numbers[right.encode()], rating)
        for left, right, rating in pairs
        if left.encode() in numbers and right.encode() in numbers
    ]
    missing = len(pairs) - len(found)
    if len(found) < 2:
        return Agreement(0.0, missing, len(pairs))
    left_n, right_n, rating_n = (np.array(column) for column in zip(*found, strict=True))
    cosine_n = _cosine(vectors_vd[left_n].astype(np.float64), vectors_vd[right_n].astype(np.float64))
    return Agreement(spearman(cosine_n, rating_n), missing, len(pairs))


def spearman(left_n: NDArray, right_n: NDArray) -> float:
    """The correlation of ranks, ties having their mean rank; 0 where one side has only ties."""
    left_n, right_n = (_ranks(values) - (len(values) + 1) / 2 for values in (left_n, right_n))
    scale = np.sqrt((left_n**2).sum() * (right_n**2).sum())
    return float((left_n * right_n).sum() / scale) if scale else 0.0


def report(found: Mapping[str, Agreement]) -> tuple[str, float]:
    """The text of eval.json, and the mean rho of all lists."""
    mean = float(np.mean([each.rho for each in found.values()]))
    lists = {
        name: {"not_found": each.not_found, "spearmans_rho": each.rho, "total_pairs": each.total}
        for name, each in found.items()
    }
    return json.dumps({**lists, "mean_rho": mean}, indent=4, sort_keys=True), mean


def _cosine(left_nd: NDArray, right_nd: NDArray) -> NDArray:
    sizes_n = np.linalg.norm(left_nd, axis=1) * np.linalg.norm(right_nd, axis=1)
    return (left_nd * right_nd).sum(axis=1) / np.maximum(sizes_n, 1e-30)


def _ranks(values_n: NDArray) -> NDArray:
    _, place_n, count = np.unique(values_n, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[place_n]
