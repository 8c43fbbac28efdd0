"""Metric lines of a log, and the regular expressions that find them."""

import json
import re

from wildsage.containers.contract import metrics


def test_a_quality_line_is_found_by_its_regex_and_no_other():
    line = metrics.quality_line("algo-1", "test", "msd", "loss", 0.25)
    assert line == "#quality_metric: host=algo-1, test msd <loss>=0.25"
    assert re.search(metrics.quality_regex("test", "msd", "loss"), line)[1] == "0.25"
    assert not re.search(metrics.quality_regex("test", "ssd", "loss"), line)


def test_progress_and_throughput_lines_are_found():
    assert re.search(metrics.PROGRESS_REGEX, metrics.progress_line("algo-1", 100.0))[1] == "100.0"
    assert re.search(metrics.THROUGHPUT_REGEX, metrics.throughput_line("algo-2", 5364.5))[1] == "5364.5"


def test_a_score_line_reads_like_the_originals():
    assert metrics.score_line("algo-1", "test", "accuracy", 0.92) == "#test_score (algo-1) : ('accuracy', 0.92)"


def test_a_metrics_line_has_the_originals_keys_in_their_order():
    line = metrics.metrics_line(1.0, 2.5, {"Algorithm": "PCA", "Host": "algo-1"}, {"setuptime": 3.0})
    document = json.loads(line.removeprefix("#metrics "))
    assert list(document) == ["StartTime", "EndTime", "Dimensions", "Metrics"]
    assert document["Metrics"]["setuptime"] == {"sum": 3.0, "count": 1, "min": 3.0, "max": 3.0}


def test_a_line_of_a_batch_or_an_epoch_has_the_originals_commas():
    assert metrics.quality_line("algo-1", "train", "rmse", "loss", 3.5, 0, 500) == (
        "#quality_metric: host=algo-1, epoch=0, batch=500 train rmse <loss>=3.5"
    )
    assert metrics.quality_line("algo-1", "train", "rmse", "loss", 3.5, 2) == (
        "#quality_metric: host=algo-1, epoch=2, train rmse <loss>=3.5"
    )
