"""Experiments, trials and components: noted down, listed, found."""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from wildsage.local_runner.jobs.store import TAGS
from wildsage.local_runner.operations.sagemaker import experiments
from wildsage.local_runner.wire.errors import AwsError


def rejection(call, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.fixture
def noted(aws) -> dict[str, str]:
    """An experiment with a trial that has one component."""
    names = {kind: aws.name(kind) for kind in ("experiment", "trial", "component")}
    sagemaker = aws.sagemaker
    sagemaker.create_experiment(ExperimentName=names["experiment"], Tags=[{"Key": "team", "Value": "blue"}])
    sagemaker.create_trial(TrialName=names["trial"], ExperimentName=names["experiment"])
    sagemaker.create_trial_component(
        TrialComponentName=names["component"],
        Parameters={"k": {"NumberValue": 7.0}, "init": {"StringValue": "random"}},
        Status={"PrimaryStatus": "InProgress"},
    )
    sagemaker.associate_trial_component(TrialComponentName=names["component"], TrialName=names["trial"])
    return names


def test_what_is_noted_is_described_and_listed(aws, noted):
    experiment = aws.sagemaker.describe_experiment(ExperimentName=noted["experiment"])
    assert experiment["DisplayName"] == noted["experiment"]
    assert experiment["ExperimentArn"].endswith(f":experiment/{noted['experiment']}")
    trials = aws.sagemaker.list_trials(ExperimentName=noted["experiment"])["TrialSummaries"]
    assert [trial["TrialName"] for trial in trials] == [noted["trial"]]
    for owner in ({"TrialName": noted["trial"]}, {"ExperimentName": noted["experiment"]}):
        (component,) = aws.sagemaker.list_trial_components(**owner)["TrialComponentSummaries"]
        assert component["TrialComponentName"] == noted["component"]
    (trial,) = aws.sagemaker.list_trials(TrialComponentName=noted["component"])["TrialSummaries"]
    assert trial["TrialName"] == noted["trial"]


def test_a_component_is_updated_field_by_field(aws, noted):
    aws.sagemaker.update_trial_component(
        TrialComponentName=noted["component"],
        Status={"PrimaryStatus": "Completed"},
        Parameters={"k": {"NumberValue": 8.0}, "new": {"StringValue": "yes"}},
        ParametersToRemove=["init"],
        OutputArtifacts={"model": {"Value": "s3://bucket/model"}},
    )
    found = aws.sagemaker.describe_trial_component(TrialComponentName=noted["component"])
    assert found["Parameters"] == {"k": {"NumberValue": 8.0}, "new": {"StringValue": "yes"}}
    assert found["Status"] == {"PrimaryStatus": "Completed"}
    assert found["OutputArtifacts"] == {"model": {"Value": "s3://bucket/model"}}
    assert found["LastModifiedTime"] > found["CreationTime"]


def test_they_are_deleted_from_the_inside_out(aws, noted):
    names = {field: {f"{field}Name": noted[kind]} for field, kind in (("Trial", "trial"), ("Experiment", "experiment"))}
    component = {"TrialComponentName": noted["component"]}
    assert "has the trials" in rejection(aws.sagemaker.delete_experiment, **names["Experiment"])[1]
    assert "has the components" in rejection(aws.sagemaker.delete_trial, **names["Trial"])[1]
    assert "belongs to the trials" in rejection(aws.sagemaker.delete_trial_component, **component)[1]
    aws.sagemaker.disassociate_trial_component(**component, **names["Trial"])
    aws.sagemaker.delete_trial_component(**component)
    aws.sagemaker.delete_trial(**names["Trial"])
    aws.sagemaker.delete_experiment(**names["Experiment"])
    assert rejection(aws.sagemaker.describe_experiment, **names["Experiment"])[0] == "ResourceNotFound"


def test_lists_page(aws):
    names = [aws.name("paged") for _ in range(3)]
    for name in names:
        aws.sagemaker.create_experiment(ExperimentName=name)
    pages = aws.sagemaker.get_paginator("list_experiments").paginate(SortBy="Name", PaginationConfig={"PageSize": 2})
    listed = [one["ExperimentName"] for page in pages for one in page["ExperimentSummaries"]]
    assert [name for name in listed if name in names] == sorted(names, reverse=True)
    (newest,) = aws.sagemaker.list_experiments(MaxResults=1)["ExperimentSummaries"]
    after = aws.sagemaker.list_experiments(CreatedAfter=newest["CreationTime"])["ExperimentSummaries"]
    assert names[0] not in [one["ExperimentName"] for one in after]


def test_names_are_unique_and_owners_must_exist(aws, noted):
    code, message = rejection(aws.sagemaker.create_experiment, ExperimentName=noted["experiment"])
    assert (code, "already exists" in message) == ("ValidationException", True)
    code, _ = rejection(aws.sagemaker.create_trial, TrialName="orphan", ExperimentName="nobody")
    assert code == "ResourceNotFound"


def test_metrics_are_summed_up_in_their_component(aws, noted):
    metrics = aws.client("sagemaker-metrics")
    for step, value in enumerate((4.0, 1.0, 3.0)):
        datum = {"MetricName": "loss", "Timestamp": 1_700_000_000 + step, "Step": step, "Value": value}
        assert not metrics.batch_put_metrics(TrialComponentName=noted["component"], MetricData=[datum]).get("Errors")
    (loss,) = aws.sagemaker.describe_trial_component(TrialComponentName=noted["component"])["Metrics"]
    assert (loss["Count"], loss["Min"], loss["Max"], loss["Last"]) == (3, 1.0, 4.0, 3.0)
    assert loss["Avg"] == pytest.approx(8 / 3)
    assert loss["StdDev"] == pytest.approx(1.24721912)
    unknown = metrics.batch_put_metrics(TrialComponentName="nobody", MetricData=[datum])
    assert unknown["Errors"] == [{"Code": "VALIDATION_ERROR", "MetricIndex": 0}]


def test_artifacts_are_noted_associated_listed_and_deleted(aws, noted):
    """As a Run of the SDKs does with a curve that is logged."""
    sagemaker = aws.sagemaker
    component = sagemaker.describe_trial_component(TrialComponentName=noted["component"])["TrialComponentArn"]
    source = {
        "SourceUri": f"s3://bucket/{aws.name('curve')}",
        "SourceTypes": [{"SourceIdType": "S3ETag", "Value": "a"}],
    }
    artifact = {"ArtifactName": "curve", "ArtifactType": "ROCCurve", "Source": source}
    arn = sagemaker.create_artifact(**artifact, Tags=[{"Key": "team", "Value": "blue"}])["ArtifactArn"]
    ends = {"SourceArn": component, "DestinationArn": arn}
    assert sagemaker.add_association(**ends, AssociationType="Produced").items() >= ends.items()

    assert sagemaker.describe_artifact(ArtifactArn=arn).items() >= artifact.items()
    for wanted in ({"SourceUri": source["SourceUri"]}, {"ArtifactType": "ROCCurve", "MaxResults": 1}):
        (found,) = sagemaker.list_artifacts(**wanted)["ArtifactSummaries"]
        assert (found["ArtifactArn"], found["Source"]) == (arn, source)
    later = found["CreationTime"] + timedelta(seconds=1)  # what is sent is rounded
    assert not sagemaker.list_artifacts(CreatedAfter=later)["ArtifactSummaries"]
    for wanted in ({"SourceArn": component}, {"DestinationType": "ROCCurve"}, {"SortBy": "SourceArn", **ends}):
        (found,) = sagemaker.list_associations(**wanted)["AssociationSummaries"]
        assert (found["AssociationType"], found["DestinationName"]) == ("Produced", "curve")
    assert not sagemaker.list_associations(SourceArn=arn)["AssociationSummaries"]

    for call, request in ((sagemaker.create_artifact, artifact), (sagemaker.add_association, ends)):
        code, message = rejection(call, **request)
        assert code == "ValidationException" and "already exists" in message
    nobody = {"SourceArn": component, "DestinationArn": arn[:-1] + "x"}
    assert rejection(sagemaker.add_association, **nobody)[0] == "ResourceNotFound"

    sagemaker.delete_artifact(Source=source)
    assert rejection(sagemaker.describe_artifact, ArtifactArn=arn)[0] == "ResourceNotFound"
    assert rejection(sagemaker.delete_association, **ends)[0] == "ResourceNotFound"
    assert rejection(sagemaker.list_tags, ResourceArn=arn)[0] == "ResourceNotFound"


# Operations as functions


@pytest.fixture
def kept(context):
    """The experiment e with the trials t, which has the components c and d, and u, which has none."""
    experiments.create_experiment(context, {"ExperimentName": "e", "Tags": [{"Key": "a", "Value": "b"}]})
    for name in "tu":
        experiments.create_trial(context, {"TrialName": name, "ExperimentName": "e"})
    for name in "cd":
        experiments.create_trial_component(context, {"TrialComponentName": name})
        experiments.associate_trial_component(context, {"TrialComponentName": name, "TrialName": "t"})
    return context


def names(answer: dict) -> str:
    ((_, found),) = answer.items()
    return "".join(sorted(one[field] for one in found for field in one if field in ("TrialName", "TrialComponentName")))


def test_what_is_created_has_its_name_shown_its_arn_and_its_tags(kept):
    found = experiments.describe_experiment(kept, {"ExperimentName": "e"})
    arn = "arn:aws:sagemaker:us-east-1:000000000000:experiment/e"
    assert (found["DisplayName"], found["ExperimentArn"], "Tags" in found) == ("e", arn, False)
    assert found["CreationTime"] == found["LastModifiedTime"]
    assert kept.services.store.get(TAGS, arn) == {"a": "b"}
    component = experiments.describe_trial_component(kept, {"TrialComponentName": "c"})
    assert component.items() >= {"Parameters": {}, "InputArtifacts": {}, "OutputArtifacts": {}, "Trials": ["t"]}.items()
    changed = experiments.update_experiment(kept, {"ExperimentName": "e", "DisplayName": "shown"})
    assert changed == {"ExperimentArn": arn}
    assert experiments.describe_experiment(kept, {"ExperimentName": "e"})["DisplayName"] == "shown"


def test_lists_are_those_of_their_owners(kept):
    experiments.create_experiment(kept, {"ExperimentName": "other"})
    experiments.create_trial(kept, {"TrialName": "x", "ExperimentName": "other"})
    source = "arn:aws:sagemaker:us-east-1:000000000000:training-job/j"
    kept.services.store.change(
        "experiment-trial-component", "d", lambda one: one.update(Source={"SourceArn": source}, SourceArn=source)
    )
    trials, components = experiments.list_trials, experiments.list_trial_components
    assert (names(trials(kept, {})), names(trials(kept, {"ExperimentName": "e"}))) == ("tux", "tu")
    assert names(trials(kept, {"TrialComponentName": "c"})) == "t"
    assert names(trials(kept, {"TrialComponentName": "c", "ExperimentName": "other"})) == ""
    assert names(components(kept, {})) == names(components(kept, {"ExperimentName": "e"})) == "cd"
    assert (names(components(kept, {"TrialName": "t"})), names(components(kept, {"TrialName": "u"}))) == ("cd", "")
    assert names(components(kept, {"ExperimentName": "other"})) == ""
    assert names(components(kept, {"SourceArn": source})) == "d"


@pytest.mark.parametrize(
    ("call", "request_", "text"),
    [
        (experiments.list_trials, {"ExperimentName": "x"}, "Experiment 'x' does not exist."),
        (experiments.list_trials, {"TrialComponentName": "x"}, "Trial component 'x' does not exist."),
        (experiments.list_trial_components, {"TrialName": "x"}, "Trial 'x' does not exist."),
        (experiments.create_trial, {"TrialName": "y", "ExperimentName": "x"}, "Experiment 'x' does not exist."),
        (experiments.update_trial, {"TrialName": "x"}, "Trial 'x' does not exist."),
        (experiments.delete_experiment, {"ExperimentName": "x"}, "Experiment 'x' does not exist."),
        (
            experiments.associate_trial_component,
            {"TrialComponentName": "c", "TrialName": "x"},
            "Trial 'x' does not exist.",
        ),
    ],
)
def test_an_owner_that_does_not_exist_is_named(kept, call, request_, text):
    with pytest.raises(AwsError) as caught:
        call(kept, request_)
    assert (caught.value.code, str(caught.value)) == ("ResourceNotFound", text)


def test_parts_that_are_left_are_named_and_those_that_leave_take_nothing_else_along(kept):
    for call, request, text in (
        (experiments.delete_experiment, {"ExperimentName": "e"}, "has the trials t, u. Delete them first"),
        (experiments.delete_trial, {"TrialName": "t"}, "has the components c, d. Disassociate them first"),
        (experiments.delete_trial_component, {"TrialComponentName": "c"}, "belongs to the trials t. Disassociate"),
    ):
        with pytest.raises(AwsError, match=text):
            call(kept, request)
    experiments.associate_trial_component(kept, {"TrialComponentName": "c", "TrialName": "u"})
    experiments.associate_trial_component(kept, {"TrialComponentName": "c", "TrialName": "t"})
    assert experiments.describe_trial_component(kept, {"TrialComponentName": "c"})["Trials"] == ["t", "u"]
    experiments.disassociate_trial_component(kept, {"TrialComponentName": "c", "TrialName": "t"})
    assert names(experiments.list_trial_components(kept, {"TrialName": "t"})) == "d"
    assert names(experiments.list_trial_components(kept, {"TrialName": "u"})) == "c"
    experiments.disassociate_trial_component(kept, {"TrialComponentName": "c", "TrialName": "u"})
    component = experiments.describe_trial_component(kept, {"TrialComponentName": "c"})
    association = {"SourceArn": component["TrialComponentArn"], "DestinationArn": "arn:x", "CreationTime": 1.0}
    kept.services.store.insert("association", "one", association)
    experiments.delete_trial_component(kept, {"TrialComponentName": "c"})
    assert list(kept.services.store.all("association")) == []
    assert names(experiments.list_trial_components(kept, {})) == "d"
