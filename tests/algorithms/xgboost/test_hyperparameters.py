"""The validator's texts, in its order, and what changed with the version."""

import re
from pathlib import Path

import pytest

pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost import hyperparameters
from wildsage.algorithms.xgboost.spec import METRICS
from wildsage.algorithms.xgboost.versions import NEWEST, OLDEST, Version

V12 = Version(1, 2, 2)
V15 = Version(1, 5)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "Missing required hyperparameter: num_round"),
        ({"num_round": "1", "nope": "1"}, "Extraneous hyperparameter found: nope"),
        ({"num_round": "1", "silent": "1"}, "Extraneous hyperparameter found: silent"),
        ({"num_round": "x"}, "Hyperparameter num_round: could not parse value (caused by ValueError)"),
        ({"num_round": "5.0"}, "Hyperparameter num_round: could not parse value (caused by ValueError)"),
        ({"num_round": "0"}, "Hyperparameter num_round: 0 is not in [1, +inf)"),
        ({"num_round": "1", "eta": "2"}, "Hyperparameter eta: 2.0 is not in [0, 1]"),
        ({"num_round": "1", "subsample": "0"}, "Hyperparameter subsample: 0.0 is not in (0, 1]"),
        ({"num_round": "1", "booster": "x"}, "Hyperparameter booster: x is not in ['gbtree', 'gblinear', 'dart']"),
        ({"num_round": "1", "eval_metric": "rmse, mae"}, "Hyperparameter eval_metric: value ['rmse', ' mae'] not in range"),
        ({"num_round": "1", "eval_metric": "rmse@1"}, "Metric 'rmse@1' is not supported. Parameter 'eval_metric' with customized "),
        ({"num_round": "1", "eval_metric": "error@x"}, "Threshold value 't' in 'error@t' expects float input."),
        ({"num_round": "1", "eval_metric": "<function f>"}, "User defined evaluation metric <function f> is not supported yet."),
        ({"num_round": "1", "objective": "multi:softmax"}, "Require input for parameter 'num_class' for multi-classification"),
        ({"num_round": "1", "eval_metric": "auc", "objective": "multi:softmax", "num_class": "3"}, "Metric 'auc' can only be"),
        ({"num_round": "1", "eval_metric": "auc"}, "Metric 'auc' can only be applied for classification and ranking problems."),
        ({"num_round": "1", "eval_metric": "aft-nloglik"}, "Metric 'aft-nloglik' can only be applied for 'survival:aft' objective."),
        ({"num_round": "1", "monotone_constraints": "(1,0)"}, "monotone_constraints can be used only when the tree_method"),
        ({"num_round": "1", "monotone_constraints": "(2,)", "tree_method": "hist"}, "Hyperparameter monotone_constraints: value (2,) not"),
        ({"num_round": "1", "monotone_constraints": "__import__('os')"}, "Hyperparameter monotone_constraints: could not parse"),
        ({"num_round": "1", "interaction_constraints": "[[0,1]]"}, "interaction_constraints can be used only when the tree_method"),
        ({"num_round": "1", "interaction_constraints": "[0]", "tree_method": "hist"}, "Hyperparameter interaction_constraints: could not"),
        ({"num_round": "1", "process_type": "update", "updater": "grow_colmaker"}, "process_type 'update' can only be used with"),
        ({"num_round": "1", "booster": "gblinear", "updater": "prune"}, "Linear updater should be one of these options: 'shotgun', "),
        ({"num_round": "1", "updater": "grow_colmaker,distcol"}, "Only one tree grow plugin can be selected."),
        ({"num_round": "1", "_tuning_objective_metric": "validation:auc"}, "Metric 'auc' can only be applied for classification"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_the_validators_words(given, text):
    with pytest.raises(UserError) as raised:
        hyperparameters.parse(given, V15)
    assert str(raised.value).startswith(text)


def test_the_first_error_in_the_validators_order_wins():
    with pytest.raises(UserError, match="Extraneous hyperparameter found: nope"):
        hyperparameters.parse({"num_round": "x", "nope": "1", "eta": "7"}, NEWEST)


def test_values_are_read():
    given = {
        "num_round": "5", "learning_rate": "0.2", "reg_alpha": "1", "monotone_constraints": "(1,0,-1)", "tree_method": "hist",
        "interaction_constraints": "[[0, 1], [2]]", "eval_metric": "error@0.7,auc", "objective": "binary:logistic",
        "sagemaker_estimator_module": '"sagemaker.estimator"',
    }  # fmt: skip
    assert hyperparameters.parse(given, NEWEST) == {
        "num_round": 5, "eta": 0.2, "alpha": 1.0, "monotone_constraints": (1, 0, -1), "tree_method": "hist",
        "interaction_constraints": [[0, 1], [2]], "eval_metric": ["error@0.7", "auc"], "objective": "binary:logistic",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("version", "name", "value", "known"),
    [
        (OLDEST, "silent", "1", True),
        (Version(1, 0), "silent", "1", True),
        (V12, "silent", "1", False),
        (Version(0, 90, 1), "learning_rate", "0.1", False),
        (Version(0, 90, 2), "learning_rate", "0.1", True),
        (Version(0, 90, 2), "save_model_on_termination", "true", False),
        (Version(1, 2, 1), "_nfold", "3", True),
        (Version(1, 2, 1), "_kfold", "3", False),
        (V12, "_kfold", "3", True),
        (Version(1, 3), "sampling_method", "uniform", True),
        (V12, "sampling_method", "uniform", False),
        (V15, "single_precision_histogram", "true", True),
        (Version(1, 7), "single_precision_histogram", "true", False),
        (NEWEST, "device", "cpu", True),
        (Version(3, 0, 5), "device", "cpu", False),
    ],
)
def test_names_come_and_go_with_the_version(version, name, value, known):
    given = {"num_round": "1", name: value}
    if known:
        assert hyperparameters.parse(given, version)["num_round"] == 1
    else:
        with pytest.raises(UserError, match=f"Extraneous hyperparameter found: {name}"):
            hyperparameters.parse(given, version)


def test_every_value_that_no_job_could_have_is_named_at_once():
    with pytest.raises(UserError) as raised:
        hyperparameters.check([("eta", "7"), ("max_depth", "x"), ("nope", "1"), ("num_round", "5")])
    lines = str(raised.value).splitlines()
    assert len(lines) == 3 and lines[0] == "Hyperparameter eta: 7.0 is not in [0, 1]"


@pytest.mark.parametrize(
    ("name", "value", "since"),
    [("objective", value, since) for value, since in hyperparameters.SINCE.items() if ":" in value]
    + [("eval_metric", value, since) for value, since in hyperparameters.SINCE.items() if ":" not in value]
    + [("_tuning_objective_metric", "validation:mape", Version(1, 3))],
)
def test_objectives_and_metrics_come_with_the_version(name, value, since):
    given = {
        "num_round": "1",
        "objective": "survival:aft" if value == "aft-nloglik" else "reg:squarederror",
        name: value,
    }
    assert hyperparameters.parse(given, since)
    before = (
        Version(since.major, since.minor, since.build - 1) if since.build > 1 else Version(since.major, since.minor - 1)
    )
    with pytest.raises(UserError) as raised:
        hyperparameters.parse(
            {**given, "objective": value} if name == "objective" else {**given, "objective": "reg:linear"}, before
        )
    assert re.match(rf"Hyperparameter {name}: (value .* not in range|\S+ is not in) \[.*\]", str(raised.value))
    assert f"'{value}'" not in str(raised.value).rpartition("[")[2]


def test_everything_else_is_as_old_as_the_first_version():
    for value in (*METRICS, *hyperparameters.OBJECTIVES):
        name = "objective" if value in hyperparameters.OBJECTIVES else "eval_metric"
        given = {"num_round": "1", "num_class": "3", "objective": "binary:logistic", name: value}
        if value not in hyperparameters.SINCE:
            assert hyperparameters.parse(given, OLDEST)


def test_a_list_that_is_nested_too_deep_is_rejected():
    with pytest.raises(UserError, match="Hyperparameter interaction_constraints: could not parse value"):
        hyperparameters.check([("interaction_constraints", "[" * 2500)])


README = Path(hyperparameters.__file__).with_name("README.md")


def test_the_page_shows_the_table():
    assert hyperparameters.table() in README.read_text()


NOT_BELOW_0 = (
    "alpha", "aft_loss_distribution_scale", "base_score", "gamma", "lambda", "max_delta_step", "min_child_weight",
)  # fmt: skip
SHARES = ("colsample_bylevel", "colsample_bynode", "colsample_bytree", "subsample")
BETWEEN_0_AND_1 = ("eta", "lambda_bias", "rate_drop", "skip_drop")
EDGES = {
    **dict.fromkeys(NOT_BELOW_0, (["0", "1e9"], ["-0.001"])),
    **dict.fromkeys(SHARES, (["1e-6", "1"], ["0", "1.001"])),
    **dict.fromkeys(BETWEEN_0_AND_1, (["0", "1"], ["-0.001", "1.001"])),
    **dict.fromkeys(("max_bin", "max_depth", "max_leaves"), (["0", "900"], ["-1"])),
    **dict.fromkeys(("early_stopping_rounds", "nthread", "num_parallel_tree", "num_round", "_num_cv_round"), (["1"], ["0"])),
    **dict.fromkeys(("_kfold", "num_class", "prob_buffer_row"), (["2", "900"], ["1"])),
    **dict.fromkeys(("csv_weights", "one_drop", "refresh_leaf"), (["0", "1"], ["-1", "2"])),
    "sketch_eps": (["0.001", "0.999"], ["0", "1"]),
    "scale_pos_weight": (["0.001", "900"], ["0", "-1"]),
    "seed": (["-2147483647", "2147483646"], ["-2147483648", "2147483647"]),
    "tweedie_variance_power": (["1.001", "1.999"], ["1", "2"]),
    "verbosity": (["0", "3"], ["-1", "4"]),
}  # fmt: skip
"""The last values that the original's validator takes, and the first that it rejects."""


@pytest.mark.parametrize("name", EDGES)
def test_the_last_valid_value_is_taken_and_the_first_beyond_it_rejected(name):
    valid, invalid = EDGES[name]
    for value in valid:
        hyperparameters.parse({"num_round": "1", name: value}, NEWEST)
    for value in invalid:
        with pytest.raises(UserError, match=rf"Hyperparameter {name}: \S+ is not in [\[(]"):
            hyperparameters.parse({"num_round": "1", name: value}, NEWEST)


@pytest.mark.parametrize("name", ["rank:map", "binary:hinge"])
def test_the_auc_judges_classes_and_ranks(name):
    assert hyperparameters.parse({"num_round": "1", "objective": name, "eval_metric": "auc"}, NEWEST)


@pytest.mark.parametrize(
    "given",
    [
        {"updater": "refresh,prune", "process_type": "update"},
        {"updater": "refresh", "process_type": "update"},
        {"updater": "coord_descent", "booster": "gblinear"},
        {"updater": "grow_colmaker,prune"},
        {"updater": "grow_histmaker,refresh", "process_type": "default"},
        {"interaction_constraints": "[]", "tree_method": "approx"},
        {"interaction_constraints": "[[0],[]]", "tree_method": "exact"},
        {"monotone_constraints": " ( 1 , -1 , ) ", "tree_method": "exact"},
        {"eval_metric": "error@0.7,ndcg@3,map @2"},
        {"objective": "multi:softmax", "num_class": "2", "eval_metric": "merror"},
    ],
    ids=str,
)
def test_what_goes_together_is_taken(given):
    assert hyperparameters.parse({"num_round": "1", **given}, V15)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"updater": "coord_descent,shotgun", "booster": "gblinear"}, "Linear updater should be one of these options: 'shotgun'"),
        ({"updater": "shotgun"}, "Tree updater should be selected from these options: 'grow_colmaker', "),
        ({"updater": "prune,coord_descent"}, "Tree updater should be selected from these options: 'grow_colmaker', "),
        ({"updater": "nothing"}, "Hyperparameter updater: value ['nothing'] not in range ['grow_colmaker', "),
        ({"monotone_constraints": "(1,)", "tree_method": "approx"}, "monotone_constraints can be used only when"),
        ({"monotone_constraints": "()", "tree_method": "hist"}, "Hyperparameter monotone_constraints: could not parse value"),
        ({"monotone_constraints": "(0,-2)", "tree_method": "hist"}, "Hyperparameter monotone_constraints: value (0, -2) not in range [-1, 0, 1]"),
        ({"interaction_constraints": "[[0,-1]]", "tree_method": "hist"}, "Hyperparameter interaction_constraints: value [[0, -1]] not in range [0, +inf)"),
        ({"interaction_constraints": "[[true]]", "tree_method": "hist"}, "Hyperparameter interaction_constraints: could not parse value"),
        ({"interaction_constraints": "{}", "tree_method": "hist"}, "Hyperparameter interaction_constraints: could not parse value"),
        ({"interaction_constraints": "[[0]]", "tree_method": "gpu_hist"}, "interaction_constraints can be used only when"),
        ({"eval_metric": "error@0.7,nope"}, "Hyperparameter eval_metric: value ['error@0.7', 'nope'] not in range ['accuracy', "),
        ({"eval_metric": "map@1,rmse@1"}, "Metric 'rmse@1' is not supported."),
        ({"eval_metric": "aft-nloglik", "objective": "survival:cox"}, "Metric 'aft-nloglik' can only be applied"),
        ({"_tuning_objective_metric": "validation:none"}, "Hyperparameter _tuning_objective_metric: validation:none is not in ['validation:accuracy', "),
        ({"eta": "x" * 100}, f"Hyperparameter eta: could not parse value (caused by ValueError): got '{'x' * 80}', expected a number in [0, 1]. "),
        ({"max_dept": "3"}, "Extraneous hyperparameter found: max_dept. Did you mean max_depth?"),
        ({"zzz": "3"}, "Extraneous hyperparameter found: zzz"),
        ({"silent": "1"}, "Extraneous hyperparameter found: silent. Versions 0.72 to 1.0-1 have it"),
        ({"device": "cpu"}, "Extraneous hyperparameter found: device. It came with 3.2-0"),
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_go_together_is_said_in_the_validators_words(given, text):
    with pytest.raises(UserError) as raised:
        hyperparameters.parse({"num_round": "1", **given}, V15)
    assert str(raised.value).startswith(text)
    assert text != "Extraneous hyperparameter found: zzz" or str(raised.value) == text


def test_a_linear_booster_needs_no_updater():
    assert "updater" not in hyperparameters.parse({"num_round": "1", "booster": "gblinear"}, NEWEST)


def test_a_check_without_a_version_takes_aliases_and_leaves_to_the_job_what_needs_others():
    sent = [("sagemaker_estimator_module", "m"), ("sagemaker_estimator_class_name", "c")]
    hyperparameters.check(
        [*sent, ("learning_rate", "0.5"), ("objective", "multi:softmax"), ("silent", "1"), ("eval_metric", "auc")]
    )
    with pytest.raises(UserError) as raised:
        hyperparameters.check([("learning_rate", "2"), ("eta", "2"), ("max_dept", "1"), ("device", "tpu")])
    assert str(raised.value).splitlines() == [
        "Hyperparameter eta: 2.0 is not in [0, 1]",
        "Extraneous hyperparameter found: max_dept. Did you mean max_depth?",
        "Hyperparameter device: tpu is not in ['cpu', 'cuda']",
    ]
