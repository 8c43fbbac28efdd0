"""The hyperparameters of the original, declared once: names, what is valid, since when, and the texts of its validator.

Aliases are replaced first; then come required names, unknown names, parsing, ranges and dependencies, and the first error wins
[contract: xgboost, Hyperparameters]. After the original's words a message says what was given or what to do.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wildsage.algorithms.base import json_text
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost.spec import METRICS
from wildsage.algorithms.xgboost.versions import NEWEST, OLDEST, Version

Values = dict[str, Any]

ALIASES = {"learning_rate": "eta", "min_split_loss": "gamma", "reg_lambda": "lambda", "reg_alpha": "alpha"}
ALIASES_SINCE = Version(0, 90, 2)
SENT_BY_THE_SDK = ("sagemaker_estimator_module", "sagemaker_estimator_class_name")
THRESHOLD_METRICS = ("error", "ndcg", "map")
OBJECTIVES = (
    "aft_loss_distribution", "binary:logistic", "binary:logitraw", "binary:hinge", "count:poisson", "multi:softmax",
    "multi:softprob", "rank:pairwise", "rank:ndcg", "rank:map",
    "reg:linear", "reg:squarederror", "reg:logistic", "reg:gamma", "reg:pseudohubererror",
    "reg:squaredlogerror", "reg:absoluteerror", "reg:tweedie", "survival:aft", "survival:cox",
)  # fmt: skip
SINCE = {
    "rmsle": Version(1, 0), "reg:squaredlogerror": Version(1, 0), "survival:aft": Version(1, 2), "aft-nloglik": Version(1, 2),
    "interval-regression-accuracy": Version(1, 2), "f1_binary": Version(1, 2, 2), "f1_macro": Version(1, 2, 2),
    "balanced_accuracy": Version(1, 3), "mape": Version(1, 3), "precision": Version(1, 3), "precision_macro": Version(1, 3),
    "precision_micro": Version(1, 3), "recall": Version(1, 3), "recall_macro": Version(1, 3), "recall_micro": Version(1, 3),
    "reg:absoluteerror": Version(1, 7),
}  # fmt: skip
"""Objectives and metrics that came later than 0.72."""

TREE_GROWERS = ("grow_colmaker", "distcol", "grow_histmaker", "grow_local_histmaker", "grow_quantile_histmaker")
TREE_UPDATERS = (*TREE_GROWERS, "grow_skmaker", "sync", "refresh", "prune")
LINEAR_UPDATERS = ("shotgun", "coord_descent")
TUPLE = re.compile(r"\s*\(\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*,?\s*\)\s*")


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`; an open end does not belong to it."""

    low: float
    high: float | None = None
    open_low: bool = False
    open_high: bool = False

    def __str__(self) -> str:
        low = f"{'(' if self.open_low else '['}{self.low}"
        return f"{low}, +inf)" if self.high is None else f"{low}, {self.high}{')' if self.open_high else ']'}"

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        high = math.inf if self.high is None else self.high
        return above and (value < high if self.open_high else value <= high)


@dataclass(frozen=True)
class Parameter:
    """One hyperparameter. `default` and `doc` are for readers: what is absent is left to the library."""

    name: str
    parse: Callable[[str], Any]
    kind: str
    valid: Interval | Sequence[Any] | None
    default: str
    doc: str
    tunable: tuple[float, float] | None = None
    since: Version = OLDEST
    until: Version = NEWEST

    def check(self, value: Any) -> None:
        """Raise UserError in the validator's words for a value outside its range."""
        if self.valid is None or self.name == "eval_metric":
            return
        valid = self.valid if isinstance(self.valid, Interval) else list(self.valid)
        if not isinstance(value, (list, tuple)):
            if value not in self.valid:
                raise UserError(f"Hyperparameter {self.name}: {value} is not in {valid}")
        elif any(one not in self.valid for one in _flat(value)):
            raise UserError(f"Hyperparameter {self.name}: value {value} not in range {valid}")

    def at(self, version: Version) -> Parameter:
        """The same without the values that `version` does not have yet."""
        if not isinstance(self.valid, Sequence):
            return self
        return replace(self, valid=tuple(value for value in self.valid if _since(value) <= version))

    @property
    def expected(self) -> str:
        """What is valid, for a reader of the table."""
        if isinstance(self.valid, Interval):
            return f"{self.kind} in {self.valid}"
        return (
            self.kind
            if self.valid is None or self.name == "eval_metric"
            else f"{self.kind} of {', '.join(map(str, self.valid))}"
        )


def _since(value: object) -> Version:
    return SINCE.get(str(value).removeprefix("validation:"), OLDEST)


def _flat(value: Sequence[Any]) -> Iterable[Any]:
    return (one for each in value for one in (each if isinstance(each, list) else [each]))


def _words(text: str) -> list[str]:
    return text.split(",")


def _tuple(text: str) -> tuple[int, ...]:
    """A Python tuple of integers such as `(0,1)`, read without running it."""
    match = TUPLE.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is not a tuple of integers")
    return tuple(int(one) for one in match[1].split(","))


def _nested(text: str) -> list[list[int]]:
    found = json_text.parse(text)
    if not isinstance(found, list) or not all(
        isinstance(each, list) and all(type(one) is int for one in each) for each in found
    ):
        raise ValueError(f"{text!r} is not a list of lists of integers")
    return found


def _whole(name: str, low: int, default: str, doc: str, high: int | None = None, **more: Any) -> Parameter:
    return Parameter(name, int, "an integer", Interval(low, high), default, doc, **more)


def _real(name: str, valid: Interval, default: str, doc: str, **more: Any) -> Parameter:
    return Parameter(name, float, "a number", valid, default, doc, **more)


def _one(name: str, valid: Sequence[str], default: str, doc: str, **more: Any) -> Parameter:
    return Parameter(name, str, "one", valid, default, doc, **more)


NOT_NEGATIVE, SHARE, UNIT = Interval(0), Interval(0, 1, open_low=True), Interval(0, 1)
TRUTH = ("true", "false")
DECLARED = (
    _whole("num_round", 1, "required", "Rounds of boosting.", tunable=(1, 4000)),
    _one("objective", OBJECTIVES, "reg:squarederror", "What is learned."),
    _whole("num_class", 2, "none", "Classes of multi:softmax and multi:softprob."),
    Parameter("eval_metric", _words, "metrics with commas between them", METRICS, "by objective",
              "What is logged after each round; error, ndcg and map may have a threshold, as in `error@0.7`."),
    _one("booster", ("gbtree", "gblinear", "dart"), "gbtree", "Trees, a linear model, or trees with dropout."),
    _real("eta", UNIT, "0.3", "Shrinkage of each step; `learning_rate` is the same.", tunable=(0.1, 0.5)),
    _real("gamma", NOT_NEGATIVE, "0", "Gain that a split must have; `min_split_loss` is the same.", tunable=(0, 5)),
    _whole("max_depth", 0, "6", "Depth of a tree.", tunable=(0, 10)),
    _real("min_child_weight", NOT_NEGATIVE, "1", "Weight that a child must have.", tunable=(0, 120)),
    _real("max_delta_step", NOT_NEGATIVE, "0", "Largest step of a leaf; 0 sets no limit.", tunable=(0, 10)),
    _real("subsample", SHARE, "1", "Share of the rows for each tree.", tunable=(0.5, 1)),
    _real("colsample_bytree", SHARE, "1", "Share of the columns for each tree.", tunable=(0.5, 1)),
    _real("colsample_bylevel", SHARE, "1", "Share of the columns for each level.", tunable=(0.1, 1)),
    _real("colsample_bynode", SHARE, "1", "Share of the columns for each node.", tunable=(0.1, 1)),
    _real("lambda", NOT_NEGATIVE, "1", "L2 penalty of weights; `reg_lambda` is the same.", tunable=(0, 1000)),
    _real("alpha", NOT_NEGATIVE, "0", "L1 penalty of weights; `reg_alpha` is the same.", tunable=(0, 1000)),
    _one("tree_method", ("auto", "exact", "approx", "hist", "gpu_hist"), "auto", "How splits are found."),
    _real("sketch_eps", Interval(0, 1, True, True), "0.03", "Accuracy of approx up to XGBoost 1.5."),
    _real("scale_pos_weight", Interval(0, open_low=True), "1", "Weight of positive rows."),
    _real("base_score", NOT_NEGATIVE, "0.5; from 3.0-5 on estimated from the labels", "Prediction before the first round."),
    _whole("early_stopping_rounds", 1, "off", "Rounds without improvement that end training."),
    _whole("csv_weights", 0, "0", "Whether column 1 of CSV is the row's weight.", 1),
    _whole("seed", -(2**31) + 1, "0", "Where randomness begins.", 2**31 - 2),
    _whole("nthread", 1, "all cores", "Threads."),
    _whole("verbosity", 0, "1", "How much the library says.", 3),
    _whole("silent", 0, "0", "Whether the library says nothing.", 1, until=Version(1, 0)),
    Parameter("updater", _words, "updaters with commas between them",
              (*TREE_UPDATERS, *LINEAR_UPDATERS), "by tree_method", "Steps that build and change trees."),
    _one("dsplit", ("row", "col"), "none", "Unused since XGBoost 1.0."),
    _whole("refresh_leaf", 0, "1", "Whether refresh changes leaves, or statistics alone.", 1),
    _one("process_type", ("default", "update"), "default", "Whether trees are made or updated."),
    _one("grow_policy", ("depthwise", "lossguide"), "depthwise", "Which node is split next."),
    _whole("max_leaves", 0, "0", "Leaves of a tree; 0 sets no limit."),
    _whole("max_bin", 0, "256", "Bins of hist."),
    _one("predictor", ("auto", "cpu_predictor", "gpu_predictor"), "auto", "Unused since XGBoost 2.0."),
    Parameter("monotone_constraints", _tuple, "a tuple", (-1, 0, 1), "none",
              "Direction of each column, such as `(1,0,-1)`; with tree_method exact or hist.", since=Version(1, 0)),
    Parameter("interaction_constraints", _nested, "a list of lists of columns", NOT_NEGATIVE, "none",
              "Columns that may stand in one branch, such as `[[0,1],[2]]`; with tree_method exact, hist or approx.",
              since=Version(1, 0)),
    _one("sample_type", ("uniform", "weighted"), "uniform", "How dart drops trees."),
    _one("normalize_type", ("tree", "forest"), "tree", "How dart weighs trees."),
    _real("rate_drop", UNIT, "0.0", "Share of trees that dart drops."),
    _whole("one_drop", 0, "0", "Whether dart always drops a tree.", 1),
    _real("skip_drop", UNIT, "0.0", "How often dart drops none."),
    _real("lambda_bias", UNIT, "0", "L2 penalty of the bias of gblinear."),
    _real("tweedie_variance_power", Interval(1, 2, True, True), "1.5", "Of reg:tweedie."),
    _whole("num_parallel_tree", 1, "1", "Trees of a round.", since=Version(0, 90, 2)),
    _one("save_model_on_termination", TRUTH, "false", "Whether a stopped job leaves the model so far.", since=Version(1, 0)),
    _one("aft_loss_distribution", ("normal", "logistic", "extreme"), "normal", "Of survival:aft.", since=Version(1, 2)),
    _real("aft_loss_distribution_scale", NOT_NEGATIVE, "1", "Of survival:aft.", since=Version(1, 2)),
    _one("deterministic_histogram", TRUTH, "true", "Of gpu_hist.", since=Version(1, 2)),
    _one("sampling_method", ("uniform", "gradient_based"), "uniform", "How subsample draws.", since=Version(1, 3)),
    _whole("prob_buffer_row", 2, "1", "Unused since XGBoost 1.0.", since=Version(1, 3)),
    _one("single_precision_histogram", TRUTH, "false", "Of hist.", until=Version(1, 5)),
    _one("use_dask_gpu_training", TRUTH, "false", "Several GPUs of one host; not here.", since=Version(1, 5)),
    _one("device", ("cpu", "cuda"), "cpu", "Where to compute.", since=Version(3, 2, 0)),
    _whole("_kfold", 2, "off", "Folds of cross-validation.", since=Version(1, 2, 2)),
    _whole("_num_cv_round", 1, "1", "How often cross-validation is repeated.", since=Version(1, 2, 2)),
    _whole("_nfold", 2, "off", "As `_kfold`.", since=Version(1, 2), until=Version(1, 2, 1)),
    _one("_tuning_objective_metric", tuple(f"validation:{name}" for name in METRICS), "none", "Set by tuning jobs."),
)  # fmt: skip
BY_NAME = {one.name: one for one in DECLARED}


def table() -> str:
    """All of them as a Markdown table."""
    lines = ["| name | valid | default | tunable | since | meaning |", "|---|---|---|---|---|---|"]
    for one in DECLARED:
        tunable = "" if one.tunable is None else ", ".join(map(str, one.tunable))
        since = "" if one.since == OLDEST else str(one.since)
        until = "" if one.until == NEWEST else f" to {one.until}"
        lines.append(f"| `{one.name}` | {one.expected} | {one.default} | {tunable} | {since}{until} | {one.doc} |")
    return "\n".join(lines)


def parse(given: Mapping[str, str], version: Version) -> Values:
    """Read and check the hyperparameters of a job. Raises UserError with the validator's text for the first that is wrong."""
    named = {_canonical(name, version): value for name, value in given.items() if name not in SENT_BY_THE_SDK}
    if "num_round" not in named:
        raise UserError("Missing required hyperparameter: num_round")
    known = _known(version)
    for name in named:
        if name not in known:
            raise UserError(f"Extraneous hyperparameter found: {name}{_advice(name, known)}")
    values = {name: _parsed(known[name], text) for name, text in named.items()}
    for name, value in values.items():
        known[name].check(value)
    _check_metrics(values.get("eval_metric", ()), known["eval_metric"])
    _check_together(values)
    return values


def check(given: Iterable[tuple[str, str]]) -> None:
    """Raise UserError naming every value that could not stand in a job of any version."""
    problems: dict[str, None] = {}
    for alias, text in given:
        name = ALIASES.get(alias, alias)
        try:
            if name in SENT_BY_THE_SDK:
                continue
            if name not in BY_NAME:
                raise UserError(f"Extraneous hyperparameter found: {name}{_advice(name, BY_NAME)}")
            BY_NAME[name].check(_parsed(BY_NAME[name], text))
        except UserError as error:
            problems[str(error)] = None
    if problems:
        raise UserError("\n".join(problems))


def _canonical(name: str, version: Version) -> str:
    return ALIASES.get(name, name) if version >= ALIASES_SINCE else name


def _known(version: Version) -> dict[str, Parameter]:
    return {
        one.name: one.at(version)
        for one in DECLARED
        if one.since <= version and (version <= one.until or one.until == NEWEST)
    }


def _advice(name: str, known: Iterable[str]) -> str:
    if name in BY_NAME:
        other = BY_NAME[name]
        return (
            f". Versions {other.since} to {other.until} have it"
            if other.until != NEWEST
            else f". It came with {other.since}"
        )
    near = difflib.get_close_matches(name, list(known), n=1)
    return f". Did you mean {near[0]}?" if near else ""


def _parsed(declared: Parameter, text: str) -> Any:
    try:
        return declared.parse(str(text))
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"Hyperparameter {declared.name}: could not parse value (caused by ValueError): got {str(text)[:80]!r}, "
            f"expected {declared.expected}. {error}"
        ) from None


def _check_metrics(names: Sequence[str], declared: Parameter) -> None:
    valid = declared.valid
    assert isinstance(valid, Sequence)
    for metric in names:
        name, at, threshold = metric.partition("@")
        if "<function" in metric:
            raise UserError(f"User defined evaluation metric {metric} is not supported yet.")
        if not at:
            if metric not in valid:
                raise UserError(f"Hyperparameter eval_metric: value {list(names)} not in range {list(valid)}")
            continue
        if name.strip() not in THRESHOLD_METRICS:
            raise UserError(
                f"Metric '{metric}' is not supported. Parameter 'eval_metric' with customized threshold should be one of these "
                "options: 'error', 'ndcg', 'map'."
            )
        try:
            float(threshold)
        except ValueError:
            raise UserError(f"Threshold value 't' in '{name.strip()}@t' expects float input.") from None


def _check_together(values: Values) -> None:
    """What depends on another hyperparameter."""
    objective, tree_method = values.get("objective", ""), values.get("tree_method")
    if objective in ("multi:softmax", "multi:softprob") and "num_class" not in values:
        raise UserError("Require input for parameter 'num_class' for multi-classification")
    metrics = [*values.get("eval_metric", ()), values.get("_tuning_objective_metric", "").removeprefix("validation:")]
    if "auc" in metrics and not objective.startswith(("binary:", "rank:")):
        raise UserError("Metric 'auc' can only be applied for classification and ranking problems.")
    if "aft-nloglik" in metrics and objective != "survival:aft":
        raise UserError("Metric 'aft-nloglik' can only be applied for 'survival:aft' objective.")
    if "monotone_constraints" in values and tree_method not in ("exact", "hist"):
        raise UserError(
            "monotone_constraints can be used only when the tree_method parameter is set to either 'exact' or 'hist'."
        )
    if "interaction_constraints" in values and tree_method not in ("exact", "hist", "approx"):
        raise UserError(
            "interaction_constraints can be used only when the tree_method parameter is set to either 'exact', 'hist' or "
            "'approx'."
        )
    _check_updater(values)


def _check_updater(values: Values) -> None:
    updaters = values.get("updater", ())
    if not updaters:
        return
    if values.get("booster") == "gblinear":
        if len(updaters) != 1 or updaters[0] not in LINEAR_UPDATERS:
            raise UserError(f"Linear updater should be one of these options: {', '.join(map(repr, LINEAR_UPDATERS))}.")
    elif values.get("process_type") == "update":
        if not set(updaters) <= {"refresh", "prune"}:
            raise UserError("process_type 'update' can only be used with updater 'refresh' and 'prune'")
    elif not set(updaters) <= set(TREE_UPDATERS):
        raise UserError(f"Tree updater should be selected from these options: {', '.join(map(repr, TREE_UPDATERS))}.")
    elif len(set(updaters) & set(TREE_GROWERS)) > 1:
        raise UserError(
            f"Only one tree grow plugin can be selected. Choose one from the following: {', '.join(map(repr, TREE_GROWERS))}"
        )
