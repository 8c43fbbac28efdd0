"""Time to equal logloss of factorization machines: `python -m benchmarks.factorization_machines_quality`.

Who clicked what: MovieLens 100k, where a rating of four stars or more counts as a click, and generated clicks of a million columns.
Every contender trains on one thread with as many factors, and its logloss on rows never seen is followed over processor seconds.
The rmse of ratings, beside myfm, is in `benchmarks.factorization_machines`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import matplotlib
import myfm
import numpy as np
import torch
import typer
from lightfm import LightFM
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit, ndtr
from threadpoolctl import threadpool_limits

from benchmarks.factorization_machines import FILMS, MOVIELENS, USERS, Curve, Split, fit
from benchmarks.report import Report
from wildsage.algorithms.base.batch import Batch, SparseRows

matplotlib.use("Agg")
from matplotlib import pyplot

FACTORS = 16
LIKED = 4
OURS, LIGHTFM, MYFM = "Wildsage", "LightFM", "myfm"
SETTINGS: Mapping[str, Any] = {
    "predictor_type": "binary_classifier", "num_factors": FACTORS, "mini_batch_size": 1000, "bias_lr": 0.01,
    "linear_lr": 0.01, "linear_wd": 0.0, "factors_lr": 0.003, "factors_wd": 0.0, "factors_init_sigma": 0.01,
}  # fmt: skip
CLICK_COLUMNS: Mapping[str, int] = {"users": 800_000, "segments": 8_000, "ads": 190_000, "campaigns": 2_000}
COLUMNS = (
    "data",
    "contender",
    "least logloss",
    "seconds to it",
    "logloss that both reach",
    "seconds",
    "ours is faster by",
)
NOTES = f"""Binary classification, {FACTORS} factors, one thread, processor seconds of training alone. Logloss on rows that
were not trained on; that of guessing the mean is in the first column. Of LightFM (loss="logistic", AdaGrad at its default
rate) the curve has a point for each epoch, of myfm (MyFMClassifier) one for each Gibbs sample after the fifth, whose
probabilities are averaged; of ours one whole training for each number of epochs. Both reach: the larger of the two least
loglosses, ours and the peer's. LightFM knows a row as one user and one item, each with features of its own, and leaves out
the products within a user and within an item. Others that were tried with Python 3.11 and a C compiler: LightFM 1.17 compiles
without build isolation beside Cython 0.29, and lightfm-next is its fork; xLearn 0.40a1, a pre-release, compiles without
isolation and is not compared here; fastFM 0.2.10 does not compile, because its C code is of older Pythons, and 0.2.11 has a
wheel for 3.6 alone; pywFM 0.9.0 only calls libFM, which is not on PyPI. The picture beside this file draws the curves."""


@dataclass(frozen=True)
class Clicks:
    """Who saw what: `seen` (n, 2) names rows of `users` and `items`, sparse features, and `clicked` (n,) tells 0 from 1.

    The first `trained` rows are for training, the others for the test.
    """

    name: str
    users: sparse.csr_matrix
    items: sparse.csr_matrix
    seen: NDArray[np.int64]
    clicked: NDArray[np.float32]
    trained: int

    @property
    def parts(self) -> tuple[slice, slice]:
        """The rows for training, and those for the test."""
        return slice(0, self.trained), slice(self.trained, None)

    def rows(self, part: slice) -> sparse.csr_matrix:
        """Rows of the features of the user, then of the item."""
        return sparse.hstack([self.users[self.seen[part, 0]], self.items[self.seen[part, 1]]], "csr")

    def batch(self, part: slice) -> Batch:
        """The same rows with their labels, as Wildsage reads them."""
        rows = self.rows(part)
        starts, columns = (torch.from_numpy(array.astype(np.int64)) for array in (rows.indptr, rows.indices))
        values = torch.from_numpy(rows.data.astype(np.float32))
        return Batch(SparseRows(starts, columns, values, rows.shape[1]), torch.from_numpy(self.clicked[part])[:, None])

    def logloss(self, chances: NDArray) -> float:
        """The logloss of the test rows' chances (n,)."""
        clicked, likely = self.clicked[self.trained :], np.clip(chances, 1e-7, 1 - 1e-7).astype(np.float64)
        return float(-np.mean(np.where(clicked > 0, np.log(likely), np.log1p(-likely))))


def movielens() -> Clicks:
    """Split u1: 943 users, 1,682 films, and whether a rating was `LIKED` stars or more."""
    split = Split.read("u1")
    ratings = np.concatenate([split.train, split.test])
    clicked = (ratings[:, 2] >= LIKED).astype(np.float32)
    users, films = (sparse.identity(count, np.float32, "csr") for count in (USERS, FILMS))
    return Clicks("MovieLens u1, 2,625 columns", users, films, ratings[:, :2] - 1, clicked, len(split.train))


def made_clicks(rows: int, test: int = 50_000) -> Clicks:
    """A million columns: users of segments see ads of campaigns. Few users and ads are seen often, most of them seldom.

    The log odds of a click: of the ad, of the user, and the product of what segment and campaign are like in four directions.
    """
    rng = np.random.default_rng(0)
    count = CLICK_COLUMNS
    seen = np.stack([_popular(rng, rows + test, count["users"]), _popular(rng, rows + test, count["ads"])], 1)
    segment, campaign = (
        rng.integers(0, count[of], count[who]) for who, of in (("users", "segments"), ("ads", "campaigns"))
    )
    of_segment, of_campaign = (rng.standard_normal((count[of], 4)) for of in ("segments", "campaigns"))
    of_user, of_ad = (rng.standard_normal(count[who]) for who in ("users", "ads"))
    user, ad = seen.T
    odds = (
        -1.5
        + 0.5 * of_user[user]
        + 0.7 * of_ad[ad]
        + 0.6 * (of_segment[segment[user]] * of_campaign[campaign[ad]]).sum(1)
    )
    clicked = (rng.random(len(seen)) < expit(odds)).astype(np.float32)
    users, ads = _with_group(segment, count["segments"]), _with_group(campaign, count["campaigns"])
    return Clicks(f"clicks, {sum(count.values()):,} columns", users, ads, seen, clicked, rows)


def _popular(rng: np.random.Generator, rows: int, count: int) -> NDArray[np.int64]:
    """Numbers below `count`, the small ones far more often."""
    return (count * rng.random(rows) ** 4).astype(np.int64)


def _with_group(group: NDArray[np.int64], groups: int) -> sparse.csr_matrix:
    """A one for each member itself and one for its group."""
    own = sparse.identity(len(group), np.float32, "csr")
    shared = sparse.csr_matrix((np.ones(len(group), np.float32), (np.arange(len(group)), group)), (len(group), groups))
    return sparse.hstack([own, shared], "csr")


def our_curve(clicks: Clicks, epochs: int) -> Curve:
    """The curve of Wildsage: one whole training for each number of epochs."""
    train, test = map(clicks.batch, clicks.parts)
    curve = []
    for count in range(1, epochs + 1):
        began = time.process_time()
        model = fit(train, {**SETTINGS, "epochs": count})
        curve.append((time.process_time() - began, clicks.logloss(model.predict(test)["score"].numpy())))
    return curve


def lightfm_curve(clicks: Clicks, epochs: int) -> Curve:
    """The curve of LightFM: a point for each epoch."""
    train, test = (np.ascontiguousarray(clicks.seen[part].T, np.int32) for part in clicks.parts)
    shape = (clicks.users.shape[0], clicks.items.shape[0])
    told = sparse.coo_matrix((2 * clicks.clicked[: clicks.trained] - 1, tuple(train)), shape)
    features = {"user_features": clicks.users, "item_features": clicks.items}
    model = LightFM(FACTORS, loss="logistic", random_state=0)
    curve, seconds = [], 0.0
    for _ in range(epochs):
        began = time.process_time()
        model.fit_partial(told, epochs=1, **features)
        seconds += time.process_time() - began
        curve.append((seconds, clicks.logloss(expit(model.predict(*test, **features)))))
    return curve


def myfm_curve(clicks: Clicks, iterations: int, warm_up: int = 5) -> Curve:
    """The curve of myfm: the mean chance over the Gibbs samples so far. The time to score the test rows is taken off."""
    train, test = map(clicks.rows, clicks.parts)
    curve: Curve = []
    total, scoring_s, began = np.zeros(test.shape[0]), 0.0, time.process_time()

    def listen(number: int, sample: Any, *_: Any) -> tuple[bool, str]:
        nonlocal total, scoring_s
        now = time.process_time()
        if number >= warm_up:
            total = total + ndtr(sample.predict_score(test, []))
            curve.append((now - began - scoring_s, clicks.logloss(total / (number - warm_up + 1))))
        scoring_s += time.process_time() - now
        return False, ""

    classifier = myfm.MyFMClassifier(rank=FACTORS, random_seed=0)
    shapes = [clicks.users.shape[1], clicks.items.shape[1]]
    labels = clicks.clicked[: clicks.trained] > 0
    classifier.fit(train, labels, n_iter=iterations, n_kept_samples=1, group_shapes=shapes, callback=listen)
    return curve


def lines(clicks: Clicks, curves: Mapping[str, Curve]) -> Iterator[tuple[str, ...]]:
    """Rows of the table."""
    mean = float(clicks.clicked[: clicks.trained].mean())
    guessed = clicks.logloss(np.full(len(clicks.clicked) - clicks.trained, mean))
    least = {name: min(loss for _, loss in curve) for name, curve in curves.items()}
    for name, curve in curves.items():
        best_s = next(seconds for seconds, loss in curve if loss == least[name])
        both = max(least[name], least[OURS])
        own_s, ours_s = (next(seconds for seconds, loss in curves[who] if loss <= both) for who in (name, OURS))
        beside = (
            ("", "", "")
            if name == OURS
            else (f"{both:.4f}", f"{own_s:.2f}; ours {ours_s:.2f}", f"{own_s / ours_s:.1f}")
        )
        yield (f"{clicks.name}; mean {guessed:.4f}", name, f"{least[name]:.4f}", f"{best_s:.2f}", *beside)


def draw(curves: Mapping[str, Mapping[str, Curve]], path: Path) -> None:
    """Draw the logloss over processor seconds, one panel for each data set."""
    figure, panels = pyplot.subplots(
        1, len(curves), figsize=(6.5 * len(curves), 5), layout="constrained", squeeze=False
    )
    for axes, (name, own) in zip(panels[0], curves.items(), strict=True):
        for contender, curve in own.items():
            axes.plot(*zip(*curve, strict=True), label=contender, marker="o", ms=4)
        axes.set(
            xscale="log", xlabel="processor seconds of training", ylabel="logloss, rows not trained on", title=name
        )
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=110)


def main(
    rows: Annotated[int, typer.Option(help="Generated clicks to train on.", min=10_000)] = 500_000,
    epochs: Annotated[int, typer.Option(help="Epochs of ours and of LightFM.", min=1)] = 8,
    iterations: Annotated[
        int, typer.Option(help="Gibbs iterations of myfm on MovieLens; on clicks a quarter.", min=40)
    ] = 100,
    write: Annotated[bool, typer.Option(help="Write the dated report and its picture.")] = True,
) -> None:
    """Measure, and print and write the report."""
    torch.set_num_threads(1)
    sets = [(made_clicks(rows), iterations // 4)]
    if MOVIELENS.exists():
        sets.insert(0, (movielens(), iterations))
    table: list[tuple[str, ...]] = []
    curves: dict[str, dict[str, Curve]] = {}
    with threadpool_limits(1):
        for clicks, gibbs in sets:
            works: dict[str, Callable[[], Curve]] = {
                OURS: lambda clicks=clicks: our_curve(clicks, epochs),
                LIGHTFM: lambda clicks=clicks: lightfm_curve(clicks, 3 * epochs),
                MYFM: lambda clicks=clicks, gibbs=gibbs: myfm_curve(clicks, gibbs),
            }
            for name, work in works.items():
                print(f"{clicks.name}: {name} …", flush=True)
                curves.setdefault(clicks.name, {})[name] = work()
            table += lines(clicks, curves[clicks.name])
    report = Report(
        "factorization_machines_quality", "Factorization machines: time to equal logloss",
        f"python -m benchmarks.factorization_machines_quality --rows {rows} --epochs {epochs} --iterations {iterations}",
        COLUMNS, table, NOTES, ("torch", "numpy", "lightfm-next", "myfm"),
    )  # fmt: skip
    report.show()
    if write:
        path = report.write(date.today())
        draw(curves, path.with_suffix(".png"))
        print(path)


if __name__ == "__main__":
    typer.run(main)
