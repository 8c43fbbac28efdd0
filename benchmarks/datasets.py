"""The data sets of the k-means benchmarks: real ones from `../shared/data` where that folder exists, and generated ones.

Axes: n rows · d features
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas
from numpy.typing import NDArray

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Data:
    """A data set: `load()` returns rows (n, d) and labels (n,) to sort them by; `clusters` holds the values of k."""

    name: str
    clusters: tuple[int, ...]
    load: Callable[[], tuple[Rows, NDArray]]
    needs: Path | None = None

    @property
    def present(self) -> bool:
        """Whether its file is here; generated data always is."""
        return self.needs is None or self.needs.exists()


def mnist() -> tuple[Rows, NDArray]:
    """The training images (60000, 784) in 0..1 and their digits (60000,)."""
    images, labels = (
        gzip.decompress((SHARED / "mnist" / f"train-{name}-ubyte.gz").read_bytes())
        for name in ("images-idx3", "labels-idx1")
    )
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784)
    return pixels.astype(np.float32) / 255, np.frombuffer(labels, np.uint8, offset=8)


def census() -> tuple[Rows, NDArray]:
    """The seven strongest principal components of the min-max scaled counties, sorted by state."""
    counties = pandas.read_csv(SHARED / "census" / "acs2015_county_data.csv").dropna()
    numbers = counties.drop(columns=["CensusId", "State", "County"])
    scaled = ((numbers - numbers.min()) / (numbers.max() - numbers.min())).to_numpy()
    centered = scaled - scaled.mean(0)
    components = np.linalg.svd(centered, full_matrices=False)[2][:7]
    return (centered @ components.T).astype(np.float32), counties["State"].astype("category").cat.codes.to_numpy()


def covtype() -> tuple[Rows, NDArray]:
    """Forest cover types, standardised."""
    table = pandas.read_csv(SHARED / "tabular" / "covtype" / "covtype-92962.data.gz", header=None).to_numpy(np.float64)
    x, label = table[:, :-1], table[:, -1]
    return ((x - x.mean(0)) / np.maximum(x.std(0), 1e-12)).astype(np.float32), label


def gdelt() -> tuple[Rows, NDArray]:
    """News events by tone, mentions, articles, Goldstein scale and place, standardised."""
    events = pandas.read_csv(SHARED / "gdelt" / "20191024143000.export.CSV", sep="\t", header=None)
    numbers = events[[30, 31, 32, 33, 34, 56, 57]].dropna().to_numpy(np.float64)
    return ((numbers - numbers.mean(0)) / numbers.std(0)).astype(np.float32), numbers[:, -1]


def mixture(rows: int = 500_000, features: int = 100, clusters: int = 100) -> tuple[Rows, NDArray]:
    """A mixture of unit Gaussians around standard normal centers."""
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(clusters, features)).astype(np.float32)
    label = rng.integers(0, clusters, rows)
    return centers[label] + rng.standard_normal((rows, features), dtype=np.float32), label


def unequal(rows: int = 200_000, features: int = 20, clusters: int = 20) -> tuple[Rows, NDArray]:
    """A mixture of Gaussians of unequal size, from 1 down to 1 : 10,000, with centers ten standard deviations apart."""
    rng = np.random.default_rng(1)
    centers = 10 * rng.normal(size=(clusters, features)).astype(np.float32)
    share = np.geomspace(1, 1e-4, clusters)
    label = rng.choice(clusters, rows, p=share / share.sum())
    return centers[label] + rng.standard_normal((rows, features), dtype=np.float32), label


ALL = (
    Data("census", (7, 8), census, SHARED / "census"),
    Data("gdelt", (7,), gdelt, SHARED / "gdelt"),
    Data("covtype", (7, 100), covtype, SHARED / "tabular"),
    Data("mnist", (10, 100), mnist, SHARED / "mnist"),
    Data("mixture", (100,), mixture),
    Data("unequal", (20,), unequal),
)
