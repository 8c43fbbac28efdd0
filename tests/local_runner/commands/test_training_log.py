"""What is read out of the log of a training job, in the forms of all algorithms."""

from __future__ import annotations

from wildsage.containers.contract.metrics import progress_line, quality_line
from wildsage.local_runner.commands.training_log import TrainingLog
from wildsage.local_runner.images import catalogue


def read(*lines: str, algorithm: str = "kmeans", rounds: int | None = None) -> TrainingLog:
    found = catalogue.named(algorithm)
    assert found
    log = TrainingLog(found.metric_definitions, rounds)
    for line in lines:
        log.read(line + "\n")
    return log


def test_before_the_first_line_nothing_is_known():
    log = read()
    assert (log.percent, log.rows, log.metrics, log.latest(2)) == (None, None, {}, "")


def test_the_last_value_of_each_metric_counts_and_the_latest_are_shown():
    lines = [quality_line("algo-1", "train", "msd", "loss", value, epoch) for epoch, value in enumerate([3.0, 2.5])]
    log = read(*lines, quality_line("algo-1", "test", "msd", "loss", 2.75), "[0] #progress_metric")
    assert log.metrics == {"train msd": 2.5, "test msd": 2.75}
    assert (log.latest(1), log.latest(2)) == ("test msd 2.75", "train msd 2.5, test msd 2.75")


def test_progress_counts_epochs_or_rounds():
    assert read(progress_line("algo-1", 40.0)).percent == 40.0
    log = read("[0]\ttrain-rmse:9.5", "[4]\ttrain-rmse:1.25", algorithm="xgboost", rounds=10)
    assert (log.percent, log.metrics["train rmse"]) == (50.0, 1.25)


def test_a_percentage_that_is_not_a_number_is_unknown():
    assert read("#progress_metric: host=algo-1, completed half % of epochs").percent is None


def test_rows_are_those_of_one_pass():
    counters = '#metrics {{"Metrics": {{"Max Records Seen Between Resets": {{"sum": {}, "count": 1}}}}}}'
    assert read(*(counters.format(count) for count in ("0.0", "2000.0", "2000.0"))).rows == 2000
    assert read("[12:00:00] INFO: Train matrix has 28831 rows and 59 columns", algorithm="xgboost").rows == 28831


def test_metrics_that_are_no_numbers_are_left_out():
    assert read("#quality_metric: host=algo-1, train msd <loss>=soon").metrics == {}
