"""Rounds of boosting against `xgboost.train`, and what is logged, recorded and decided after each."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

xgboost = pytest.importorskip("xgboost")
metrics = pytest.importorskip("sklearn.metrics")
from xgboost.callback import TrainingCallback  # noqa: E402

from wildsage.algorithms.base.errors import AlgorithmError, UserError  # noqa: E402
from wildsage.algorithms.base.ports import free_port  # noqa: E402
from wildsage.algorithms.xgboost import hosts  # noqa: E402
from wildsage.algorithms.xgboost.boosting import (  # noqa: E402
    BoostingTask,
    EarlyStop,
    OwnMetrics,
    RoundReport,
    StopOnRequest,
    boost,
)
from wildsage.algorithms.xgboost.log import XGBoostLog  # noqa: E402
from wildsage.algorithms.xgboost.versions import NEWEST  # noqa: E402

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
VALUES = (X[:, 0] + X[:, 1] * X[:, 2]).astype(np.float32)
CLASSES = (VALUES > 0).astype(np.float32)
LOGISTIC = {"objective": "binary:logistic", "max_depth": 2}


def sets(labels, validation=None) -> dict[str, xgboost.DMatrix]:
    """All rows to train on; the rows of `validation` have other labels, so that training makes them worse."""
    found = {"train": xgboost.DMatrix(X, labels)}
    return found if validation is None else {**found, "validation": xgboost.DMatrix(X, validation)}


def test_a_model_and_its_metrics_are_the_librarys():
    task = BoostingTask(LOGISTIC, 4, sets(CLASSES, 1 - CLASSES), ["error", "auc"])
    booster, history = boost(task)
    expected: dict = {}
    rows = sets(CLASSES, 1 - CLASSES)
    plain = xgboost.train(
        {**LOGISTIC, "eval_metric": ["error", "auc"]},
        rows["train"],
        4,
        evals=[(matrix, name) for name, matrix in rows.items()],
        evals_result=expected,
        verbose_eval=False,
    )
    assert booster.get_dump(with_stats=True) == plain.get_dump(with_stats=True)
    assert history == expected


def test_the_metric_of_the_objective_is_computed_where_none_is_asked_for():
    _, history = boost(BoostingTask(LOGISTIC, 2, sets(CLASSES)))
    assert list(history["train"]) == ["logloss"] and len(history["train"]["logloss"]) == 2


def test_own_metrics_stand_alone_and_are_those_of_every_round():
    booster, history = boost(BoostingTask(LOGISTIC, 3, sets(CLASSES, 1 - CLASSES), ["accuracy", "f1"]))
    assert list(history) == ["train", "validation"]
    assert all(list(found) == ["accuracy", "f1"] for found in history.values())
    for rounds in (1, 2, 3):
        guessed = booster.predict(xgboost.DMatrix(X), iteration_range=(0, rounds)) > 0.5
        for channel, labels in (("train", CLASSES), ("validation", 1 - CLASSES)):
            assert history[channel]["accuracy"][rounds - 1] == pytest.approx((guessed == labels).mean())
            expected = metrics.f1_score(labels, guessed, average="macro")
            assert history[channel]["f1"][rounds - 1] == pytest.approx(expected)


def test_own_metrics_of_a_set_without_rows_are_0():
    none = xgboost.DMatrix(np.empty((0, 4), np.float32), label=np.empty(0, np.float32))
    _, history = boost(BoostingTask(LOGISTIC, 2, {**sets(CLASSES), "validation": none}, ["accuracy"]))
    assert history["validation"]["accuracy"] == [0.0, 0.0]


@pytest.mark.skipif(hosts.LIBRARY < hosts.COLLECTIVE_SINCE, reason="hosts need a newer XGBoost")
def test_own_metrics_are_the_mean_over_the_hosts_by_their_rows():
    """A thread stands for each host. On the smaller one all labels are the other class."""
    names, port, listens = ("algo-1", "algo-2"), free_port(), threading.Event()
    model, _ = boost(BoostingTask(LOGISTIC, 1, sets(CLASSES)))
    labels = np.concatenate([1 - CLASSES[:9], CLASSES[9:]])
    parts = {"algo-1": slice(9), "algo-2": slice(9, None)}
    own = {name: xgboost.DMatrix(X[part], label=labels[part]) for name, part in parts.items()}

    def measure(name: str) -> dict:
        def rendezvous(listen) -> tuple[str, int]:
            if host.leads:
                listen("localhost", port)
                listens.set()
            assert listens.wait(240)
            return "localhost", port

        host = SimpleNamespace(host=name, hosts=names, leads=name == names[0], rendezvous=rendezvous)
        history: dict = {}
        with hosts.together(host, 1):
            OwnMetrics(["accuracy"], {"train": own[name]}).after_iteration(model.copy(), 0, history)
        return history

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(measure, names))
    guessed = model.predict(xgboost.DMatrix(X)) > 0.5
    assert found == [{"train": {"accuracy": [pytest.approx((guessed == labels).mean())]}}] * 2


@pytest.mark.parametrize("given", [{}, {"tweedie_variance_power": 1.2}])
def test_the_tweedie_metric_has_the_name_that_was_given_and_the_power_of_the_objective(given):
    parameters = {"objective": "reg:tweedie", **given}
    task = BoostingTask(parameters, 3, sets(np.abs(VALUES), np.abs(VALUES)), ["rmse", "tweedie-nloglik"])
    _, history = boost(task)
    power = given.get("tweedie_variance_power", 1.5)
    _, expected = boost(BoostingTask({**parameters, "eval_metric": f"tweedie-nloglik@{power}"}, 3, task.sets))
    for channel in ("train", "validation"):
        assert list(history[channel]) == ["rmse", "tweedie-nloglik"]
        assert history[channel]["tweedie-nloglik"] == expected[channel][f"tweedie-nloglik@{power}"]


@pytest.mark.parametrize("keep_best", [True, False])
@pytest.mark.parametrize("patience", [1, 3])
def test_training_ends_when_the_metric_has_not_improved_for_so_many_rounds(keep_best, patience):
    stop = EarlyStop(patience, "validation", "rmse", keep_best)
    booster, history = boost(BoostingTask({}, 20, sets(VALUES, -VALUES), ["rmse"], stop))
    losses = history["validation"]["rmse"]
    assert len(losses) == 1 + patience and min(losses) == losses[0]
    assert booster.num_boosted_rounds() == (1 if keep_best else 1 + patience)
    assert booster.best_iteration == 0


def test_an_own_metric_that_grows_can_end_training():
    stop = EarlyStop(2, "validation", "accuracy", keep_best=False)
    _, history = boost(BoostingTask(LOGISTIC, 20, sets(CLASSES, 1 - CLASSES), ["accuracy"], stop))
    scores = history["validation"]["accuracy"]
    best = int(np.argmax(scores))
    assert len(scores) == best + 3 < 20


def test_without_names_the_last_metric_of_the_last_set_ends_training():
    stop = EarlyStop(2, None, None, keep_best=False)
    task = BoostingTask({"max_depth": 2}, 15, sets(VALUES, -VALUES), ["rmse", "mae"], stop)
    assert len(boost(task)[1]["validation"]["mae"]) == 3
    improving = BoostingTask({"max_depth": 2}, 15, sets(VALUES), ["rmse", "mae"], stop)
    assert len(boost(improving)[1]["train"]["mae"]) == 15


class Recorded(TrainingCallback):
    """Notes the rounds that it sees, and ends training after, or before, one of them."""

    def __init__(self, last_after: int | None = None, last_before: int | None = None) -> None:
        super().__init__()
        self.seen: list[str] = []
        self._after, self._before = last_after, last_before

    def before_training(self, model):
        self.seen.append("begin")
        return model

    def before_iteration(self, model, epoch, evals_log) -> bool:
        self.seen.append(f"before {epoch}")
        return epoch == self._before

    def after_iteration(self, model, epoch, evals_log) -> bool:
        self.seen.append(f"after {epoch}")
        return epoch == self._after

    def after_training(self, model):
        self.seen.append("end")
        return model


ROUND_0 = ["begin", "before 0", "after 0"]


@pytest.mark.parametrize(
    ("ending", "seen", "rounds"),
    [
        ({}, [*ROUND_0, "before 1", "after 1", "before 2", "after 2", "end"], 3),
        ({"last_after": 0}, [*ROUND_0, "end"], 1),
        ({"last_before": 1}, [*ROUND_0, "before 1", "end"], 1),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_all_callbacks_see_every_round_and_any_of_them_ends_training(ending, seen, rounds, first):
    ends, other = Recorded(**ending), Recorded()
    callbacks = [ends, other] if first else [other, ends]
    booster, _ = boost(BoostingTask({}, 3, sets(VALUES), callbacks=callbacks))
    assert ends.seen == other.seen == seen
    assert booster.num_boosted_rounds() == rounds


def test_rounds_go_on_where_the_earlier_model_ended():
    task = BoostingTask({"max_depth": 2}, 3, sets(VALUES))
    half, _ = boost(task)
    seen = Recorded()
    task.callbacks = [seen]
    whole, history = boost(task, half)
    assert [word for word in seen.seen if word.startswith("after")] == ["after 3", "after 4", "after 5"]
    assert len(history["train"]["rmse"]) == 3
    expected, _ = boost(BoostingTask({"max_depth": 2}, 6, sets(VALUES)))
    assert whole.get_dump() == expected.get_dump()


@pytest.mark.parametrize("keep_best", [True, False])
def test_a_resumed_job_counts_the_rounds_without_improvement_from_its_own_first(keep_best):
    half, _ = boost(BoostingTask({}, 3, sets(VALUES)))
    stop = EarlyStop(2, "validation", "rmse", keep_best)
    booster, history = boost(BoostingTask({}, 10, sets(VALUES, -VALUES), ["rmse"], stop), half)
    assert len(history["validation"]["rmse"]) == 3
    assert booster.num_boosted_rounds() == (4 if keep_best else 6)


def test_a_report_is_a_line_of_the_newest_values():
    said: list[str] = []
    report = RoundReport(XGBoostLog(said.append, NEWEST))
    assert report.after_iteration(None, 3, {"train": {"rmse": [9.0, 2.0], "mae": [8.0, 1.0]}}) is False
    assert report.after_iteration(None, 4, {"train": {"rmse": [(3.0, 0.5)]}}) is False
    assert said == ["[3]\ttrain-rmse:2.00000\ttrain-mae:1.00000", "[4]\ttrain-rmse:3.00000"]


def test_a_request_to_stop_ends_training_after_the_round():
    asked = iter([False, True])
    booster, _ = boost(BoostingTask({}, 9, sets(VALUES), callbacks=[StopOnRequest(lambda: next(asked))]))
    assert booster.num_boosted_rounds() == 2


def test_labels_that_cannot_be_learned_are_the_users():
    with pytest.raises(UserError, match="label must be in") as raised:
        boost(BoostingTask(LOGISTIC, 1, sets(VALUES * 9)))
    assert "Stack trace" not in str(raised.value) and raised.value.__suppress_context__


def test_an_unknown_failure_is_the_algorithms():
    with pytest.raises(AlgorithmError, match=r"XGB train call failed with exception:\n .*no_such") as raised:
        boost(BoostingTask({"objective": "no_such"}, 1, sets(VALUES)))
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(("weights", "explained"), [([0] * 60, True), ([0] * 59 + [1], False), (None, False)])
def test_rows_without_any_weight_are_named_where_the_library_fails(weights, explained):
    rows = {"train": xgboost.DMatrix(X, VALUES, weight=weights)}
    with pytest.raises(UserError if explained else AlgorithmError) as raised:
        boost(BoostingTask({"objective": "no_such"}, 1, rows))
    said = "All rows of channel train have the weight 0; expected a higher one in some of them. XGB train call failed"
    assert str(raised.value).startswith(said) is explained and raised.value.__suppress_context__
    booster, _ = boost(BoostingTask({"base_score": 2}, 1, rows))
    assert not explained or set(booster.predict(xgboost.DMatrix(X))) == {2}, "what the library takes is trained"
