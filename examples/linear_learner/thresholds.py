"""Linear learner as a detector of a rare class: train, deploy, choose the threshold, and draw what the choice costs.

The rows are made by scikit-learn: one in twelve is positive. The threshold is the one with the best precision among those that
find at least nine of ten positive rows in the validation channel. The picture shows precision and recall of the test rows at
every threshold, and the chosen one. On AWS it uses AWS, and under `wildsage run examples/linear_learner/thresholds.py` it uses
this machine.

Axes: n rows · d features
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import sagemaker
from sagemaker.deserializers import JSONDeserializer
from sagemaker.serializers import CSVSerializer
from sklearn.datasets import make_classification
from sklearn.metrics import precision_recall_curve
from sklearn.model_selection import train_test_split

matplotlib.use("Agg")
import matplotlib.pyplot as plt

INSTANCE = "ml.m5.large"
TARGET_RECALL = 0.9
INK, PRECISION, RECALL = "#26323a", "#2f6f8f", "#c26a3d"


@dataclass(frozen=True)
class Rows:
    """Features (n, d) and labels (n,), 1 for a positive row."""

    x_nd: np.ndarray
    labels_n: np.ndarray


@dataclass(frozen=True)
class Answers:
    """The score of each row (n,), and whether the endpoint calls it positive (n,)."""

    scores_n: np.ndarray
    positive_n: np.ndarray

    @property
    def threshold(self) -> float:
        """A score between the highest of the rows called negative and the lowest of those called positive."""
        called = self.positive_n.astype(bool)
        return float((self.scores_n[~called].max() + self.scores_n[called].min()) / 2)


def made(rows: int) -> dict[str, Rows]:
    """Three channels of rows: three fifths to train on, one to choose by and one to judge by."""
    x_nd, labels_n = make_classification(
        rows, n_features=20, n_informative=8, n_redundant=4, weights=[11 / 12], class_sep=0.9, random_state=0
    )
    train_nd, rest_nd, train_n, rest_n = train_test_split(
        x_nd, labels_n, test_size=0.4, stratify=labels_n, random_state=0
    )
    choose_nd, judge_nd, choose_n, judge_n = train_test_split(
        rest_nd, rest_n, test_size=0.5, stratify=rest_n, random_state=0
    )
    parts = {"train": (train_nd, train_n), "validation": (choose_nd, choose_n), "test": (judge_nd, judge_n)}
    return {
        name: Rows(part_nd.astype(np.float32), part_n.astype(np.float32)) for name, (part_nd, part_n) in parts.items()
    }


def train(channels: dict[str, Rows]) -> sagemaker.LinearLearner:
    """Train 32 models side by side; the validation channel decides which one is kept, and its threshold."""
    learner = sagemaker.LinearLearner(
        sagemaker.get_execution_role(),
        1,
        INSTANCE,
        predictor_type="binary_classifier",
        binary_classifier_model_selection_criteria="precision_at_target_recall",
        target_recall=TARGET_RECALL,
    )
    records = [learner.record_set(rows.x_nd, rows.labels_n, channel=name) for name, rows in channels.items()]
    learner.fit(records, mini_batch_size=100)
    return learner


def ask(learner: sagemaker.LinearLearner, x_nd: np.ndarray) -> Answers:
    """Deploy the model, ask it about all rows, and delete the endpoint."""
    predictor = learner.deploy(1, INSTANCE, serializer=CSVSerializer(), deserializer=JSONDeserializer())
    try:
        answers = predictor.predict(x_nd)["predictions"]
    finally:
        predictor.delete_model()  # reads the model's name from the endpoint's configuration, so it comes first
        predictor.delete_endpoint()
    scores_n, positive_n = (np.array([answer[name] for answer in answers]) for name in ("score", "predicted_label"))
    return Answers(scores_n, positive_n)


def measured(answers: Answers, labels_n: np.ndarray) -> tuple[float, float]:
    """Precision and recall of what the endpoint calls positive."""
    right = float(np.sum(answers.positive_n * labels_n))
    return right / float(answers.positive_n.sum()), right / float(labels_n.sum())


def draw(answers: Answers, labels_n: np.ndarray, path: Path) -> None:
    """Precision and recall against the threshold, and the chosen point on both."""
    precision, recall, thresholds = precision_recall_curve(labels_n, answers.scores_n)
    figure, axes = plt.subplots(figsize=(8, 4.6), layout="constrained", dpi=130)
    axes.axvline(answers.threshold, color=INK, linewidth=1, linestyle=":")
    curves = (("precision", precision, PRECISION), ("recall", recall, RECALL))
    found = measured(answers, labels_n)
    for (name, curve, color), chosen in zip(curves, found, strict=True):
        aside = (9, 9) if chosen == max(found) else (9, -19)
        axes.plot(thresholds, curve[:-1], color=color, linewidth=1.8)
        axes.plot(answers.threshold, chosen, "o", color=color, markersize=7)
        axes.annotate(
            f"{name} {chosen:.2f}",
            (answers.threshold, chosen),
            xytext=aside,
            textcoords="offset points",
            color=color,
            weight="bold",
        )
    axes.set(xlabel="threshold of the score", ylabel="share of the test rows", xlim=(0, 1), ylim=(0, 1.08))
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(
        f"A threshold of {answers.threshold:.2f} was chosen for a recall of {TARGET_RECALL:g}",
        loc="left",
        weight="bold",
        color=INK,
    )
    figure.savefig(path)
    plt.close(figure)


def main() -> None:
    """Train, ask about test rows, and save a picture of scores and threshold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=6000, help="rows to make")
    parser.add_argument("--output", type=Path, default=Path("thresholds.png"), help="the picture")
    settings = parser.parse_args()
    channels = made(settings.rows)
    test = channels["test"]
    answers = ask(train(channels), test.x_nd)
    precision, recall = measured(answers, test.labels_n)
    draw(answers, test.labels_n, settings.output)
    print()  # the SDK does not end its line of dashes
    print(
        json.dumps(
            {"threshold": round(answers.threshold, 4), "precision": round(precision, 4), "recall": round(recall, 4)}
        )
    )
    print(f"Picture: {settings.output}")


if __name__ == "__main__":
    main()
