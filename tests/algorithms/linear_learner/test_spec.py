"""The regular expressions of the metrics against lines of a real job's log."""

from __future__ import annotations

import re

import pytest

from wildsage.algorithms.linear_learner.spec import SPEC

HOST = "#quality_metric: host=algo-1, "
LINES = [
    ("train:objective_loss", f"{HOST}epoch=0, train binary_classification_cross_entropy_objective <loss>=0.136"),
    ("train:objective_loss:final", f"{HOST}train binary_classification_cross_entropy_objective <loss>=0.136"),
    ("validation:objective_loss", f"{HOST}epoch=12, validation squared_loss_objective <loss>=0.136"),
    ("validation:objective_loss:final", f"{HOST}validation squared_loss_objective <loss>=0.136"),
    ("test:objective_loss", f"{HOST}test absolute_loss_objective <loss>=0.136"),
    ("train:progress", "#progress_metric: host=algo-1, completed 0.136 %"),
    ("train:throughput", "#throughput_metric: host=algo-1, train throughput=0.136 records/second"),
    *(
        (f"{channel}:{name}", f"{HOST}{channel} {shown} <{kind}>=0.136")
        for channel in ("train", "validation", "test")
        for name, shown, kind in (
            ("binary_classification_accuracy", "binary_classification_accuracy", "score"),
            ("binary_f_beta", "binary_f_1.000", "score"),
            ("precision", "precision", "score"),
            ("recall", "recall", "score"),
            ("roc_auc_score", "roc_auc_score", "score"),
            ("mse", "mse", "loss"),
            ("absolute_loss", "absolute_loss", "loss"),
            ("rmse", "rmse", "loss"),
            ("multiclass_accuracy", "multiclass_accuracy", "score"),
            ("multiclass_top_k_accuracy", "multiclass_top_k_accuracy_3", "score"),
            ("dcg", "dcg", "score"),
            ("macro_recall", "macro_recall", "score"),
            ("macro_precision", "macro_precision", "score"),
            ("macro_f_beta", "macro_f_0.500", "score"),
            ("multiclass_balanced_accuracy", "multiclass_balanced_accuracy", "score"),
            ("multiclass_log_loss", "multiclass_log_loss", "score"),
        )
    ),
]


def test_every_definition_has_a_line_here():
    assert dict(LINES).keys() == SPEC.metric_definitions.keys()


@pytest.mark.parametrize(("name", "line"), LINES)
def test_a_line_is_found_by_its_definition_alone(name, line):
    found = [
        other
        for other, pattern in SPEC.metric_definitions.items()
        if (match := re.search(pattern, line)) and match[1] == "0.136"
    ]
    assert found == [name]


def test_lines_of_json_are_written_without_spaces():
    assert SPEC.response.compact_lines and SPEC.response.columns == ("score", "predicted_label")


def test_only_the_training_channel_is_required():
    assert [(channel.name, channel.required) for channel in SPEC.channels] == [
        ("train", True), ("validation", False), ("test", False), ("model", False),
    ]  # fmt: skip
