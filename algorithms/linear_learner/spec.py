"""What containers and the local AWS need to know of linear learner."""

from __future__ import annotations

from wildsage.algorithms.base.spec import Channel, Metric, Response, Spec

BINARY = (
    Metric("binary_classification_accuracy", "score"),
    Metric(r"binary_f_\S+", "score", defined_as="binary_f_beta"),
    Metric("precision", "score"),
    Metric("recall", "score"),
    Metric("roc_auc_score", "score"),
)
REGRESSOR = (Metric("mse", "loss"), Metric("absolute_loss", "loss"), Metric("rmse", "loss"))
MULTICLASS = (
    Metric("multiclass_accuracy", "score"),
    Metric(r"multiclass_top_k_accuracy_\S+", "score", defined_as="multiclass_top_k_accuracy"),
    Metric("dcg", "score"),
    Metric("macro_recall", "score"),
    Metric("macro_precision", "score"),
    Metric(r"macro_f_\S+", "score", defined_as="macro_f_beta"),
    Metric("multiclass_balanced_accuracy", "score"),
    Metric("multiclass_log_loss", "score"),
)
OBJECTIVE = Metric(r"\S+_objective", "loss", defined_as="objective_loss")
HOST = r"#quality_metric: host=\S+, "


def _definitions() -> dict[str, str]:
    """Names and regular expressions as SageMaker attaches them to a job [contract: linear-learner, Metrics]."""
    found = {
        f"{channel}:{metric.defined_as or metric.name}": rf"{HOST}{channel} {metric.name} <{metric.kind}>=(\S+)"
        for channel in ("train", "validation", "test")
        for metric in (*BINARY, *REGRESSOR, *MULTICLASS)
    }
    for channel in ("train", "validation"):
        found[f"{channel}:objective_loss"] = rf"{HOST}epoch=\S+, {channel} \S+_objective <loss>=(\S+)"
        found[f"{channel}:objective_loss:final"] = rf"{HOST}{channel} \S+_objective <loss>=(\S+)"
    found["test:objective_loss"] = rf"{HOST}test \S+_objective <loss>=(\S+)"
    found["train:progress"] = r"#progress_metric: host=\S+, completed (\S+) %"
    found["train:throughput"] = r"#throughput_metric: host=\S+, train throughput=(\S+) records/second"
    return found


SPEC = Spec(
    image="linear-learner",
    log_name="Linear Learner",
    response=Response("predictions", ("score", "predicted_label"), compact_lines=True),
    content_types=("application/x-recordio-protobuf", "text/csv"),
    metrics=(OBJECTIVE, *BINARY, *REGRESSOR, *MULTICLASS),
    metric_definitions=_definitions(),
    channels=(
        Channel("train"),
        Channel("validation", required=False),
        Channel("test", required=False),
        Channel("model", required=False),
    ),
)
