"""Ratings of films: MovieLens 100k where it is present, otherwise generated ones.

Axes: r ratings · u users · i films
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

COLUMNS = ["user", "film", "rating", "timestamp"]
LIKED = 4
"""A rating of this or more counts as liked, as in the published notebook."""


@dataclass(frozen=True)
class Ratings:
    """Ratings for training and for testing, with users and films numbered from 1, and the films' titles."""

    train: pd.DataFrame
    test: pd.DataFrame
    titles: list[str]
    source: str

    @property
    def users(self) -> int:
        """How many users there are; they are numbered from 1."""
        return int(max(self.train["user"].max(), self.test["user"].max()))

    @property
    def films(self) -> int:
        """How many films there are; they are numbered from 1."""
        return len(self.titles)


def read(folder: Path) -> Ratings:
    """Read an unpacked ml-100k: ua.base, ua.test and u.item."""
    train, test = (pd.read_csv(folder / name, sep="\t", names=COLUMNS) for name in ("ua.base", "ua.test"))
    items = pd.read_csv(folder / "u.item", sep="|", header=None, encoding="latin-1")
    return Ratings(train, test, items[1].tolist(), str(folder))


def made(users: int = 943, films: int = 1682, per_user: int = 100) -> Ratings:
    """Generate ratings that follow five tastes, in place of MovieLens. A tenth of each user's are for testing."""
    rng = np.random.default_rng(0)
    tastes, kinds, fame = rng.normal(size=(users, 5)), rng.normal(size=(films, 5)), rng.normal(size=films)
    user = np.repeat(np.arange(users), per_user)
    film = np.concatenate([rng.permutation(films)[:per_user] for _ in range(users)])
    score = 3.4 + 0.4 * fame[film] + 0.4 * (tastes[user] * kinds[film]).sum(1) + 0.5 * rng.normal(size=len(user))
    rating = np.clip(np.rint(score), 1, 5).astype(int)
    table = pd.DataFrame({"user": user + 1, "film": film + 1, "rating": rating, "timestamp": 0})
    judged = np.arange(len(user)) % 10 == 0
    return Ratings(table[~judged], table[judged], [f"Film {n + 1}" for n in range(films)], "made ratings")


def one_hot(ratings: pd.DataFrame, users: int, films: int) -> tuple[csr_matrix, np.ndarray]:
    """Return rows (r, u + i) with a one for the user and a one for the film, and whether the film was liked (r,)."""
    columns = np.column_stack([ratings["user"] - 1, users + ratings["film"] - 1]).ravel()
    starts = np.arange(0, len(columns) + 1, 2)
    rows = csr_matrix((np.ones(len(columns), np.float32), columns, starts), (len(ratings), users + films))
    return rows, (ratings["rating"] >= LIKED).to_numpy(np.float32)
