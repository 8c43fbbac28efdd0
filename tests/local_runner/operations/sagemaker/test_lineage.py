"""What jobs and endpoints leave for those who trace results, and what is asked of it."""

from typing import Any

import pytest


def component(aws, job: str, kind: str = "training-job") -> dict[str, Any]:
    return aws.sagemaker.describe_trial_component(TrialComponentName=f"{job}-aws-{kind}")


def neighbours(aws, arn: str) -> list[tuple[str, str, str]]:
    """What is associated with a resource: the direction, the type of the other end, the type of the association."""
    before = aws.sagemaker.list_associations(DestinationArn=arn)["AssociationSummaries"]
    after = aws.sagemaker.list_associations(SourceArn=arn)["AssociationSummaries"]
    return sorted(
        [("from", one["SourceType"], one["AssociationType"]) for one in before]
        + [("to", one["DestinationType"], one["AssociationType"]) for one in after]
    )


def test_a_training_job_leaves_a_component_and_its_artifacts(aws, channel):
    uri = aws.upload(aws.name("traced"), a=b"1")
    job = aws.train(channel(uri, ContentType="text/csv"), k="7", init="random")
    described = aws.finished(job)
    found = component(aws, job)
    assert found["Source"] == {"SourceArn": described["TrainingJobArn"], "SourceType": "SageMakerTrainingJob"}
    assert found["Status"]["PrimaryStatus"] == "Completed"
    assert found["Status"]["Message"] == "Status: Completed, secondary status: Completed, failure reason: ."
    assert found["EndTime"] >= found["StartTime"]
    parameters = {name: next(iter(value.values())) for name, value in found["Parameters"].items()}
    assert parameters["k"] == 7.0 and parameters["init"] == "random"
    assert parameters["SageMaker.ImageUri"] == described["AlgorithmSpecification"]["TrainingImage"]
    assert parameters["SageMaker.InstanceCount"] == 1.0 and parameters["SageMaker.InstanceType"] == "ml.c4.xlarge"
    assert found["InputArtifacts"] == {"train": {"Value": uri, "MediaType": "text/csv"}}
    model = described["ModelArtifacts"]["S3ModelArtifacts"]
    assert found["OutputArtifacts"] == {"SageMaker.ModelArtifact": {"Value": model}}
    assert neighbours(aws, found["TrialComponentArn"]) == [
        ("from", "DataSet", "ContributedTo"),
        ("from", "Image", "ContributedTo"),
        ("to", "Model", "Produced"),
    ]
    (artifact,) = aws.sagemaker.list_artifacts(SourceUri=model)["ArtifactSummaries"]
    assert artifact["ArtifactType"] == "Model"
    (summary,) = aws.sagemaker.list_trial_components(SourceArn=described["TrainingJobArn"])["TrialComponentSummaries"]
    assert summary["TrialComponentName"] == found["TrialComponentName"]


def test_two_jobs_on_the_same_data_share_its_artifact(aws, channel):
    uri = aws.upload(aws.name("shared"), a=b"1")
    jobs = [aws.train(channel(uri)) for _ in range(2)]
    for job in jobs:
        aws.finished(job)
    (artifact,) = aws.sagemaker.list_artifacts(SourceUri=uri)["ArtifactSummaries"]
    read = aws.sagemaker.list_associations(SourceArn=artifact["ArtifactArn"])["AssociationSummaries"]
    assert {one["DestinationName"] for one in read} == {f"{job}-aws-training-job" for job in jobs}


def test_a_failed_job_leaves_a_component_without_a_model(aws):
    job = aws.train(exit="3")
    reason = aws.finished(job)["FailureReason"]
    found = component(aws, job)
    assert found["Status"]["PrimaryStatus"] == "Failed"
    assert reason in found["Status"]["Message"]
    assert "OutputArtifacts" not in found or not found["OutputArtifacts"]


def test_the_component_is_in_the_trial_of_the_experiment_config(aws):
    experiment, trial = aws.name("experiment"), aws.name("trial")
    aws.sagemaker.create_experiment(ExperimentName=experiment)
    aws.sagemaker.create_trial(TrialName=trial, ExperimentName=experiment)
    config = {"ExperimentName": experiment, "TrialName": trial, "TrialComponentDisplayName": "Training"}
    job = aws.train(ExperimentConfig=config)
    aws.finished(job)
    filters = [{"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": experiment}]
    found = aws.sagemaker.search(Resource="ExperimentTrialComponent", SearchExpression={"Filters": filters})
    (shown,) = [one["TrialComponent"] for one in found["Results"]]
    assert (shown["TrialComponentName"], shown["DisplayName"]) == (f"{job}-aws-training-job", "Training")


def test_a_transform_job_leaves_a_component(aws):
    model, name = aws.model(), aws.name("transform")
    source = aws.upload(name, a=b"1")
    aws.sagemaker.create_transform_job(
        TransformJobName=name,
        ModelName=model,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}},
            "ContentType": "text/csv",
        },
        TransformOutput={"S3OutputPath": "s3://bucket/traced-out"},
        TransformResources={"InstanceType": "ml.m4.xlarge", "InstanceCount": 1},
    )
    aws.until(
        lambda: aws.sagemaker.describe_transform_job(TransformJobName=name),
        lambda job: job["TransformJobStatus"] == "Completed",
        60,
    )
    found = component(aws, name, "transform-job")
    assert found["Source"]["SourceType"] == "SageMakerTransformJob"
    assert found["InputArtifacts"] == {"SageMaker.TransformInput": {"Value": source, "MediaType": "text/csv"}}
    assert found["OutputArtifacts"] == {"SageMaker.TransformOutput": {"Value": "s3://bucket/traced-out"}}
    assert found["Parameters"]["SageMaker.ModelName"] == {"StringValue": model}


def test_an_endpoint_leaves_a_context_and_the_action_of_its_deployment(aws):
    endpoint = aws.deploy(aws.config(aws.model()))
    arn = aws.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointArn"]
    (context,) = aws.sagemaker.list_contexts(SourceUri=arn)["ContextSummaries"]
    assert context["ContextType"] == "Endpoint"
    (action,) = aws.sagemaker.list_actions(SourceUri=arn)["ActionSummaries"]
    assert (action["ActionType"], action["Status"]) == ("ModelDeployment", "Completed")
    assert neighbours(aws, action["ActionArn"]) == [
        ("from", "Image", "ContributedTo"),
        ("from", "Model", "ContributedTo"),
        ("to", "Endpoint", "AssociatedWith"),
    ]
    ascent = aws.sagemaker.query_lineage(StartArns=[context["ContextArn"]], Direction="Ascendants")
    types = {vertex["LineageType"] for vertex in ascent["Vertices"]}
    assert types == {"Action", "Artifact", "TrialComponent"}
    jobs = aws.sagemaker.query_lineage(
        StartArns=[context["ContextArn"]],
        Direction="Ascendants",
        IncludeEdges=False,
        Filters={"LineageTypes": ["TrialComponent"]},
    )
    assert [one["Type"] for one in jobs["Vertices"]] == ["TrainingJob"] and not jobs.get("Edges")


@pytest.mark.parametrize("kind", ["action", "context"])
def test_life_of_an_action_and_a_context(aws, kind):
    stem, name = kind.capitalize(), aws.name(kind)
    call = {verb: getattr(aws.sagemaker, f"{verb}_{kind}") for verb in ("create", "describe", "update", "delete")}
    call["create"](
        **{f"{stem}Name": name, f"{stem}Type": "mine", "Source": {"SourceUri": "x"}, "Properties": {"a": "1"}}
    )
    call["update"](**{f"{stem}Name": name, "Properties": {"b": "2"}, "PropertiesToRemove": ["a"]})
    found = call["describe"](**{f"{stem}Name": name})
    assert (found[f"{stem}Type"], found["Properties"]) == ("mine", {"b": "2"})
    call["delete"](**{f"{stem}Name": name})
    with pytest.raises(aws.sagemaker.exceptions.ClientError, match="does not exist"):
        call["describe"](**{f"{stem}Name": name})


def test_a_name_that_is_free_again_may_be_written_in_another_case(aws):
    name = aws.name("again")
    aws.finished(aws.train(TrainingJobName=name))
    aws.sagemaker.delete_training_job(TrainingJobName=name)
    other = name.upper()
    assert aws.finished(aws.train(TrainingJobName=other))["TrainingJobStatus"] == "Completed"
    assert component(aws, other)["Status"]["PrimaryStatus"] == "Completed"


def test_actions_and_contexts_keep_the_rules_on_tags(aws):
    source = {"SourceUri": "s3://bucket/x"}
    tags = [{"Key": "aws:mine", "Value": "x"}]
    with pytest.raises(aws.sagemaker.exceptions.ClientError, match="reserved for AWS"):
        aws.sagemaker.create_action(ActionName="tagged", ActionType="x", Source=source, Tags=tags)
    with pytest.raises(aws.sagemaker.exceptions.ClientError, match="reserved for AWS"):
        aws.sagemaker.create_context(ContextName="tagged", ContextType="x", Source=source, Tags=tags)
