"""Compare one pass of k-means with scikit-learn and faiss: `python -m benchmarks.kmeans`.

Quality is the mean squared distance of all rows to the nearest center, divided by that of the best of several runs of Lloyd's
algorithm from k-means++ in scikit-learn. Time is that of the whole call on the same array. Contenders take turns.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from datetime import date
from typing import Annotated

import faiss
import matplotlib
import numpy as np
import torch
import typer
from numpy.typing import NDArray
from sklearn.cluster import KMeans as Lloyd
from sklearn.cluster import MiniBatchKMeans

from benchmarks import datasets
from benchmarks.datasets import Data, Rows
from benchmarks.report import RESULTS, Report, medians
from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.kmeans import steps
from wildsage.algorithms.kmeans.algorithm import KMeans

matplotlib.use("Agg")
from matplotlib import pyplot

BATCH_ROWS = 5000
COLUMNS = ("data", "k", "order or peer", "loss / best: median", "worst", "seconds", "times ours")
Fit = Callable[[Rows, int, int], NDArray]


def ours(x: Rows, k: int, seed: int) -> NDArray:
    """Centers (k, d) of one pass by Wildsage."""
    model = KMeans(k=k, feature_dim=x.shape[1]).fit(
        {"train": MemoryStream(Batch(torch.from_numpy(x)))}, RunContext(seed)
    )
    return model.centers_kd.numpy()


def mini_batch(x: Rows, k: int, seed: int) -> NDArray:
    """scikit-learn's MiniBatchKMeans: one epoch of the same batches."""
    peer = MiniBatchKMeans(k, batch_size=BATCH_ROWS, max_iter=1, n_init=1, random_state=seed)
    return peer.fit(x).cluster_centers_


def faiss_kmeans(rows_per_center: int) -> Fit:
    """faiss's k-means, which trains on at most `rows_per_center` rows for each center."""

    def fit(x: Rows, k: int, seed: int) -> NDArray:
        peer = faiss.Kmeans(x.shape[1], k, niter=25, seed=seed + 1, max_points_per_centroid=rows_per_center)
        peer.train(x)
        return peer.centroids

    return fit


PEERS: dict[str, Fit] = {
    "ours": ours,
    "scikit-learn MiniBatchKMeans": mini_batch,
    "faiss, 25 iterations, all rows": faiss_kmeans(1_000_000),
    "faiss, 25 iterations, its sample": faiss_kmeans(256),
}


def loss(x: Rows, centers: NDArray) -> float:
    """Mean squared distance of the rows (n, d) to the nearest of the centers (k, d)."""
    return steps.mean_cost(torch.from_numpy(x), torch.from_numpy(np.ascontiguousarray(centers, np.float32)))


def best_of(x: Rows, k: int, runs: int) -> float:
    """The least loss of several runs of Lloyd's algorithm from k-means++, by scikit-learn."""
    return min(loss(x, Lloyd(k, n_init=1, random_state=seed).fit(x).cluster_centers_) for seed in range(runs))


def orders(x: Rows, label: NDArray) -> dict[str, Rows]:
    """The rows as they are, and in both orders of their labels (n,)."""
    by_label = np.argsort(label, kind="stable")
    return {"as read": x, "sorted": x[by_label], "reversed": x[by_label[::-1]]}


def measure(data: Data, k: int, seeds: int, rounds: int, runs: int) -> list[tuple[str, ...]]:
    """Rows of the table: Wildsage with the rows in three orders over the seeds, then each peer with its time."""
    x, label = data.load()
    best = best_of(x, k, runs)
    rows = []
    for order, ordered in orders(x, label).items():
        losses = [loss(x, ours(ordered, k, seed)) / best for seed in range(seeds)]
        rows.append((data.name, str(k), order, f"{statistics.median(losses):.4f}", f"{max(losses):.4f}", "", ""))
    seconds = medians({name: lambda fit=fit: fit(x, k, 0) for name, fit in PEERS.items()}, rounds)
    for name, fit in PEERS.items():
        quality = "" if name == "ours" else f"{loss(x, fit(x, k, 0)) / best:.4f}"
        rows.append(
            (data.name, str(k), name, quality, "", f"{seconds[name]:.3f}", f"{seconds[name] / seconds['ours']:.2f}")
        )
    if data.name == "unequal":
        rows.append((data.name, str(k), "rare clusters found", *found(x, label, k, seeds), "", ""))
    return rows


def found(x: Rows, label: NDArray, k: int, seeds: int) -> tuple[str, str]:
    """Clusters of 50 rows or more that have a center within their radius, by Wildsage and by faiss on its sample."""
    own = [c for c in np.unique(label) if (label == c).sum() >= 50]
    middle = np.stack([x[label == c].mean(0) for c in own])
    radius = np.sqrt([((x[label == c] - m) ** 2).sum(1).mean() for c, m in zip(own, middle, strict=True)])

    def share(fit: Fit) -> str:
        hits = [
            (np.sqrt(((middle[:, None] - fit(x, k, seed)) ** 2).sum(2)).min(1) < radius).sum() for seed in range(seeds)
        ]
        return f"{np.mean(hits):.1f} of {len(own)}"

    return f"ours {share(ours)}", f"faiss {share(PEERS['faiss, 25 iterations, its sample'])}"


def plot(rows: list[tuple[str, ...]], today: date) -> None:
    """Draw quality against time for each data set, with one point for each contender."""
    shown = [row for row in rows if row[5]]
    figure, axes = pyplot.subplots(figsize=(9, 5.5))
    for name in PEERS:
        points = [
            (float(row[5]), float(quality))
            for row in shown
            if row[2] == name
            for quality in [row[3] or next(r[3] for r in rows if r[:3] == (row[0], row[1], "as read"))]
        ]
        axes.scatter(*zip(*points, strict=True), label=name, s=50, alpha=0.8)
    axes.set(
        xscale="log",
        xlabel="seconds, whole call",
        ylabel="loss over scikit-learn's best",
        title="k-means: quality against time",
    )
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(RESULTS / f"kmeans_{today}.png", dpi=120)


def main(
    only: Annotated[str, typer.Option(help="Names of data sets, separated by commas.")] = "",
    seeds: Annotated[int, typer.Option(help="Seeds for the quality of ours.")] = 10,
    rounds: Annotated[int, typer.Option(help="Timed rounds.")] = 5,
    runs: Annotated[int, typer.Option(help="Runs of scikit-learn, of which the best counts as best.")] = 10,
    write: Annotated[bool, typer.Option(help="Write the report.")] = True,
) -> None:
    """Measure, print the table, and with --write keep it in benchmarks/results with a plot."""
    faiss.omp_set_num_threads(torch.get_num_threads())
    wanted = [data for data in datasets.ALL if data.present and (not only or data.name in only.split(","))]
    rows: list[tuple[str, ...]] = []
    for data in wanted:
        for k in data.clusters:
            print(f"{data.name}, k={k} …", flush=True)
            rows += measure(data, k, seeds, rounds, runs)
    command = f"python -m benchmarks.kmeans --seeds {seeds} --rounds {rounds} --runs {runs}"
    notes = (
        f"best: the least loss of {runs} scikit-learn runs. Ours over {seeds} seeds. "
        f"Seconds: medians of {rounds} rounds, contenders in turn."
    )
    report = Report(
        "kmeans", "k-means: one pass beside many", command, COLUMNS, rows, notes,
        ("torch", "scikit-learn", "faiss-cpu", "numpy"),
    )  # fmt: skip
    report.show()
    if write:
        today = date.today()
        print(report.write(today))
        plot(rows, today)


if __name__ == "__main__":
    typer.run(main)
