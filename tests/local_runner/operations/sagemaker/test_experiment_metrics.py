"""BatchPutMetrics: a component keeps a summary of each metric; for one that does not exist each reading is an error."""

from __future__ import annotations

from wildsage.local_runner.jobs.lineage import COMPONENT
from wildsage.local_runner.operations.sagemaker.experiment_metrics import batch_put_metrics


def reading(name: str, value: float, time_s: float = 1.0) -> dict:
    return {"MetricName": name, "Value": value, "Timestamp": time_s}


def test_readings_add_to_the_summaries_that_are_there(context):
    store = context.services.store
    store.insert(COMPONENT.name, "c", {"TrialComponentName": "c", "TrialComponentArn": "arn:c", "CreationTime": 1.0})
    first = [reading("loss", 4.0), reading("score", 7.0), reading("loss", 2.0, 2.0)]
    assert batch_put_metrics(context, {"TrialComponentName": "c", "MetricData": first}) == {}
    assert batch_put_metrics(context, {"TrialComponentName": "c", "MetricData": [reading("loss", 3.0, 3.0)]}) == {}
    loss, score = store.get(COMPONENT.name, "c")["Metrics"]
    wanted = {"MetricName": "loss", "SourceArn": "arn:c", "Count": 3, "Min": 2.0, "Max": 4.0, "Last": 3.0, "Avg": 3.0}
    assert loss.items() >= wanted.items()
    assert (score["MetricName"], score["Count"], score["Last"]) == ("score", 1, 7.0)


def test_each_reading_of_a_component_that_does_not_exist_is_an_error(context):
    found = batch_put_metrics(
        context, {"TrialComponentName": "c", "MetricData": [reading("a", 1.0), reading("b", 2.0)]}
    )
    assert found == {"Errors": [{"Code": "VALIDATION_ERROR", "MetricIndex": index} for index in (0, 1)]}
