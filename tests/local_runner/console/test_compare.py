"""What a comparison shows: the settings that differ, the last readings, and the components of an experiment."""

from __future__ import annotations

import re

import pytest

from tests.local_runner.console.test_jobs import REGION, document
from wildsage.local_runner.console import PATH, comparison
from wildsage.local_runner.jobs.lineage import COMPONENT, EXPERIMENT, TRIAL
from wildsage.local_runner.jobs.training.states import KIND


@pytest.fixture
def store(visitor):
    return visitor.regions.services(REGION).store


def job(name: str, readings: dict[str, float], **hyperparameters: str) -> dict:
    metrics = [{"MetricName": metric, "Value": value, "Timestamp": 0.0} for metric, value in readings.items()]
    return {**document(name), "HyperParameters": hyperparameters, "FinalMetricDataList": metrics}


def rows(html: str) -> dict[str, list[str]]:
    """Cells of each line of all tables, by its head."""
    found = re.findall(r'<tr><th scope="row"[^>]*>([^<]+)</th>(.*?)</tr>', html, re.DOTALL)
    return {name: re.findall(r"<td[^>]*>([^<]*)</td>", cells) for name, cells in found}


def test_only_settings_that_differ_stand_side_by_side(visitor, store):
    store.insert(KIND.name, "a", job("a", {"test:msd": 2.0}, k="3", feature_dim="2"))
    store.insert(KIND.name, "b", job("b", {"test:msd": 1.5, "train:msd": 1.0}, k="4", feature_dim="2", epochs="5"))
    html = visitor.text(f"/compare/?job={REGION}/b&job={REGION}/a&job={REGION}/absent")
    table = rows(html)
    assert table["k"] == ["3", "4"] and table["epochs"] == ["–", "5"]
    assert "feature_dim" not in table and "<dt>feature_dim</dt><dd>2</dd>" in html
    assert table["test:msd"] == ["2", "1.5"] and table["train:msd"] == ["–", "1"]


def test_an_experiment_shows_its_components_and_their_trials(visitor, store):
    store.insert(EXPERIMENT.name, "e", {"ExperimentName": "e", "CreationTime": 1.0})
    store.insert(TRIAL.name, "t", {"TrialName": "t", "ExperimentName": "e", "CreationTime": 2.0})
    store.insert(KIND.name, "a", job("a", {}))
    for number, source in ((1, "a"), (2, "")):
        component = {
            "TrialComponentName": f"c{number}",
            "CreationTime": float(number),
            "Trials": ["t"],
            "Parameters": {"k": {"NumberValue": number}, "init": {"StringValue": "random"}},
            "Metrics": [{"MetricName": "loss", "Last": number / 2}],
            **(
                {"Source": {"SourceArn": f"arn:aws:sagemaker:{REGION}:000000000000:training-job/{source}"}}
                if source
                else {}
            ),
        }
        store.insert(COMPONENT.name, f"c{number}", component)
    assert 'href="/_wildsage/console/compare/?experiment=us-east-1/e"' in visitor.text("/compare/")
    html = visitor.text(f"/compare/?experiment={REGION}/e")
    table = rows(html)
    assert (
        table["k"] == ["1", "2"]
        and "init" not in table
        and table["loss"] == ["0.5", "1"]
        and table["Trial"] == ["t", "t"]
    )
    assert html.count("data-metrics=") == 1 and f'/jobs/{REGION}/training/a"' in html


def test_more_than_a_chart_can_show_is_rejected(visitor, store):
    for number in range(21):
        store.insert(KIND.name, f"job-{number}", job(f"job-{number}", {}))
    query = "&".join(f"job={REGION}/job-{number}" for number in range(21))
    response = visitor.get(f"/compare/?{query}")
    assert response.status_code == 400 and "At most 20 can be compared; 21 were chosen." in response.text


def test_nothing_chosen_offers_the_newest_jobs(visitor, store):
    assert "No training job has been started yet." in visitor.text("/compare/")
    store.insert(KIND.name, "a", job("a", {}))
    assert f'value="{REGION}/a"' in visitor.text("/compare/")


def test_a_chart_asks_for_the_readings_since_its_last_answer(visitor, store):
    store.insert(KIND.name, "a", job("a", {}))
    html = visitor.text(f"/compare/?job={REGION}/a")
    (address,) = re.findall(r'data-metrics="([^"]+)"', html)
    assert address == f"{PATH}/jobs/{REGION}/training/a/metrics"  # the script adds the only query
    assert visitor.text(f"{address.removeprefix(PATH)}?positions=%7B%7D")


def test_settings_that_only_some_have_differ():
    one, two = (comparison.Compared(name, name, "", settings, {}) for name, settings in (("1", {"k": "1"}), ("2", {})))
    differing, shared = comparison.differing([one, two])
    assert [row.name for row in differing] == ["k"] and shared == []


def test_twenty_fit_into_a_chart(visitor, store):
    for number in range(20):
        store.insert(KIND.name, f"job-{number}", job(f"job-{number}", {}))
    query = "&".join(f"job={REGION}/job-{number}" for number in range(20))
    assert visitor.text(f"/compare/?{query}").count("data-metrics=") == 20


def test_jobs_of_several_regions_are_compared_once_each_under_their_region(visitor, store):
    other = "eu-west-1"
    store.insert(KIND.name, "a", job("a", {"loss": 2.0}, k="2"))
    visitor.regions.services(other).store.insert(KIND.name, "a", job("a", {"loss": 3.0}, k="3"))
    html = visitor.text(f"/compare/?job={REGION}/a&job={other}/a&job={REGION}/a&job=a")
    assert rows(html)["k"] == ["3", "2"]
    assert rows(visitor.text(f"/compare/?job={REGION}/a&job={other}/a&job={REGION}/a/b"))["k"] == ["3", "2"]
    addresses = re.findall(r'data-metrics="([^"]+)"', html)
    assert addresses == [f"{PATH}/jobs/{region}/training/a/metrics" for region in (other, REGION)]


def test_the_fifteen_newest_jobs_are_offered(visitor, store):
    for number in range(16):
        store.insert(KIND.name, f"job-{number:02}", {**job(f"job-{number:02}", {}), "CreationTime": float(number)})
    offered = re.findall(rf'name="job" value="{REGION}/job-(\d\d)"', visitor.text("/compare/"))
    assert offered == [f"{number:02}" for number in range(15, 0, -1)]


def test_experiments_of_all_regions_are_offered(visitor, store):
    for region in (REGION, "eu-west-1"):
        found = {"ExperimentName": "e", "CreationTime": 1.0}
        visitor.regions.services(region).store.insert(EXPERIMENT.name, "e", found)
    html = visitor.text("/compare/")
    for region in (REGION, "eu-west-1"):
        assert f"/compare/?experiment={region}/e" in html
    assert "data-metrics" not in html
