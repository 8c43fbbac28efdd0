"""Compare factorization machines with plain torch and myfm: `python -m benchmarks.factorization_machines`.

Speed: rows learned a second, on MovieLens 100k and on generated rows of a million columns. Quality: RMSE on two splits of
MovieLens, and the time to reach it, beside myfm's Gibbs sampling with as many factors. Cost: the time of one pass over 10^5 to
10^7 stored values. MovieLens is read from `../shared/data/ml-100k`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import matplotlib
import myfm
import numpy as np
import torch
import typer
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.datasets import SHARED
from benchmarks.report import Report, medians
from wildsage.algorithms.base.batch import Batch, MemoryStream, SparseRows
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.factorization_machines.algorithm import FactorizationMachines as FM
from wildsage.algorithms.factorization_machines.model import FactorizationMachinesModel

matplotlib.use("Agg")
from matplotlib import pyplot

MOVIELENS = SHARED / "ml-100k"
USERS, FILMS = 943, 1682
FACTORS = 64
MEAN_RATING = 3.53

GOOD: Mapping[str, Any] = {
    "predictor_type": "regressor", "num_factors": FACTORS, "mini_batch_size": 1000,
    "bias_init_method": "constant", "bias_init_value": MEAN_RATING, "linear_lr": 0.01, "linear_wd": 0.0,
    "factors_lr": 0.001, "factors_wd": 0.0, "factors_init_sigma": 0.01,
}  # fmt: skip
EPOCHS, EPOCHS_WITH_SIDES = 8, 18
SIDE = 0.1
"""The value of side features; user and film have 1. They are in many rows, and with 1 Adam would follow them alone."""

MANY_COLUMNS, STORED_A_ROW = 1_000_000, 20
MYFM_WARM_UP = 5

OURS, DENSE, SPARSE = "ours", "torch EmbeddingBag, Adam", "torch EmbeddingBag, SparseAdam"
SPEED_NOTES = f"""{FACTORS} factors; medians of rounds in which the contenders take turns. All cores: rows a second by the
clock, torch's threads as they are when nobody sets them. One thread: rows a second of processor time. Ours is a whole `fit` of one
epoch, preparation and figures included. The torch models are the plain ones: two EmbeddingBags, squared loss by autograd, and
torch's own optimiser, of which Adam moves every parameter at every step."""
QUALITY_NOTES = f"""Regressor, {FACTORS} factors, batches of 1000, rows shuffled once with seed 0 before training, settings
in `GOOD` of the benchmark. Side features: age by decade, gender, occupation, genres, five years of release; value {SIDE:g}.
"The original's defaults": all as documented, 50 epochs. myfm: mean of its Gibbs samples from the {MYFM_WARM_UP + 1}th on,
its best over all iterations. Our settings were found on u1; ua shows that they are not u1's alone. Seconds are processor
time of training alone, of u1, on one thread. The plot beside this file draws rmse on u1 against such seconds, and the time
of one pass against stored values."""


@dataclass(frozen=True)
class Split:
    """A split of MovieLens: ratings (n, 4) with user, film, rating and time."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]

    @classmethod
    def read(cls, name: str) -> Split:
        """Read one of MovieLens' own splits, u1 or ua. Training rows are shuffled, because the algorithm takes them in order."""
        train, test = (np.loadtxt(MOVIELENS / f"{name}.{part}", np.int64) for part in ("base", "test"))
        return cls(np.random.default_rng(0).permutation(train), test)


@dataclass(frozen=True)
class Entries:
    """Columns and values of every user and every film. A training row joins those of its user and its film."""

    users: Sequence[dict[int, float]]
    films: Sequence[dict[int, float]]
    width: int

    @classmethod
    def ids(cls) -> Entries:
        """One column for each user and each film, with a 1."""
        return cls([{u: 1.0} for u in range(USERS)], [{USERS + i: 1.0} for i in range(FILMS)], USERS + FILMS)

    @classmethod
    def with_sides(cls) -> Entries:
        """The same, with columns for what MovieLens says of each user and film beside them."""
        ids = cls.ids()
        numbers: dict[tuple[str, str], int] = {}

        def entry(kind: str, value: str) -> int:
            return ids.width + numbers.setdefault((kind, value), len(numbers))

        users = [
            own | {entry(kind, value): SIDE for kind, value in sides}
            for own, sides in zip(ids.users, _user_sides(), strict=True)
        ]
        films = [
            own | {entry(kind, value): SIDE / math.sqrt(len(sides)) for kind, value in sides}
            for own, sides in zip(ids.films, _film_sides(), strict=True)
        ]
        return cls(users, films, ids.width + len(numbers))

    def rows(self, ratings: NDArray[np.int64]) -> Batch:
        """The ratings as sparse rows with labels."""
        entries = [{**self.users[user - 1], **self.films[film - 1]} for user, film, _, _ in ratings]
        starts = torch.tensor([0, *map(len, entries)]).cumsum(0)
        columns = torch.tensor([column for entry in entries for column in entry])
        values = torch.tensor([value for entry in entries for value in entry.values()])
        return Batch(SparseRows(starts, columns, values, self.width), torch.from_numpy(ratings[:, 2:3]).float())


def _user_sides() -> Iterator[list[tuple[str, str]]]:
    for line in (MOVIELENS / "u.user").read_text(encoding="latin-1").splitlines():
        _, age, gender, occupation, _ = line.split("|")
        yield [("decade", age[:-1]), ("gender", gender), ("occupation", occupation)]


def _film_sides() -> Iterator[list[tuple[str, str]]]:
    for line in (MOVIELENS / "u.item").read_text(encoding="latin-1").splitlines():
        _, _, released, _, _, *genres = line.split("|")
        years = str(int(released[-4:]) // 5) if released else "unknown"
        yield [("years", years), *(("genre", str(number)) for number, of in enumerate(genres) if of == "1")]


def made_rows(rows: int, columns: int, stored: int = STORED_A_ROW) -> Batch:
    """Generate rows with `stored` ones in random columns, and random labels."""
    rng = torch.Generator().manual_seed(0)
    starts = torch.arange(0, rows * stored + 1, stored)
    # One column from each of `stored` ranges: no column twice in a row.
    picked = torch.randint(columns // stored, (rows, stored), generator=rng) * stored + torch.arange(stored)
    features = SparseRows(starts, picked.reshape(-1), torch.ones(rows * stored), columns)
    return Batch(features, torch.randn(rows, 1, generator=rng))


def fit(rows: Batch, settings: Mapping[str, Any]) -> FactorizationMachinesModel:
    """A whole training by Wildsage."""
    return FM(feature_dim=rows.width, **settings).fit({"train": MemoryStream(rows)}, RunContext())


def rmse(model: FactorizationMachinesModel, rows: Batch) -> float:
    """Root mean squared error of a model's ratings, in stars."""
    return model.evaluate(iter([rows]), RunContext())["rmse"]


class PlainFM(nn.Module):
    """A factorization machine as a textbook writes it in torch."""

    def __init__(self, columns: int, sparse: bool) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))
        self.linear = nn.EmbeddingBag(columns, 1, mode="sum", sparse=sparse)
        self.factors = nn.EmbeddingBag(columns, FACTORS, mode="sum", sparse=sparse)
        nn.init.normal_(self.linear.weight, 0, 0.01)
        nn.init.normal_(self.factors.weight, 0, 0.001)

    def forward(self, columns_nk: Tensor) -> Tensor:
        """Scores of rows that have k ones each."""
        summed_nf = self.factors(columns_nk)
        squares_nf = functional.embedding(columns_nk, self.factors.weight, sparse=self.factors.sparse).square().sum(1)
        return self.bias + self.linear(columns_nk)[:, 0] + (summed_nf.square() - squares_nf).sum(1) / 2


def plain_pass(rows: Batch, batch_rows: int, sparse: bool, steps: int | None = None) -> Callable[[], None]:
    """Train `PlainFM` for one epoch, or for its first steps. The clock starts when model and optimiser are ready."""
    assert isinstance(rows.features, SparseRows) and rows.labels_nl is not None
    columns_nk = rows.features.columns_z.reshape(len(rows), -1)
    model = PlainFM(rows.width, sparse)
    tables = [model.linear.weight, model.factors.weight]
    optimisers: list[torch.optim.Optimizer] = (
        [torch.optim.SparseAdam(tables, lr=1e-3), torch.optim.Adam([model.bias], lr=1e-3)]
        if sparse
        else [torch.optim.Adam(model.parameters(), lr=1e-3)]
    )

    def work() -> None:
        for columns, labels in list(zip(columns_nk.split(batch_rows), rows.labels_nl.split(batch_rows), strict=True))[
            :steps
        ]:
            loss = functional.mse_loss(model(columns), labels[:, 0])
            for optimiser in optimisers:
                optimiser.zero_grad()
            loss.backward()
            for optimiser in optimisers:
                optimiser.step()

    return work


def speed(rounds: int) -> list[tuple[str, ...]]:
    """Rows of the speed table."""
    rows, lines = Entries.ids().rows(Split.read("u1").train), []
    data = f"MovieLens u1, {rows.width:,} columns"
    for threads, clock in ((torch.get_num_threads(), time.perf_counter), (1, time.process_time)):
        torch.set_num_threads(threads)
        for batch_rows in (200, 1000):
            settings = GOOD | {"mini_batch_size": batch_rows}
            work = {
                OURS: lambda settings=settings: fit(rows, settings),
                DENSE: plain_pass(rows, batch_rows, sparse=False),
                SPARSE: plain_pass(rows, batch_rows, sparse=True),
            }
            seconds = medians(work, rounds, clock)
            rates = {name: len(rows) / taken for name, taken in seconds.items()}
            lines += _speed_lines(data, batch_rows, threads, rates)
    return lines + _speed_lines(f"made, {MANY_COLUMNS:,} columns", 1000, 1, _rates_of_many_columns(rounds))


def _rates_of_many_columns(rounds: int, steps: int = 100, dense_steps: int = 2) -> dict[str, float]:
    """Rates with a million columns, without the time to draw the first parameters: peers draw theirs before the clock starts."""
    rows = made_rows(1000 * steps, MANY_COLUMNS)
    work = {
        OURS: lambda: fit(rows, GOOD),
        "start": lambda: fit(rows[:1000], GOOD),
        DENSE: plain_pass(rows, 1000, sparse=False, steps=dense_steps),
        SPARSE: plain_pass(rows, 1000, sparse=True, steps=steps // 10),
    }
    seconds = medians(work, rounds, time.process_time)
    taken = {OURS: (seconds[OURS] - seconds["start"], steps - 1), DENSE: (seconds[DENSE], dense_steps)}
    taken[SPARSE] = (seconds[SPARSE], steps // 10)
    return {name: 1000 * done / seconds for name, (seconds, done) in taken.items()}


def _speed_lines(data: str, batch_rows: int, threads: int, rates: Mapping[str, float]) -> list[tuple[str, ...]]:
    used = "one thread" if threads == 1 else f"all {threads} cores"
    return [
        (data, str(batch_rows), used, name, f"{rate:,.0f}", f"{rates[OURS] / rate:.1f}") for name, rate in rates.items()
    ]


Curve = list[tuple[float, float]]
"""Seconds of training, and the RMSE on the test rows after them."""


def our_curve(train: Batch, test: Batch, epochs: int) -> Curve:
    """The curve of Wildsage: one run for each number of epochs."""
    curve = []
    for count in range(1, epochs + 1):
        began = time.process_time()
        model = fit(train, GOOD | {"epochs": count})
        curve.append((time.process_time() - began, rmse(model, test)))
    return curve


def myfm_curve(split: Split, iterations: int) -> Curve:
    """The curve of myfm: the mean over the Gibbs samples so far. The time to score the test rows is taken off."""
    train, test = (_one_hot(ratings) for ratings in (split.train, split.test))
    curve: Curve = []
    total, scoring_s, began = np.zeros(len(split.test)), 0.0, time.process_time()

    def listen(number: int, sample: Any, *_: Any) -> tuple[bool, str]:
        nonlocal total, scoring_s
        now = time.process_time()
        if number >= MYFM_WARM_UP:
            total = total + sample.predict_score(test, [])
            mean = total / (number - MYFM_WARM_UP + 1)
            curve.append((now - began - scoring_s, float(np.sqrt(np.mean((mean - split.test[:, 2]) ** 2)))))
        scoring_s += time.process_time() - now
        return False, ""

    regressor = myfm.MyFMRegressor(rank=FACTORS, random_seed=0)
    shapes = [USERS, FILMS]
    regressor.fit(train, split.train[:, 2], n_iter=iterations, n_kept_samples=1, group_shapes=shapes, callback=listen)
    return curve


def _one_hot(ratings: NDArray[np.int64]) -> csr_matrix:
    columns = np.stack([ratings[:, 0] - 1, USERS + ratings[:, 1] - 1], 1).ravel()
    return csr_matrix(
        (np.ones(len(columns)), columns, np.arange(0, len(columns) + 1, 2)), (len(ratings), USERS + FILMS)
    )


def quality(curves: Mapping[str, Curve]) -> list[tuple[str, ...]]:
    """Rows of the quality table: RMSE on u1 and on ua, and seconds of training on u1."""
    ids, sides = Entries.ids(), Entries.with_sides()
    defaults = {"predictor_type": "regressor", "num_factors": FACTORS, "epochs": 50}
    ways = {
        "the original's defaults": (ids, defaults),
        f"ours, {EPOCHS} epochs": (ids, GOOD | {"epochs": EPOCHS}),
        f"ours with side features, {EPOCHS_WITH_SIDES} epochs": (sides, GOOD | {"epochs": EPOCHS_WITH_SIDES}),
    }
    lines = []
    for name, (entries, settings) in ways.items():
        (seconds, u1), (_, ua) = (_train_and_judge(Split.read(split), entries, settings) for split in ("u1", "ua"))
        lines.append((name, f"{u1:.4f}", f"{ua:.4f}", f"{seconds:.1f}"))
    seconds, best = min(curves["myfm"], key=lambda point: point[1])
    lines.append((f"myfm, {len(curves['myfm']) + MYFM_WARM_UP} iterations", f"{best:.4f}", "", f"{seconds:.1f}"))
    both = max(best, min(loss for _, loss in curves[OURS]))
    for name, curve in curves.items():
        first = next(taken for taken, loss in curve if loss <= both)
        lines.append((f"{name}, until {both:.4f}, which both reach", f"{both:.4f}", "", f"{first:.1f}"))
    return lines


def _train_and_judge(split: Split, entries: Entries, settings: Mapping[str, Any]) -> tuple[float, float]:
    train, test = entries.rows(split.train), entries.rows(split.test)
    began = time.process_time()
    model = fit(train, settings)
    return time.process_time() - began, rmse(model, test)


def cost(rounds: int) -> dict[str, list[tuple[int, float]]]:
    """Stored values and seconds of one pass over them without the start, by number of columns."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for columns in (10_000, MANY_COLUMNS):
        for stored in (100_000, 1_000_000, 10_000_000):
            rows = made_rows(stored // STORED_A_ROW, columns)
            work = {"whole": lambda rows=rows: fit(rows, GOOD), "start": lambda rows=rows: fit(rows[:1000], GOOD)}
            seconds = medians(work, rounds, time.process_time)
            taken = (seconds["whole"] - seconds["start"]) * len(rows) / (len(rows) - 1000)
            lines.setdefault(f"{columns:,} columns", []).append((stored, taken))
    return lines


def draw(curves: Mapping[str, Curve], costs: Mapping[str, list[tuple[int, float]]], path: Path) -> None:
    """Draw quality against processor seconds beside the cost of a pass, and save the picture at `path`."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(13, 5), layout="constrained")
    for name, curve in curves.items():
        left.plot(*zip(*curve, strict=True), label=name, marker="o" if name == OURS else None)
    left.set(
        xscale="log",
        xlabel="processor seconds of training",
        ylabel="rmse on u1.test",
        title=f"MovieLens u1, {FACTORS} factors",
    )
    left.set_ylim(0.9, 1.0)
    for name, line in costs.items():
        right.plot(*zip(*line, strict=True), label=name, marker="o")
    right.set(
        xscale="log",
        yscale="log",
        xlabel="stored values",
        ylabel="processor seconds of one pass",
        title=f"Cost, {FACTORS} factors",
    )
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)


def main(
    rounds: Annotated[int, typer.Option(help="Rounds; the tables show medians.", min=1)] = 3,
    iterations: Annotated[int, typer.Option(help="Gibbs iterations of myfm.", min=10)] = 200,
    write: Annotated[bool, typer.Option(help="Write the dated reports and their plot.")] = True,
) -> None:
    """Measure, and print and write the reports. Quality is measured on one thread, since myfm uses only one."""
    command = f"python -m benchmarks.factorization_machines --rounds {rounds} --iterations {iterations}"
    packages = ("torch", "numpy", "myfm")
    speeds = Report(
        "factorization_machines_speed", "Factorization machines, rows learned a second", command,
        ("data", "batch", "on", "contender", "rows/s", "ours is faster by"), speed(rounds), SPEED_NOTES, packages,
    )  # fmt: skip
    speeds.show()
    u1, ids = Split.read("u1"), Entries.ids()
    ours = our_curve(ids.rows(u1.train), ids.rows(u1.test), EPOCHS + 2)
    curves = {OURS: ours, "myfm": myfm_curve(u1, iterations)}
    qualities = Report(
        "factorization_machines", "Factorization machines on MovieLens 100k", command,
        ("way", "rmse on u1", "rmse on ua", "seconds"), quality(curves), QUALITY_NOTES, packages,
    )  # fmt: skip
    qualities.show()
    costs = cost(1)
    for name, line in costs.items():
        print(name, ", ".join(f"{stored:.0e}: {seconds:.3g} s" for stored, seconds in line))
    if write:
        today = date.today()
        speeds.write(today)
        draw(curves, costs, qualities.write(today).with_suffix(".png"))


if __name__ == "__main__":
    typer.run(main)
