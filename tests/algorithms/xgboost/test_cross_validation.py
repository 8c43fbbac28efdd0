"""Folds cover every row once a repetition; what is written and logged follows from the models of the folds."""

import numpy as np
import pytest

xgboost = pytest.importorskip("xgboost")
pytest.importorskip("sklearn")
from wildsage.algorithms.base.errors import UserError  # noqa: E402
from wildsage.algorithms.xgboost import cross_validation  # noqa: E402
from wildsage.algorithms.xgboost.boosting import BoostingTask  # noqa: E402
from wildsage.algorithms.xgboost.cross_validation import Folds  # noqa: E402
from wildsage.algorithms.xgboost.log import XGBoostLog  # noqa: E402
from wildsage.algorithms.xgboost.versions import NEWEST  # noqa: E402

N = 36
X = np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32)
VALUES = (X[:, 0] + X[:, 1] * X[:, 2]).astype(np.float32)
LABELS = {
    "reg:squarederror": VALUES,
    "binary:logistic": (VALUES > 0).astype(np.float32),
    "binary:logitraw": (VALUES > 0).astype(np.float32),
    "binary:hinge": (VALUES > 0).astype(np.float32),
    "multi:softmax": np.digitize(VALUES, [-0.5, 0.5]).astype(np.float32),
    "multi:softprob": np.digitize(VALUES, [-0.5, 0.5]).astype(np.float32),
}


def folds_of(objective: str, count: int = 3, rounds: int = 3, seed: int = 5) -> Folds:
    return Folds(count, rounds, objective, seed)


@pytest.mark.parametrize("objective", ["reg:squarederror", "binary:logistic", "multi:softmax"])
@pytest.mark.parametrize(("count", "rounds"), [(2, 1), (3, 2)])
def test_each_repetition_predicts_every_row_once_with_a_model_of_the_others(objective, count, rounds):
    parts = list(folds_of(objective, count, rounds).split(LABELS[objective]))
    assert len(parts) == count * rounds
    for training, scoring in parts:
        assert sorted([*training, *scoring]) == list(range(N))
    for start in range(0, len(parts), count):
        scored = np.concatenate([scoring for _, scoring in parts[start : start + count]])
        assert sorted(scored) == list(range(N))


def test_folds_follow_the_seed():
    one, same, other = (
        [scoring.tolist() for _, scoring in folds_of("", seed=seed).split(VALUES)] for seed in (5, 5, 6)
    )
    assert one == same and one != other
    assert one[0] != one[3]  # each repetition deals anew


def test_folds_of_classes_have_them_in_the_same_shares():
    labels = np.repeat([0.0, 1.0], [30, 6])
    for objective in ("binary:logistic", "multi:softprob"):
        assert [labels[scoring].sum() for _, scoring in folds_of(objective).split(labels)] == [2] * 9
    assert len({labels[scoring].sum() for _, scoring in folds_of("reg:squarederror").split(labels)}) > 1


def test_more_folds_than_rows_are_rejected():
    assert len(list(folds_of("", N, 1).split(VALUES))) == N
    with pytest.raises(UserError, match=rf"Hyperparameter _kfold: got {N + 1}\. Cannot have number of splits"):
        list(folds_of("", N + 1, 1).split(VALUES))


def trained(folder, objective: str, folds: Folds, labels=None, **parameters):
    """The models of the folds, the lines of the log, and the table of predictions."""
    labels = LABELS[objective] if labels is None else labels
    given = {"objective": objective, "max_depth": 2, "min_child_weight": 0, **parameters}
    given |= {"num_class": 3} if objective.startswith("multi:") else {}
    said: list[str] = []
    task = BoostingTask(given, 2, {"train": xgboost.DMatrix(X[: len(labels)], labels)})
    boosters = cross_validation.train(task, folds, XGBoostLog(said.append, NEWEST), folder / "output")
    return boosters, said, np.loadtxt(folder / "output" / "predictions.csv", delimiter=",", ndmin=2)


def winner(votes) -> int:
    """The value that most have, the smallest of several."""
    return min(set(votes), key=lambda one: (-list(votes).count(one), one))


@pytest.mark.parametrize("objective", LABELS)
def test_the_table_has_what_models_say_of_rows_that_they_have_not_seen(tmp_path, objective):
    folds = folds_of(objective)
    boosters, _, table = trained(tmp_path, objective, folds)
    answers: list[list] = [[] for _ in range(N)]
    for booster, (_, scoring) in zip(boosters, folds.split(LABELS[objective]), strict=True):
        for row, answer in zip(scoring, booster.predict(xgboost.DMatrix(X[scoring])), strict=True):
            answers[row].append(answer)
    assert {len(each) for each in answers} == {3}
    np.testing.assert_allclose(table[:, 0], LABELS[objective], atol=1e-6)
    means = np.array(answers, float).mean(1)
    np.testing.assert_allclose(table[:, 1], means if means.ndim == 1 else means.max(1), atol=1e-6)
    if objective == "reg:squarederror":
        assert table.shape == (N, 2)
        return
    threshold = 0 if objective == "binary:logitraw" else 0.5
    classes = {
        "multi:softprob": lambda answer: int(np.argmax(answer)),
        "multi:softmax": int,
    }.get(objective, lambda answer: int(answer > threshold))
    np.testing.assert_array_equal(table[:, 2], [winner([classes(one) for one in each]) for each in answers])


@pytest.mark.parametrize(("objective", "half"), [("binary:logistic", 0.5), ("binary:logitraw", 0.0)])
def test_a_score_in_the_middle_is_class_0(tmp_path, objective, half):
    """No split is worth so much, and the classes are equal in number, so that the models learn nothing."""
    labels = np.tile([0.0, 1.0], 6)
    _, _, table = trained(tmp_path, objective, folds_of(objective, 2, 1), labels, base_score=half, gamma=1e9)
    np.testing.assert_array_equal(table[:, 1:], np.tile([half, 0], (12, 1)))


@pytest.mark.parametrize("rounds", [1, 2])
def test_the_log_has_the_mean_of_the_folds_of_each_repetition_and_of_all(tmp_path, rounds):
    folds = folds_of("reg:squarederror", 2, rounds)
    boosters, said, _ = trained(tmp_path, "reg:squarederror", folds)
    losses = []
    for booster, parts in zip(boosters, folds.split(VALUES), strict=True):
        losses.append(
            [np.sqrt(((booster.predict(xgboost.DMatrix(X[part])) - VALUES[part]) ** 2).mean()) for part in parts]
        )
    repetitions = [np.mean(losses[start : start + 2], axis=0) for start in range(0, 2 * rounds, 2)]
    lines = [line for line in said if "\t" in line]
    shown = [[float(word.rpartition(":")[2]) for word in line.split("\t")[1:]] for line in lines]
    expected = repetitions if rounds == 1 else [*repetitions, np.mean(losses, axis=0)]
    np.testing.assert_allclose(shown, expected, atol=1e-5)
    assert all(line.startswith("[2]\ttrain-rmse:") for line in lines)
    overall = [line for line in said if "\t" not in line]
    assert [line.rpartition("] ")[2] for line in overall] == [
        f"The overall k-fold cross-validation metrics averaged across {rounds} rounds"
    ] * (rounds > 1)
