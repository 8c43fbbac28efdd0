"""How near linear learner comes to the converged optimum in 15 epochs: `python -m benchmarks.linear_learner_quality`.

Rows are shuffled with several seeds, then sorted by their label and by a column, which is what shuffling is for. A second table
has the winner of the 32 models beside that of a wider search. Data is read from `../shared/data`, or generated.

Axes: n rows · d features · c outputs
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, cached_property
from typing import Annotated, Any

import numpy as np
import pandas
import torch
import typer
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog
from sklearn.linear_model import HuberRegressor, LinearRegression, LogisticRegression, QuantileRegressor
from threadpoolctl import threadpool_limits

from benchmarks.datasets import SHARED, mnist
from benchmarks.report import Report
from wildsage.algorithms.base.batch import Batch, MemoryStream
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.linear_learner.algorithm import LinearLearner
from wildsage.algorithms.linear_learner.model import LinearModel, loss_of

Numbers = NDArray[np.float64]
Rows = tuple[Numbers, Numbers]
"""Features (n, d) and labels (n,)."""

TABULAR = SHARED / "tabular"
SEEDS = range(3)
MODELS, WIDER = 32, 256
BINARY = {"predictor_type": "binary_classifier", "binary_classifier_model_selection_criteria": "loss_function"}
REGRESSOR = {"predictor_type": "regressor"}
SEVEN = {"predictor_type": "multiclass_classifier", "num_classes": 7}

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn")

NOTES = f"""15 epochs, 32 models, all hyperparameters but the batch, the loss and its parameters as by default. A figure is the
winner's mean loss over the training rows, in the labels' own units, divided by the least that is possible. Shuffled: the worst of
{len(SEEDS)} seeds. By label, by column: rows sorted by their label or by their first column. The least loss is
scikit-learn's: LinearRegression, HuberRegressor (`huber_delta` is its epsilon times its scale), QuantileRegressor, and
LogisticRegression with a penalty that does not count (C = 1e6). LinearSVC's penalty counts, so linear programming gives the least
hinge loss. Census: income per head, and whether it is above the median, by the columns that are not about income. Adult-like rows
are generated."""
SEARCH_NOTES = f"""15 epochs, rows shuffled with seed 0. The wider search has {WIDER} models: the {MODELS}, and others whose
learning rate is drawn from 0.001 to 0.5 and whose weight decay from 1e-7 to 1, evenly by logarithm. A figure is the loss of the
winner among {MODELS} over that of the winner among {WIDER}. Training: the winners are those of the least loss on the
training rows, which gives the figure too. Test: three fifths of the rows train, one fifth is the validation channel, and
one fifth gives the figure."""


@dataclass(frozen=True)
class Optimum:
    """The least mean loss, and the hyperparameters of the loss that it is for."""

    loss: float
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Problem:
    """What is learned from which rows in batches of which size; `optimum(x, y)` is what another library reaches."""

    data: str
    loss: str
    batch_rows: int
    load: Callable[[], Rows]
    optimum: Callable[[Numbers, Numbers], Optimum]
    given: Mapping[str, Any]

    @property
    def rows(self) -> Rows:
        """The rows in the order of their file."""
        return _loaded(self.load)

    @cached_property
    def least(self) -> Optimum:
        """What another library reaches on all rows."""
        return _optimum(self.load, self.optimum)

    def fit(self, rows: Rows, validation: Rows | None = None, **given: Any) -> LinearModel:
        """The winner of a job on these rows, chosen by the validation rows or else by the same rows."""
        given = {**self.given, **self.least.given, **given}
        learner = LinearLearner(loss=self.loss, mini_batch_size=self.batch_rows, **given)
        channels = {"train": rows} | ({} if validation is None else {"validation": validation})
        return learner.fit({name: MemoryStream(_batch(part)) for name, part in channels.items()}, RunContext())

    def loss_of(self, model: LinearModel, rows: Rows) -> float:
        """The model's mean loss over rows."""
        x_nd, labels_n = rows
        scores_nc = x_nd @ model.weights_dc.double().numpy() + model.bias_1c.double().numpy()
        return mean_loss(self.loss, scores_nc, labels_n, self.least.given)

    def loss_in_order(self, order_n: NDArray[np.int64]) -> float:
        """The winner's loss, where it learns from the rows in that order."""
        x_nd, labels_n = self.rows
        return self.loss_of(self.fit((x_nd[order_n], labels_n[order_n])), self.rows)

    def ratio(self, order_n: NDArray[np.int64]) -> float:
        """The same over the optimum."""
        return self.loss_in_order(order_n) / self.least.loss

    @cached_property
    def shuffled_losses(self) -> list[float]:
        """The winner's loss on the rows as each seed shuffles them."""
        return [self.loss_in_order(self.shuffled(seed)) for seed in SEEDS]

    def shuffled(self, seed: int) -> NDArray[np.int64]:
        """An order of the rows."""
        return np.random.default_rng(seed).permutation(len(self.rows[1]))


@cache
def _loaded(load: Callable[[], Rows]) -> Rows:
    return load()


@cache
def _optimum(load: Callable[[], Rows], optimum: Callable[[Numbers, Numbers], Optimum]) -> Optimum:
    return optimum(*_loaded(load))


def mean_loss(loss: str, scores: Numbers, labels_n: Numbers, given: Mapping[str, Any]) -> float:
    """Mean of a loss over rows, by scores (n,) or (n, c) in float64."""
    scores_n1c = torch.from_numpy(scores.reshape(len(labels_n), 1, -1))
    loss_n1, _ = loss_of(loss, given, torch.device("cpu")).rows(scores_n1c, torch.from_numpy(labels_n))
    return float(loss_n1.mean())


def _batch(rows: Rows) -> Batch:
    x_nd, labels_n = (torch.from_numpy(part.astype(np.float32)) for part in rows)
    return Batch(x_nd, labels_n[:, None])


def standardised(x_nd: Numbers) -> Numbers:
    """Columns of mean 0 and deviation 1, but for constant ones."""
    deviation_d = x_nd.std(0)
    return (x_nd - x_nd.mean(0)) / np.where(deviation_d > 0, deviation_d, 1)


def boston() -> Rows:
    """Housing in Boston: rows (506, 13) and prices (506,) in thousands of dollars."""
    table = pandas.read_csv(TABULAR / "boston" / "housing.csv", header=None).to_numpy(np.float64)
    return table[:, :-1], table[:, -1]


def abalone() -> Rows:
    """Abalones: rows (4177, 10), the sex as three columns, and rings (4177,)."""
    table = pandas.get_dummies(pandas.read_csv(TABULAR / "abalone" / "abalone.csv", header=None), columns=[0])
    return table.drop(columns=8).to_numpy(np.float64), table[8].to_numpy(np.float64)


def census() -> Rows:
    """Counties, and their income per head in thousands of dollars."""
    counties = pandas.read_csv(SHARED / "census" / "acs2015_county_data.csv").dropna()
    counties = counties.drop(columns=["CensusId", "State", "County", "Income", "IncomeErr", "IncomePerCapErr"])
    income = counties.pop("IncomePerCap").to_numpy(np.float64) / 1000
    return counties.to_numpy(np.float64), income


def rich_counties() -> Rows:
    """The same rows, and 1 for an income above the median."""
    x_nd, income_n = census()
    return x_nd, (income_n > np.median(income_n)).astype(float)


def covtype() -> Rows:
    """Forest: rows (20000, 54) and the type of cover (20000,), 0 to 6."""
    table = pandas.read_csv(TABULAR / "covtype" / "covtype-first20k.data.gz", header=None).to_numpy(np.float64)
    return table[:, :-1], table[:, -1] - 1


def adult_like() -> Rows:
    """20,000 rows of 6 numbers and 8 one-hot choices, 105 columns in all, and a label that one row in four has."""
    rng = np.random.default_rng(0)
    numbers = rng.lognormal(size=(20_000, 6)) * [1, 10, 100, 1, 5, 1000]
    choices = [np.eye(size)[rng.choice(size, 20_000, p=_zipf(size))] for size in (9, 16, 7, 15, 6, 5, 2, 39)]
    x_nd = np.column_stack([numbers, *choices])
    margin_n = standardised(x_nd) @ rng.normal(size=x_nd.shape[1]) / 5
    return x_nd, (margin_n + rng.logistic(size=len(x_nd)) > 1.5).astype(float)


def few_adults() -> Rows:
    """The first 3,000 rows of `adult_like`."""
    x_nd, labels_n = adult_like()
    return x_nd[:3000], labels_n[:3000]


def zeros_of_mnist() -> Rows:
    """Pixels, and 1 for the digit 0."""
    pixels_nd, digits_n = mnist()
    return pixels_nd[:50_000].astype(np.float64), (digits_n[:50_000] == 0).astype(float)


def _zipf(size: int) -> Numbers:
    share = 1 / np.arange(1, size + 1)
    return share / share.sum()


def squared(x_nd: Numbers, labels_n: Numbers) -> Optimum:
    """The least mean square of the error."""
    z_nd = standardised(x_nd)
    return Optimum(mean_loss("squared_loss", LinearRegression().fit(z_nd, labels_n).predict(z_nd), labels_n, {}))


def huber(x_nd: Numbers, labels_n: Numbers) -> Optimum:
    """The least mean Huber loss, for the threshold that HuberRegressor estimates."""
    z_nd = standardised(x_nd)
    peer = HuberRegressor(alpha=0, max_iter=10_000, tol=1e-8).fit(z_nd, labels_n)
    given = {"huber_delta": float(peer.epsilon * peer.scale_)}
    return Optimum(mean_loss("huber_loss", peer.predict(z_nd), labels_n, given), given)


def absolute(x_nd: Numbers, labels_n: Numbers) -> Optimum:
    """The least mean absolute error."""
    return Optimum(2 * high_quantile(x_nd, labels_n, 0.5).loss)


def high_quantile(x_nd: Numbers, labels_n: Numbers, quantile: float = 0.9) -> Optimum:
    """The least mean pinball loss, by linear programming."""
    z_nd, given = standardised(x_nd), {"quantile": quantile}
    peer = QuantileRegressor(quantile=quantile, alpha=0).fit(z_nd, labels_n)
    return Optimum(mean_loss("quantile_loss", peer.predict(z_nd), labels_n, given), given)


def cross_entropy(x_nd: Numbers, labels_n: Numbers) -> Optimum:
    """The least mean cross entropy, almost without a penalty."""
    z_nd = standardised(x_nd)
    peer = LogisticRegression(C=1e6, solver="newton-cholesky", tol=1e-6).fit(z_nd, labels_n)
    loss = "logistic" if len(peer.classes_) == 2 else "softmax_loss"
    return Optimum(mean_loss(loss, peer.decision_function(z_nd), labels_n, {}))


def hinge(x_nd: Numbers, labels_n: Numbers) -> Optimum:
    """Minimise the mean slack s, where s ≥ 0 and s ≥ 1 − side · (x w + b)."""
    rows, side_n1 = len(x_nd), (2 * labels_n - 1)[:, None]
    margins = sparse.csr_matrix(-side_n1 * np.column_stack([standardised(x_nd), np.ones(rows)]))
    free = margins.shape[1]
    costs = np.concatenate([np.zeros(free), np.full(rows, 1 / rows)])
    bounds = [(None, None)] * free + [(0, None)] * rows
    found = linprog(costs, sparse.hstack([margins, -sparse.identity(rows)]).tocsr(), -np.ones(rows), bounds=bounds)
    return Optimum(float(found.fun))


PROBLEMS = (
    Problem("Boston housing, 506 × 13", "squared_loss", 25, boston, squared, REGRESSOR),
    Problem("Boston housing, 506 × 13", "huber_loss", 25, boston, huber, REGRESSOR),
    Problem("Boston housing, 506 × 13", "absolute_loss", 25, boston, absolute, REGRESSOR),
    Problem("Boston housing, 506 × 13", "quantile_loss", 25, boston, high_quantile, REGRESSOR),
    Problem("abalone, 4,177 × 10", "squared_loss", 100, abalone, squared, REGRESSOR),
    Problem("abalone, 4,177 × 10", "huber_loss", 100, abalone, huber, REGRESSOR),
    Problem("abalone, 4,177 × 10", "absolute_loss", 100, abalone, absolute, REGRESSOR),
    Problem("abalone, 4,177 × 10", "quantile_loss", 100, abalone, high_quantile, REGRESSOR),
    Problem("census, 3,218 × 30", "squared_loss", 100, census, squared, REGRESSOR),
    Problem("census, 3,218 × 30", "huber_loss", 100, census, huber, REGRESSOR),
    Problem("census, 3,218 × 30", "absolute_loss", 100, census, absolute, REGRESSOR),
    Problem("census, 3,218 × 30", "quantile_loss", 100, census, high_quantile, REGRESSOR),
    Problem("census, 3,218 × 30, 2 classes", "logistic", 100, rich_counties, cross_entropy, BINARY),
    Problem("census, 3,218 × 30, 2 classes", "hinge_loss", 50, rich_counties, hinge, BINARY),
    Problem("adult-like, 20,000 × 105", "logistic", 1000, adult_like, cross_entropy, BINARY),
    Problem("adult-like, 3,000 × 105", "hinge_loss", 100, few_adults, hinge, BINARY),
    Problem("covtype, 20,000 × 54, 7 classes", "softmax_loss", 100, covtype, cross_entropy, SEVEN),
    Problem("covtype, 20,000 × 54, 7 classes", "softmax_loss", 1000, covtype, cross_entropy, SEVEN),
    Problem("MNIST, 50,000 × 784, digit 0", "logistic", 200, zeros_of_mnist, cross_entropy, BINARY),
)


def near_the_optimum() -> Iterator[tuple[str, ...]]:
    """Rows of the table of orders."""
    for problem in PROBLEMS:
        x_nd, labels_n = problem.rows
        worst = max(problem.shuffled_losses) / problem.least.loss
        sorted_by = (problem.ratio(by_n.argsort(kind="stable")) for by_n in (labels_n, x_nd[:, 0]))
        figures = (f"{ratio:.4f}" for ratio in (worst, *sorted_by))
        yield problem.data, problem.loss, str(problem.batch_rows), f"{problem.least.loss:.5g}", *figures


def beside_a_wider_search() -> Iterator[tuple[str, ...]]:
    """Rows of the table of searches."""
    for problem in PROBLEMS:
        order_n = problem.shuffled(SEEDS[0])
        x_nd, labels_n = problem.rows
        rows = x_nd[order_n], labels_n[order_n]
        train, validation, test = _split(rows)
        training = problem.shuffled_losses[0], problem.loss_of(problem.fit(rows, num_models=WIDER), rows)
        testing = [
            problem.loss_of(problem.fit(train, validation, num_models=models), test) for models in (MODELS, WIDER)
        ]
        figures = (f"{narrow / wide:.4f}" for narrow, wide in (training, testing))
        yield problem.data, problem.loss, str(problem.batch_rows), *figures


def _split(rows: Rows) -> tuple[Rows, Rows, Rows]:
    """Three fifths, one fifth and one fifth of the rows."""
    fifth = len(rows[1]) // 5
    parts = slice(2 * fifth, None), slice(fifth), slice(fifth, 2 * fifth)
    train, validation, test = ((rows[0][part], rows[1][part]) for part in parts)
    return train, validation, test


def main(write: Annotated[bool, typer.Option(help="Write the dated reports.")] = True) -> None:
    """Measure, and print and write the reports. One thread, since other work disturbs it least."""
    torch.set_num_threads(1)
    threadpool_limits(1)
    command = "python -m benchmarks.linear_learner_quality"
    columns = ("data", "loss", "batch", "optimum", "shuffled", "by label", "by column")
    title = "Linear learner, loss over the optimum"
    orders = Report("linear_learner", title, command, columns, [*near_the_optimum()], NOTES, PACKAGES)
    orders.show()
    columns = ("data", "loss", "batch", "training", "test")
    title = f"Linear learner, {MODELS} models over {WIDER}"
    searches = Report(
        "linear_learner_search", title, command, columns, [*beside_a_wider_search()], SEARCH_NOTES, PACKAGES
    )
    searches.show()
    if write:
        for report in (orders, searches):
            report.write(date.today())


if __name__ == "__main__":
    typer.run(main)
