"""Metrics: found in log lines by the published expressions."""

import pytest
from botocore.session import Session

from wildsage.local_runner.jobs import metrics
from wildsage.local_runner.jobs.logs import LogEvent


def events(*messages: str) -> list[LogEvent]:
    return [LogEvent(1000 + number, message, 0) for number, message in enumerate(messages)]


@pytest.mark.parametrize(
    ("algorithm", "line", "name", "value"),
    [
        ("kmeans", "[01/01/2026 00:00:00 INFO 1] #quality_metric: host=algo-1, test msd <loss>=0.25", "test:msd", 0.25),
        ("pca", "#throughput_metric: host=algo-1, train throughput=1e5 records/second", "train:throughput", 1e5),
        ("knn", "#progress_metric: host=algo-2, completed 50.0 % of epochs", "train:progress", 50.0),
        (
            "factorization-machines",
            "#quality_metric: host=algo-1, test binary_f_1.000 <score>=0.9",
            "test:binary_f_beta",
            0.9,
        ),
        ("image-classification", "Epoch[3] Validation-accuracy=0.5", "validation:accuracy", 0.5),
    ],
)
def test_built_in_definitions_find_their_lines(algorithm, line, name, value):
    (datum,) = metrics.scrape(events(line), metrics.definitions(algorithm))
    assert (datum.name, datum.value, datum.timestamp_ms) == (name, value, 1000)


def test_the_callers_definition_wins_and_any_image_may_have_some():
    own = [{"Name": "test:msd", "Regex": "mine=(.*)"}]
    assert {"Name": "test:msd", "Regex": "mine=(.*)"} in metrics.definitions("kmeans", own)
    assert metrics.definitions(None, own) == own


def test_a_description_has_no_more_definitions_than_aws_allows():
    own = [{"Name": "mine", "Regex": "mine=(.*)"}]
    allowed = Session().get_service_model("sagemaker").shape_for("MetricDefinitionList").metadata["max"]
    found = metrics.definitions("xgboost", own)
    shown = metrics.shown(found, own)
    assert len(found) > allowed == len(shown)
    assert shown[0] == own[0] and {"validation:auc", "train:rmse"} < {one["Name"] for one in shown}
    assert metrics.shown(own) == own


def test_as_many_definitions_as_aws_allows_are_shown_in_their_order_and_of_more_the_callers_first():
    most = [{"Name": f"m{number}", "Regex": "(.)"} for number in range(metrics.MOST_SHOWN)]
    assert metrics.shown(most, most[-1:]) == most
    last = {"Name": "mine", "Regex": "(.)"}
    assert metrics.shown([*most, last], [last]) == [last, *most[:-1]]


def test_all_readings_of_a_line_are_found_in_the_order_of_the_definitions():
    wanted = [{"Name": name, "Regex": rf"{name}=(\S+) (.*)"} for name in ("b", "a")]
    found = metrics.scrape(events("a=1 b=2 .", "a=3 .", "b=-4e-3 ."), wanted)
    assert found == [
        metrics.Datum("b", 2, 1000),
        metrics.Datum("a", 1, 1000),
        metrics.Datum("a", 3, 1001),
        metrics.Datum("b", -4e-3, 1002),
    ]


def test_an_expression_of_exponential_cost_is_given_up_and_the_others_are_read():
    wanted = [{"Name": "slow", "Regex": r"(x+x+)+y(\d)"}, {"Name": "m", "Regex": r"m=(\d+)"}]
    assert 0 < metrics.LINE_TIMEOUT_S <= 1, "who asks for metrics waits for it"
    log = events(f"m=1 {'x' * 4000}!", f"m=2 {'x' * 4000}!")
    assert [(d.name, d.value) for d in metrics.scrape(log, wanted)] == [("m", 1), ("m", 2)]


def test_a_tab_is_found_as_cloudwatch_shows_it():
    wanted = [{"Name": "m", "Regex": r".*\[[0-9]+\].*#011validation-rmse:(\S+)"}]
    assert [d.value for d in metrics.scrape(events("[0]\ttrain-rmse:2\tvalidation-rmse:1.5"), wanted)] == [1.5]


@pytest.mark.parametrize("regex", ["((", "no group", "x=(.*)", "(y)?x=", "y=(.*)", "z=(\\S+)", "x=abc#011(.*)"])
def test_what_is_not_a_finite_number_or_an_expression_yields_nothing(regex):
    assert metrics.scrape(events("z=inf x=abc y=nan"), [{"Name": "m", "Regex": regex}]) == []


def test_an_expression_may_match_a_tab_itself():
    assert [d.value for d in metrics.scrape(events("a\t7"), [{"Name": "m", "Regex": "a\t(.)"}])] == [7]


def test_the_latest_reading_counts():
    readings = [metrics.Datum("m", 2.0, 20), metrics.Datum("m", 1.0, 10), metrics.Datum("n", 3.0, 5)]
    assert {(d.name, d.value) for d in metrics.latest(readings)} == {("m", 2.0), ("n", 3.0)}
    same_time = [metrics.Datum("m", value, 20) for value in (5.0, 4.0)]
    assert metrics.latest(same_time) == same_time[1:]
