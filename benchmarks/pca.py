"""Compare PCA with scikit-learn's on arrays in memory: `python -m benchmarks.pca`.

The generated array is float32. Its singular values fall from 1 to 1e-4, their directions differ from its columns, and its mean is
not zero, so rounding errors show. MNIST follows where it is present. The reference is a float64 QR decomposition of all rows
and the SVD of R, which squares nothing. Contenders take turns; the table shows medians over the rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import matplotlib
import numpy as np
import torch
import typer
from numpy.typing import NDArray
from sklearn.decomposition import PCA as WholePCA
from sklearn.decomposition import IncrementalPCA
from threadpoolctl import threadpool_limits

from benchmarks import datasets
from benchmarks.datasets import Rows
from benchmarks.report import Report, medians
from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.pca.algorithm import PCA

matplotlib.use("Agg")
from matplotlib import pyplot

OURS = "ours, batches of 5000"
SGEMM = "sgemm"
SGEMM_SIDE = 3000
COLUMNS = ("data", "contender", "seconds", "times ours", "share of sgemm", "largest error of s", "kept")
NOTES = f"""Whole calls of `fit`; all but ours are scikit-learn's. "As float64": the same rows given to it as float64, the
conversion within its time. Exact methods return all components; randomized ones 20 of the made data, 50 of MNIST.
Share of sgemm: 2 · rows · columns² operations over the seconds, over the rate of a float32 product of two
{SGEMM_SIDE} × {SGEMM_SIDE} matrices in the same rounds; methods that use symmetry or a sketch do fewer operations.
Largest error of s: relative, over the returned singular values of at least 1e-4 of the largest.
Kept: variance along the first 20 or 50 components returned, over the most that so many can keep.
The plot beside this file draws error against time."""


@dataclass(frozen=True)
class Found:
    """Singular values (c,) and components (c, d), strongest first."""

    s_c: NDArray[np.floating]
    components_cd: NDArray[np.floating]


@dataclass(frozen=True)
class Measured:
    """One line of the table."""

    data: str
    contender: str
    seconds: float
    times_ours: float
    share_of_sgemm: float
    error: float
    kept: float

    def cells(self) -> tuple[str, ...]:
        """The line as text."""
        return (
            self.data,
            self.contender,
            f"{self.seconds:.3g}",
            f"{self.times_ours:.2f}",
            f"{self.share_of_sgemm:.2f}",
            f"{self.error:.1e}",
            f"{self.kept:.5f}",
        )


def hard_rows(rows: int, columns: int, seed: int) -> Rows:
    """Rows (n, d) as the module describes them."""
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.standard_normal((columns, columns)))
    x = rng.standard_normal((rows, columns), dtype=np.float32)
    x *= np.geomspace(1, 1e-4, columns, dtype=np.float32)
    return x @ axes.T.astype(np.float32) + rng.uniform(-1, 1, columns).astype(np.float32)


def judge(x: Rows, rows: int = 20_000) -> Found:
    """The reference: the float64 SVD of the centered rows, through the R of a QR that takes `rows` at a time."""
    mean = x.mean(0, dtype=np.float64)
    r = np.empty((0, x.shape[1]))
    for first in range(0, len(x), rows):
        r = np.linalg.qr(np.vstack([r, x[first : first + rows] - mean]), mode="r")
    _, s, vt = np.linalg.svd(r)
    return Found(s, vt)


def ours(x: Rows, components: int, batch: int, mode: str = "regular") -> Found:
    """All or some components by Wildsage, which reads the rows (n, d) in batches of `batch`."""
    algorithm = PCA(feature_dim=x.shape[1], num_components=components, mini_batch_size=batch, algorithm_mode=mode)
    model = algorithm.fit({"train": MemoryStream(Batch(torch.from_numpy(x)))}, RunContext())
    return Found(model.s_c.flip(0).numpy(), model.v_dc.flip(1).T.numpy())


def theirs(estimator: WholePCA | IncrementalPCA, x: NDArray[np.floating]) -> Found:
    """The components of a fitted estimator of scikit-learn."""
    estimator.fit(x)
    return Found(estimator.singular_values_, estimator.components_)


def contenders(x: Rows, few: int) -> dict[str, Callable[[], Found]]:
    """What is compared, by name; the randomized ones find `few` components, the others all."""
    every = x.shape[1]
    return {
        OURS: lambda: ours(x, every, 5000),
        "ours, batches of 500": lambda: ours(x, every, 500),
        "ours, randomized": lambda: ours(x, few, 5000, "randomized"),
        "covariance_eigh": lambda: theirs(WholePCA(svd_solver="covariance_eigh"), x),
        "covariance_eigh, as float64": lambda: theirs(WholePCA(svd_solver="covariance_eigh"), x.astype(np.float64)),
        "randomized, many passes": lambda: theirs(WholePCA(few, svd_solver="randomized", random_state=0), x),
        "IncrementalPCA, batches of 5000": lambda: theirs(IncrementalPCA(batch_size=5000), x),
    }


def error_of_s(found: Found, exact: Found) -> float:
    """The largest relative error of the singular values above 1e-4 of the first; smaller ones are not counted."""
    s_c = exact.s_c[: len(found.s_c)]
    counted_c = s_c >= 1e-4 * s_c[0]
    return float(np.abs(found.s_c[counted_c] / s_c[counted_c] - 1).max())


def kept(found: Found, exact: Found, few: int) -> float:
    """The share of the variance of the best `few` directions that the first `few` found directions keep."""
    along = found.components_cd[:few].astype(np.float64) @ exact.components_cd.T * exact.s_c
    return float((along**2).sum() / (exact.s_c[:few] ** 2).sum())


def measure(data: str, x: Rows, few: int, rounds: int) -> list[Measured]:
    """Measure time and error of all contenders on one array."""
    found: dict[str, Found] = {}
    square = torch.randn(SGEMM_SIDE, SGEMM_SIDE)
    work = {name: lambda name=name, fit=fit: found.update({name: fit()}) for name, fit in contenders(x, few).items()}
    seconds = medians({**work, SGEMM: lambda: square @ square}, rounds)
    exact = judge(x)
    ideal = 2 * len(x) * x.shape[1] ** 2 * seconds[SGEMM] / (2 * SGEMM_SIDE**3)
    return [
        Measured(
            data,
            name,
            seconds[name],
            seconds[name] / seconds[OURS],
            ideal / seconds[name],
            error_of_s(each, exact),
            kept(each, exact, few),
        )
        for name, each in found.items()
    ]


def draw(measured: list[Measured], path: Path) -> None:
    """Draw the error of the singular values against seconds, with one panel for each array."""
    names = list(dict.fromkeys(each.data for each in measured))
    figure, panels = pyplot.subplots(1, len(names), figsize=(6.5 * len(names), 5), squeeze=False, layout="constrained")
    for name, axes in zip(names, panels[0], strict=True):
        for each in measured:
            if each.data == name:
                axes.scatter(each.seconds, each.error, label=each.contender, s=50, alpha=0.8)
        axes.axhline(1e-4, color="grey", linestyle=":", label="wanted: at most 1e-4")
        axes.set(
            xscale="log", yscale="log", xlabel="seconds, whole call", ylabel="largest relative error of s", title=name
        )
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)


def main(
    rows: Annotated[int, typer.Option(help="Rows of the generated array.", min=10_000)] = 500_000,
    columns: Annotated[int, typer.Option(help="Columns of the generated array.", min=20)] = 200,
    rounds: Annotated[int, typer.Option(help="Rounds; the table shows medians.", min=1)] = 5,
    threads: Annotated[int, typer.Option(help="Threads of every contender.", min=1)] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the generated array.")] = 0,
    write: Annotated[bool, typer.Option(help="Write the dated report and its plot.")] = True,
) -> None:
    """Measure, and print and write the report."""
    torch.set_num_threads(threads)
    with threadpool_limits(threads):
        measured = measure(f"{rows:,} × {columns}", hard_rows(rows, columns, seed), 20, rounds)
        if datasets.SHARED.is_dir():
            measured += measure("MNIST", datasets.mnist()[0], 50, rounds)
    report = Report(
        name="pca",
        title=f"PCA of float32 arrays in memory, {threads} threads",
        command=f"python -m benchmarks.pca --rows {rows} --columns {columns} --rounds {rounds} --threads {threads} --seed {seed}",
        columns=COLUMNS,
        rows=[each.cells() for each in measured],
        notes=NOTES,
        packages=("numpy", "torch", "scikit-learn"),
    )
    report.show()
    if write:
        path = report.write(date.today())
        draw(measured, path.with_suffix(".png"))
        print(path)


if __name__ == "__main__":
    typer.run(main)
