"""What containers and the local AWS need to know of XGBoost."""

from __future__ import annotations

from wildsage.algorithms.base.spec import Channel, Response, Spec

METRICS = (
    "accuracy", "auc", "aucpr", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "map", "ndcg", "precision", "precision_macro",
    "precision_micro", "r2", "recall", "recall_macro", "recall_micro", "aft-nloglik", "cox-nloglik", "error", "gamma-deviance",
    "gamma-nloglik", "interval-regression-accuracy", "logloss", "mae", "mape", "merror", "mlogloss", "mphe", "mse",
    "poisson-nloglik", "rmse", "rmsle", "tweedie-nloglik",
)  # fmt: skip
SHOWN_FIRST = (
    "rmse", "mae", "mse", "rmsle", "r2", "logloss", "error", "auc", "aucpr", "mlogloss", "merror", "accuracy", "balanced_accuracy",
    "f1", "precision", "recall", "map", "ndcg", "mape", "poisson-nloglik",
)  # fmt: skip
"""The metrics that are used most. A description of a job has room for the definitions of twenty."""
NUMBER = r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?"


def _regex(channel: str, metric: str) -> str:
    """The definition that DescribeTrainingJob shows; CloudWatch shows a TAB as #011 [contract: container, section 7]."""
    return rf".*\[[0-9]+\].*#011{channel}-{metric}:({NUMBER}).*"


SPEC = Spec(
    image="xgboost",
    aliases=("sagemaker-xgboost",),
    log_name="xgboost",
    response=Response("predictions", ("score",)),
    content_types=(
        "text/libsvm", "text/csv", "application/x-parquet", "application/x-recordio-protobuf", "text/x-libsvm",
        "libsvm", "csv", "parquet", "recordio-protobuf",
    ),
    metric_definitions={
        f"{channel}:{metric}": _regex(channel, metric)
        for metric in (*SHOWN_FIRST, *(other for other in METRICS if other not in SHOWN_FIRST))
        for channel in ("train", "validation")
    },
    channels=(Channel("train"), Channel("validation", required=False), Channel("code", required=False)),
    packages=("xgboost", "pyarrow", "sklearn"),
    program=True,
    model_files=("xgboost-model*",),
    model_note="an XGBoost model, which holds trees, not arrays. Load it with xgboost.Booster.",
)  # fmt: skip
"""Gradient boosted trees by the library XGBoost (Chen and Guestrin 2016, doi:10.1145/2939672.2939785)."""
