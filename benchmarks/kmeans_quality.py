"""Loss of k-means over time, the picture by which users decide: `python -m benchmarks.kmeans_quality`.

Every contender trains on the same nine tenths of the rows, with the effort of its usual settings and with others. Loss is the mean
squared distance to the nearest center, on the training rows and on the tenth that was held out, divided by the least training loss
that any call of any contender reached. Whole calls take turns, each round with another seed; the table shows medians.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import faiss
import matplotlib
import numpy as np
import torch
import typer
from numpy.typing import NDArray
from sklearn.cluster import KMeans as Lloyd
from sklearn.cluster import MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from benchmarks import datasets
from benchmarks.datasets import Data, Rows
from benchmarks.kmeans import loss
from benchmarks.report import Report
from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.kmeans.algorithm import KMeans

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.ticker import NullFormatter

MANY_ROWS = 100_000
SMALL_CALL_MS = 10
BATCH_ROWS = 5000
OURS, LLOYD, MINI_BATCH, FAISS = "Wildsage", "scikit-learn KMeans", "scikit-learn MiniBatchKMeans", "faiss"
USUAL = "default"
COLUMNS = (
    "data",
    "k",
    "contender",
    "effort",
    "seconds",
    "processor",
    "loss, training",
    "loss, held out",
    "beside ours",
)
NOTES = f"""Loss: mean squared distance to the nearest center, over the least training loss of any call. Seconds and
processor seconds: whole calls on an array in memory, medians of the rounds, contenders in turn, another seed each round.
Beside ours: what the point is next to ours at its default. "faster and better" should not stand on any set of {MANY_ROWS:,}
rows or more; on smaller sets the line of ours says how many milliseconds longer a call takes than scikit-learn's KMeans, of
which {SMALL_CALL_MS} are the most that we want."""

Fit = Callable[[Rows, int, int], NDArray]


def ours(epochs: int) -> Fit:
    """Wildsage at its defaults, but for the number of passes."""

    def fit(x: Rows, k: int, seed: int) -> NDArray:
        algorithm = KMeans(k=k, feature_dim=x.shape[1], epochs=epochs)
        return algorithm.fit({"train": MemoryStream(Batch(torch.from_numpy(x)))}, RunContext(seed)).centers_kd.numpy()

    return fit


def lloyd(**settings: int) -> Fit:
    """scikit-learn's KMeans."""
    return lambda x, k, seed: Lloyd(k, random_state=seed, **settings).fit(x).cluster_centers_


def mini_batch(**settings: int | None) -> Fit:
    """scikit-learn's MiniBatchKMeans."""
    return lambda x, k, seed: MiniBatchKMeans(k, random_state=seed, **settings).fit(x).cluster_centers_


def faiss_kmeans(iterations: int, rows_per_center: int) -> Fit:
    """faiss's k-means on at most `rows_per_center` rows for each center."""

    def fit(x: Rows, k: int, seed: int) -> NDArray:
        peer = faiss.Kmeans(x.shape[1], k, niter=iterations, seed=seed + 1, max_points_per_centroid=rows_per_center)
        peer.train(x)
        return peer.centroids

    return fit


ALL_ROWS = 1 << 30
CONTENDERS: dict[tuple[str, str], Fit] = {
    (OURS, USUAL): ours(1),
    (OURS, "2 passes"): ours(2),
    (OURS, "5 passes"): ours(5),
    (LLOYD, "2 iterations"): lloyd(max_iter=2),
    (LLOYD, "10 iterations"): lloyd(max_iter=10),
    (LLOYD, USUAL): lloyd(),
    (LLOYD, "best of 3"): lloyd(n_init=3),
    (MINI_BATCH, f"1 pass, batches of {BATCH_ROWS}"): mini_batch(batch_size=BATCH_ROWS, max_iter=1, n_init=1),
    (MINI_BATCH, USUAL): mini_batch(),
    (MINI_BATCH, f"10 passes, batches of {BATCH_ROWS}"): mini_batch(
        batch_size=BATCH_ROWS, max_iter=10, max_no_improvement=None
    ),
    (FAISS, "25 iterations, its sample"): faiss_kmeans(25, 256),
    (FAISS, "5 iterations, all rows"): faiss_kmeans(5, ALL_ROWS),
    (FAISS, "25 iterations, all rows"): faiss_kmeans(25, ALL_ROWS),
}


@dataclass(frozen=True)
class Point:
    """What one contender took and reached: medians over the rounds."""

    contender: str
    effort: str
    seconds: float
    processor_s: float
    training: float
    held_out: float


@dataclass(frozen=True)
class Picture:
    """All points of a data set with one k; ours at its default is the first."""

    name: str
    rows: int
    k: int
    points: Sequence[Point]

    def cells(self) -> list[tuple[str, ...]]:
        """Rows of the table."""
        return [
            (
                self.name,
                str(self.k),
                point.contender,
                point.effort,
                f"{point.seconds:.4f}",
                f"{point.processor_s:.4f}",
                f"{point.training:.4f}",
                f"{point.held_out:.4f}",
                self.beside_ours(point),
            )
            for point in self.points
        ]

    def beside_ours(self, point: Point) -> str:
        """How a point compares with ours at its default; for ours, what its call takes more on a small set."""
        usual = self.points[0]
        if point is usual and self.rows < MANY_ROWS:
            peer = next(other for other in self.points if (other.contender, other.effort) == (LLOYD, USUAL))
            more, processor = usual.seconds - peer.seconds, usual.processor_s - peer.processor_s
            return f"{1000 * more:+.1f} ms ({1000 * processor:+.1f} processor)"
        if point.contender == OURS:
            return ""
        faster, better = point.seconds < usual.seconds, point.training < usual.training
        return " and ".join(["faster"] * faster + ["better"] * better)


def split(x: Rows) -> tuple[Rows, Rows]:
    """Nine tenths of the rows (n, d) for training, and the tenth held out, both in the order of the rows."""
    held_n = np.random.default_rng(0).random(len(x)) < 0.1
    return np.ascontiguousarray(x[~held_n]), np.ascontiguousarray(x[held_n])


def measure(data: Data, k: int, rounds: int) -> Picture:
    """Measure every contender on a data set, `rounds` times in turn."""
    train, held_out = split(data.load()[0])
    measured: dict[tuple[str, str], list[tuple[float, ...]]] = {name: [] for name in CONTENDERS}
    for seed in range(rounds):
        for name, fit in CONTENDERS.items():
            began, began_processor = time.perf_counter(), time.process_time()
            centers_kd = fit(train, k, seed)
            taken = (time.perf_counter() - began, time.process_time() - began_processor)
            measured[name].append((*taken, loss(train, centers_kd), loss(held_out, centers_kd)))
    best = min(training for values in measured.values() for _, _, training, _ in values)
    points = [_point(name, values, best) for name, values in measured.items()]
    return Picture(data.name, len(train), k, points)


def _point(name: tuple[str, str], values: Sequence[tuple[float, ...]], best: float) -> Point:
    seconds, processor_s, training, held_out = (statistics.median(column) for column in zip(*values, strict=True))
    return Point(*name, seconds, processor_s, training / best, held_out / best)


def draw(pictures: Sequence[Picture], path: Path) -> None:
    """Draw loss over seconds, one panel for each data set and k: full marks for training rows, hollow ones for held-out rows."""
    across = min(3, len(pictures))
    down = -(-len(pictures) // across)
    figure, grid = pyplot.subplots(down, across, figsize=(5 * across, 4 * down), layout="constrained", squeeze=False)
    for axes, picture in zip(grid.flat, pictures, strict=False):
        for color, name in enumerate((OURS, LLOYD, MINI_BATCH, FAISS)):
            own = sorted((p for p in picture.points if p.contender == name), key=lambda point: point.seconds)
            seconds = [point.seconds for point in own]
            axes.plot(seconds, [p.training for p in own], marker="o", color=f"C{color}", label=name)
            axes.plot(seconds, [p.held_out for p in own], marker="o", color=f"C{color}", mfc="none", ls=":", alpha=0.6)
        axes.plot(picture.points[0].seconds, picture.points[0].training, marker="*", ms=16, color="C0")
        axes.set(
            title=f"{picture.name}, {picture.rows:,} rows, k={picture.k}",
            xlabel="seconds, whole call",
            ylabel="loss / best",
            xscale="log",
        )
        axes.xaxis.set_minor_formatter(NullFormatter())  # labels of less than a decade overlap
        axes.set_ylim(top=min(1.3, axes.get_ylim()[1]))
        axes.grid(alpha=0.3)
    for axes in grid.flat[len(pictures) :]:
        axes.axis("off")
    grid.flat[0].legend(fontsize="small")
    figure.suptitle("k-means: loss over time (star: Wildsage at its default; dotted: held-out rows)")
    figure.savefig(path, dpi=110)


def main(
    only: Annotated[str, typer.Option(help="Names of data sets, separated by commas.")] = "",
    rounds: Annotated[int, typer.Option(help="Rounds, each with another seed; medians are shown.", min=1)] = 5,
    threads: Annotated[int, typer.Option(help="Threads of every contender.", min=1)] = 2,
    write: Annotated[bool, typer.Option(help="Write the report and its picture.")] = True,
) -> None:
    """Measure, print the table, and with --write keep it in benchmarks/results with a picture."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    torch.set_num_threads(threads)
    faiss.omp_set_num_threads(threads)
    wanted = [data for data in datasets.ALL if data.present and (not only or data.name in only.split(","))]
    pictures = []
    with threadpool_limits(threads):
        for data in wanted:
            for k in data.clusters:
                print(f"{data.name}, k={k} …", flush=True)
                pictures.append(measure(data, k, rounds))
    report = Report(
        "kmeans_quality", "k-means: loss over time", f"python -m benchmarks.kmeans_quality --rounds {rounds} --threads {threads}",
        COLUMNS, [row for picture in pictures for row in picture.cells()], NOTES,
        ("torch", "scikit-learn", "faiss-cpu", "numpy"),
    )  # fmt: skip
    report.show()
    if write:
        path = report.write(date.today())
        draw(pictures, path.with_suffix(".png"))
        print(path)


if __name__ == "__main__":
    typer.run(main)
