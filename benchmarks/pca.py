"""Our PCA beside scikit-learn's on one array in memory: `python -m benchmarks.pca`.

The array is float32 with singular values from 1 down to 1e-4, in directions askew to its columns, and a mean of several
deviations: easy to multiply, hard to get right. The judge is a float64 QR of all rows and the SVD of R, which squares
nothing. Contenders take turns; medians over the rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import matplotlib
import numpy as np
import torch
import typer
from numpy.typing import NDArray
from sklearn.decomposition import PCA as Theirs
from sklearn.decomposition import IncrementalPCA
from threadpoolctl import threadpool_limits

from algorithms.base.batch import Batch, MemoryStream
from algorithms.base.run import Run
from algorithms.pca import ALGORITHM as Ours
from benchmarks.report import Report, medians

matplotlib.use("Agg")

from matplotlib import pyplot  # noqa: E402 - the backend is chosen before

OURS = "regular, batches of 5000"
FEW = 20
SGEMM = "sgemm"
SGEMM_SIDE = 3000
COLUMNS = (
    "contender",
    "seconds",
    "times as long as ours",
    "share of sgemm",
    "largest error of s",
    f"kept by first {FEW}",
)
NOTES = f"""Ours are *regular* and *randomized*, whole calls of `fit`; the others are scikit-learn's. "float64" is
scikit-learn given the same rows as float64, the conversion within its time: what it takes to come near the judge. Exact methods return all
components, randomized ones {FEW}. Share of sgemm: 2·rows·columns² operations a second, over those of a float32 product of two
{SGEMM_SIDE} × {SGEMM_SIDE} matrices by the same torch in the same rounds (methods that use symmetry or a sketch do fewer).
Largest error of s: relative, over the returned singular values of at least 1e-4 of the largest. Kept: variance along
the first {FEW} components returned, over the most that {FEW} can keep. The plot beside this file draws error against time."""


@dataclass(frozen=True)
class Found:
    """Singular values (c,) and components (c, d), strongest first."""

    s_c: NDArray[np.floating]
    components_cd: NDArray[np.floating]


def hard_rows(rows: int, columns: int, seed: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.standard_normal((columns, columns)))
    x = rng.standard_normal((rows, columns), dtype=np.float32)
    x *= np.geomspace(1, 1e-4, columns, dtype=np.float32)
    return x @ axes.T.astype(np.float32) + rng.uniform(-1, 1, columns).astype(np.float32)


def judge(x: NDArray[np.float32], rows: int = 20_000) -> Found:
    """Float64 SVD of the centered rows, by the R of a QR that takes `rows` at a time."""
    mean = x.mean(0, dtype=np.float64)
    r = np.empty((0, x.shape[1]))
    for first in range(0, len(x), rows):
        r = np.linalg.qr(np.vstack([r, x[first : first + rows] - mean]), mode="r")
    _, s, vt = np.linalg.svd(r)
    return Found(s, vt)


def ours(x: NDArray[np.float32], components: int, batch: int, mode: str = "regular") -> Found:
    algorithm = Ours(feature_dim=x.shape[1], num_components=components, mini_batch_size=batch, algorithm_mode=mode)
    model = algorithm.fit({"train": MemoryStream(Batch(torch.from_numpy(x)))}, Run())
    return Found(model.s_c.flip(0).numpy(), model.v_dc.flip(1).T.numpy())


def theirs(estimator: Theirs | IncrementalPCA, x: NDArray[np.floating]) -> Found:
    estimator.fit(x)
    return Found(estimator.singular_values_, estimator.components_)


def contenders(x: NDArray[np.float32]) -> dict[str, Callable[[], Found]]:
    every = x.shape[1]
    return {
        OURS: lambda: ours(x, every, 5000),
        "regular, batches of 500": lambda: ours(x, every, 500),
        f"randomized, {FEW} components": lambda: ours(x, FEW, 5000, "randomized"),
        "covariance_eigh, float32": lambda: theirs(Theirs(svd_solver="covariance_eigh"), x),
        "covariance_eigh, float64": lambda: theirs(Theirs(svd_solver="covariance_eigh"), x.astype(np.float64)),
        f"randomized, many passes, {FEW} components": lambda: theirs(
            Theirs(FEW, svd_solver="randomized", random_state=0), x
        ),
        "IncrementalPCA, batches of 5000": lambda: theirs(IncrementalPCA(batch_size=5000), x),
    }


def error_of_s(found: Found, exact: Found) -> float:
    counted = exact.s_c[: len(found.s_c)] >= 1e-4 * exact.s_c[0]
    return float(np.abs(found.s_c[counted] / exact.s_c[: len(found.s_c)][counted] - 1).max())


def kept(found: Found, exact: Found) -> float:
    along = found.components_cd[:FEW].astype(np.float64) @ exact.components_cd.T * exact.s_c
    return float((along**2).sum() / (exact.s_c[:FEW] ** 2).sum())


def draw(seconds: Mapping[str, float], errors: Mapping[str, float], path: Path) -> None:
    """Error of the singular values against seconds, both on logarithmic scales."""
    figure, axes = pyplot.subplots(figsize=(9, 5), layout="constrained")
    for name, error in errors.items():
        axes.loglog(seconds[name], error, "o", label=name)
    axes.axhline(1e-4, color="gray", linestyle=":", label="wanted: at most 1e-4")
    axes.set(xlabel="seconds", ylabel="largest relative error of s", title="PCA: quality against time")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)


def main(
    rows: Annotated[int, typer.Option(help="Rows of the array.", min=10_000)] = 500_000,
    columns: Annotated[int, typer.Option(help="Columns of the array.", min=FEW)] = 200,
    rounds: Annotated[int, typer.Option(help="Rounds; the table shows medians.", min=1)] = 5,
    threads: Annotated[int, typer.Option(help="Threads of every contender.", min=1)] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the data.")] = 0,
    write: Annotated[bool, typer.Option(help="Write the dated report and its plot.")] = True,
) -> None:
    """Measure, print and write the report."""
    torch.set_num_threads(threads)
    square = torch.randn(SGEMM_SIDE, SGEMM_SIDE)
    with threadpool_limits(threads):
        x = hard_rows(rows, columns, seed)
        work, exact = contenders(x), judge(x)
        found = {name: fit() for name, fit in work.items()}
        seconds = medians({**work, SGEMM: lambda: square @ square}, rounds)
    errors = {name: error_of_s(each, exact) for name, each in found.items()}
    rate = 2 * SGEMM_SIDE**3 / seconds[SGEMM]
    table = [
        (
            name,
            f"{seconds[name]:.3g}",
            f"{seconds[name] / seconds[OURS]:.2f}",
            f"{2 * rows * columns**2 / seconds[name] / rate:.2f}",
            f"{errors[name]:.1e}",
            f"{kept(found[name], exact):.5f}",
        )
        for name in work
    ]
    report = Report(
        name="pca",
        title=f"PCA of {rows:,} × {columns} float32 in memory, {threads} threads, sgemm at {rate / 1e9:.0f} Gflop/s",
        command=f"python -m benchmarks.pca --rows {rows} --columns {columns} --rounds {rounds} --threads {threads} --seed {seed}",
        columns=COLUMNS,
        rows=table,
        notes=NOTES,
        packages=("numpy", "torch", "scikit-learn"),
    )
    report.show()
    if write:
        path = report.write(date.today())
        draw(seconds, errors, path.with_suffix(".png"))
        print(path)


if __name__ == "__main__":
    typer.run(main)
