"""What jobs learn with each objective, metric and constraint that the library has."""

import re

import numpy as np
import pytest

xgboost = pytest.importorskip("xgboost")
from tests.algorithms.xgboost.jobs import LOGISTIC, SQUARED, document, predictions, score  # noqa: E402
from wildsage.algorithms.xgboost import model_files  # noqa: E402
from wildsage.algorithms.xgboost.hyperparameters import OBJECTIVES  # noqa: E402
from wildsage.algorithms.xgboost.metrics import BY_LIBRARY, compute  # noqa: E402
from wildsage.algorithms.xgboost.spec import METRICS, SPEC  # noqa: E402


@pytest.mark.parametrize(
    "given",
    [
        {"subsample": "0.5", "colsample_bynode": "0.5"},
        {"tree_method": "exact"},
        {"tree_method": "approx"},
        {"booster": "dart", "rate_drop": "0.5"},
        {"booster": "gblinear", "updater": "coord_descent"},
    ],
    ids=str,
)
def test_the_same_job_gives_the_same_bytes_with_any_number_of_threads(run, rows, given):
    content = {"train": rows.csv(rows.classes) * 20}
    models = {run({**LOGISTIC, **given, "nthread": threads}, content).model() for threads in ("1", "2", "3", "2")}
    assert len(models) == 1


def labels_for(objective: str, rows) -> np.ndarray:
    """What an objective can learn from."""
    if objective.startswith(("binary:", "rank:", "reg:logistic")):
        return rows.classes
    if objective.startswith("multi:"):
        return np.digitize(rows.values, [-1, 1])
    return np.floor(np.abs(rows.values)) + 1 if objective.startswith("count:") else np.abs(rows.values) + 0.1


def settings_for(objective: str) -> dict[str, str]:
    return {"num_round": "6", "objective": objective, **({"num_class": "3"} if objective.startswith("multi:") else {})}


def grouped(rows, labels: np.ndarray) -> bytes:
    """Rows in groups of ten, within which they are ranked."""
    lines = enumerate(rows.libsvm(labels).decode().splitlines())
    return "".join(line.replace(" ", f" qid:{number // 10} ", 1) + "\n" for number, line in lines).encode()


@pytest.mark.parametrize("objective", [name for name in OBJECTIVES if ":" in name])
def test_every_objective_learns(run, rows, objective):
    labels = labels_for(objective, rows)
    if objective.startswith("rank:"):
        done = run({**settings_for(objective), "min_child_weight": "0"}, {"train": grouped(rows, labels)}, "libsvm")
    else:
        done = run(settings_for(objective), {"train": rows.csv(labels)})
    assert done.status == 0, done.failure
    guessed = predictions(done.model(), rows.x)
    guessed = guessed.argmax(1) if guessed.ndim == 2 else guessed
    alike = np.corrcoef(guessed, labels)[0, 1]
    assert (
        -alike if objective == "survival:cox" else alike
    ) > 0.5  # cox predicts the risk, which is high where times are short


FITTING = {
    "aft-nloglik": "survival:aft", "interval-regression-accuracy": "survival:aft", "cox-nloglik": "survival:cox",
    "gamma-deviance": "reg:gamma", "gamma-nloglik": "reg:gamma", "poisson-nloglik": "count:poisson",
    "tweedie-nloglik": "reg:tweedie", "merror": "multi:softprob", "mlogloss": "multi:softprob", "mphe": "reg:pseudohubererror",
    "rmsle": "reg:squaredlogerror", "ndcg": "rank:ndcg", "map": "rank:map",
    **dict.fromkeys(["rmse", "mae", "mape", "mse", "r2"], "reg:squarederror"),
}  # fmt: skip
"""An objective for each metric; the others judge two classes."""


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_that_of_the_library_or_of_scikit_learn(run, rows, metric):
    objective = FITTING.get(metric, "binary:logistic")
    labels = labels_for(objective, rows)
    content = rows.csv(labels)
    given = {**settings_for(objective), "eval_metric": metric}
    done = run(given, {"train": content, "validation": content})
    assert done.status == 0, done.failure
    booster, _ = model_files.read(done.model())
    plain = xgboost.DMatrix(rows.x, label=labels)
    if metric in BY_LIBRARY:
        for bound in ("label_lower_bound", "label_upper_bound"):
            plain.set_float_info(bound, labels)
        booster.set_param({"eval_metric": "tweedie-nloglik@1.5" if metric == "tweedie-nloglik" else metric})
        expected = float(booster.eval(plain).split("\t")[-1].rpartition(":")[2])
    else:
        expected = compute(metric, labels, booster.predict(plain, output_margin=True))
    for channel in ("train", "validation"):
        published = SPEC.metric_definitions[f"{channel}:{metric}"].replace("#011", "\t")
        assert float(re.match(published, done.rounds[-1])[1]) == pytest.approx(expected, abs=2e-5)


def test_the_power_of_the_tweedie_metric_is_the_objectives(run, rows):
    given = {"num_round": "3", "objective": "reg:tweedie", "tweedie_variance_power": "1.2"}
    content = rows.csv(labels_for("reg:tweedie", rows))
    named = run({**given, "eval_metric": "rmse,tweedie-nloglik"}, {"train": content})
    by_default = run(given, {"train": content})
    values = [score(line, "train-tweedie-nloglik") for line in named.rounds]
    assert values == [score(line, "train-tweedie-nloglik@1.2") for line in by_default.rounds] and len(values) == 3


def test_times_of_survival_are_learned(run, rows):
    """Without censoring the model of accelerated failure time regresses the logarithm of the time."""
    times = np.exp(rows.values / 2)
    given = {
        "num_round": "30",
        "objective": "survival:aft",
        "aft_loss_distribution": "normal",
        "eval_metric": "aft-nloglik",
    }
    for scale in ("0.5", "1.5"):
        done = run({**given, "aft_loss_distribution_scale": scale}, {"train": rows.csv(times)})
        assert np.corrcoef(np.log(predictions(done.model(), rows.x)), rows.values)[0, 1] > 0.9
    other = run({**given, "aft_loss_distribution": "extreme"}, {"train": rows.csv(times)})
    assert other.model() != done.model()


@pytest.mark.parametrize("method", ["exact", "hist"])
@pytest.mark.parametrize("sign", [1, -1])
def test_monotone_constraints_hold(run, rows, method, sign):
    """The label goes the other way, so that trees without a constraint would break it."""
    given = {**SQUARED, "tree_method": method, "num_round": "20"}
    content = rows.csv(-sign * rows.values)
    steps = np.zeros((101, 4), np.float32)
    steps[:, 0] = np.linspace(-3, 3, 101)
    free = predictions(run(given, {"train": content}).model(), steps)
    held = predictions(run({**given, "monotone_constraints": f"({sign},0,0,0)"}, {"train": content}).model(), steps)
    assert (sign * np.diff(free) < 0).any()
    assert (sign * np.diff(held) >= 0).all()


@pytest.mark.parametrize("method", ["exact", "hist", "approx"])
def test_interaction_constraints_hold(run, rows, method):
    """Columns of different groups never stand on one path from the root to a leaf."""
    given = {**SQUARED, "tree_method": method, "interaction_constraints": "[[0,1],[2,3]]"}
    trees = xgboost_trees(run(given, {"train": rows.csv(rows.values)}).model())
    paths = [path for tree in trees for path in paths_of(tree)]
    assert {frozenset(path) <= {0, 1} or frozenset(path) <= {2, 3} for path in paths} == {True}
    free = xgboost_trees(run({**SQUARED, "tree_method": method}, {"train": rows.csv(rows.values)}).model())
    assert any(frozenset(path) & {0, 1} and frozenset(path) & {2, 3} for tree in free for path in paths_of(tree))


def xgboost_trees(content: bytes) -> list[dict]:
    return document(content)["model"]["trees"]


def paths_of(tree: dict, node: int = 0, passed: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """The columns between the root and each leaf."""
    if tree["left_children"][node] == -1:
        return [passed]
    passed = (*passed, tree["split_indices"][node])
    return [
        path
        for child in (tree["left_children"][node], tree["right_children"][node])
        for path in paths_of(tree, child, passed)
    ]


def test_dart_drops_trees_and_a_linear_booster_has_none(run, rows):
    content = {"train": rows.csv(rows.values)}
    dart = document(run({**SQUARED, "booster": "dart", "rate_drop": "0.5", "one_drop": "1"}, content).model())
    assert dart["name"] == "dart" and min(dart["weight_drop"]) < 1
    linear = run({**SQUARED, "booster": "gblinear", "num_round": "50"}, content)
    found = document(linear.model())
    assert found["name"] == "gblinear"
    weights = np.array(found["model"]["weights"])[:2]
    np.testing.assert_allclose(weights, [2, -1], atol=0.4)


def test_trees_are_updated_from_checkpoints(run, rows, tmp_path):
    """process_type=update changes the leaves of the trees there are to what other rows say."""
    given = {**SQUARED, "num_round": "4"}
    first = run(given, {"train": rows.csv(rows.values)}, checkpoints=tmp_path)
    update = {**given, "num_round": "8", "process_type": "update", "updater": "refresh"}
    updated = run(update, {"train": rows.csv(rows.values + 100)}, checkpoints=tmp_path)
    assert updated.status == 0, updated.failure
    before, after = (xgboost_trees(done.model()) for done in (first, updated))
    assert [tree["split_indices"] for tree in before] == [tree["split_indices"] for tree in after]
    assert predictions(updated.model(), rows.x).mean() > predictions(first.model(), rows.x).mean() + 50
    nothing_to_update = run(update, {"train": rows.csv(rows.values)})
    assert nothing_to_update.status == 1 and "No more tree left for updating" in nothing_to_update.failure


@pytest.mark.parametrize(
    "given",
    [
        {"tree_method": "approx"},
        {"grow_policy": "lossguide", "tree_method": "hist", "max_leaves": "4"},
        {"num_parallel_tree": "3", "subsample": "0.5"},
        {
            "booster": "dart",
            "rate_drop": "0.3",
            "sample_type": "weighted",
            "normalize_type": "forest",
            "skip_drop": "0.2",
        },
        {"booster": "gblinear", "updater": "shotgun", "lambda_bias": "0.5"},
        {"updater": "grow_colmaker,prune"},
        {"max_delta_step": "0.5", "scale_pos_weight": "2", "base_score": "0.3"},
    ],
    ids=str,
)
def test_everything_a_job_can_ask_for_trains(run, rows, given):
    done = run({**SQUARED, **given}, {"train": rows.csv(rows.values)}, tag="1.7-1" if "lambda_bias" in given else "")
    assert done.status == 0, done.failure
    assert np.isfinite(predictions(done.model(), rows.x)).all()
