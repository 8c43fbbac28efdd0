"""What jobs and endpoints leave for those who trace results, and what is asked of it."""

import itertools
from datetime import UTC, datetime
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
    )
    found = component(aws, name, "transform-job")
    assert found["Source"]["SourceType"] == "SageMakerTransformJob"
    assert found["InputArtifacts"] == {"SageMaker.TransformInput": {"Value": source, "MediaType": "text/csv"}}
    assert neighbours(aws, found["TrialComponentArn"]) == [
        ("from", "DataSet", "ContributedTo"),
        ("from", "Image", "ContributedTo"),
        ("from", "Model", "ContributedTo"),
        ("to", "DataSet", "Produced"),
    ]
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
        ("from", "Endpoint", "AssociatedWith"),
        ("from", "Image", "ContributedTo"),
        ("from", "Model", "ContributedTo"),
        ("to", "Endpoint", "AssociatedWith"),
        ("to", "Model", "AssociatedWith"),
    ]
    ascent = aws.sagemaker.query_lineage(StartArns=[context["ContextArn"]], Direction="Ascendants")
    types = {vertex["LineageType"] for vertex in ascent["Vertices"]}
    assert types == {"Action", "Artifact", "Context", "TrialComponent"}
    jobs = aws.sagemaker.query_lineage(
        StartArns=[context["ContextArn"]],
        Direction="Ascendants",
        IncludeEdges=False,
        Filters={"LineageTypes": ["TrialComponent"]},
    )
    assert [one["Type"] for one in jobs["Vertices"]] == ["TrainingJob"] and not jobs.get("Edges")


def test_the_models_of_an_endpoint_are_apart(aws):
    """What SDK v2 asks of an endpoint goes down from its context; what it asks of one model does not reach the others."""
    endpoint = aws.deploy(aws.config(aws.model(), aws.model()))
    arn = aws.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointArn"]
    (context,) = aws.sagemaker.list_contexts(SourceUri=arn)["ContextSummaries"]
    (action,) = aws.sagemaker.list_actions(SourceUri=arn)["ActionSummaries"]

    def found(start: str, direction: str, lineage_type: str, *types: str, **more) -> list[str]:
        filters = {"LineageTypes": [lineage_type], **({"Types": list(types)} if types else {}), **more}
        answer = aws.sagemaker.query_lineage(
            StartArns=[start], Direction=direction, IncludeEdges=False, Filters=filters
        )
        return [one["Arn"] for one in answer["Vertices"]]

    assert found(context["ContextArn"], "Descendants", "Action", "ModelDeployment") == [action["ActionArn"]]
    models = found(action["ActionArn"], "Descendants", "Artifact", "Model")
    assert len(models) == 2
    for model in models:
        assert len(found(model, "Ascendants", "TrialComponent")) == 1
        assert found(model, "Ascendants", "Context") == []
        assert found(model, "Descendants", "Artifact", "Model") == []
        assert found(model, "Descendants", "Context", "Endpoint") == [context["ContextArn"]]
    assert sorted(found(context["ContextArn"], "Ascendants", "Artifact", "Model")) == sorted(models)


def test_a_query_with_edges_has_the_way_to_what_its_filters_select(aws):
    endpoint = aws.deploy(aws.config(aws.model()))
    arn = aws.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointArn"]
    (context,) = aws.sagemaker.list_contexts(SourceUri=arn)["ContextSummaries"]
    answer = aws.sagemaker.query_lineage(
        StartArns=[context["ContextArn"]], Direction="Ascendants", Filters={"Types": ["TrainingJob"]}
    )
    types = [(one["LineageType"], one["Type"]) for one in answer["Vertices"]]
    assert types == [
        ("Context", "Endpoint"),
        ("Action", "ModelDeployment"),
        ("Artifact", "Model"),
        ("TrialComponent", "TrainingJob"),
    ]
    drawn = {one["Arn"] for one in answer["Vertices"]}
    assert len(answer["Edges"]) == 3
    assert all({one["SourceArn"], one["DestinationArn"]} <= drawn for one in answer["Edges"])


def test_a_query_filters_by_time_and_property(aws):
    source, after = aws.name("source"), datetime.now(UTC)
    arns = [
        aws.sagemaker.create_artifact(
            ArtifactType="mine", Source={"SourceUri": f"{source}-{place}"}, Properties={"place": place}
        )["ArtifactArn"]
        for place in ("a", "b", "c")
    ]
    for arn in arns[1:]:
        aws.sagemaker.add_association(SourceArn=arns[0], DestinationArn=arn)

    def found(**filters) -> list[str]:
        answer = aws.sagemaker.query_lineage(StartArns=arns[:1], IncludeEdges=False, Filters=filters)
        return [one["Arn"] for one in answer["Vertices"]]

    assert found(Properties={"place": "b", "other": "x"}) == arns[1:2]
    assert sorted(found(CreatedAfter=after)) == sorted(found(ModifiedAfter=after)) == sorted(arns[1:])
    assert found(CreatedBefore=after) == found(ModifiedBefore=after) == []


def test_a_query_from_what_does_not_exist_is_rejected(aws):
    arn = "arn:aws:sagemaker:us-east-1:000000000000:artifact/none"
    with pytest.raises(aws.sagemaker.exceptions.ClientError, match="No lineage entity has the ARN") as raised:
        aws.sagemaker.query_lineage(StartArns=[arn])
    assert raised.value.response["Error"]["Code"] == "ResourceNotFound"


def test_associations_of_the_users_own_entities_have_their_types(aws):
    """SDK v2 finds the models of an endpoint through associations that a user made: context, action, artifact."""
    source = {"SourceUri": aws.name("source")}
    context, action = aws.name("context"), aws.name("action")
    arns = [
        aws.sagemaker.create_context(ContextName=context, ContextType="mine", Source=source)["ContextArn"],
        aws.sagemaker.create_action(ActionName=action, ActionType="ModelDeployment", Source=source)["ActionArn"],
        aws.sagemaker.create_artifact(ArtifactType="Model", Source=source)["ArtifactArn"],
    ]
    for source_arn, destination_arn in itertools.pairwise(arns):
        aws.sagemaker.add_association(SourceArn=source_arn, DestinationArn=destination_arn)

    def found(**request) -> list[str]:
        listed = aws.sagemaker.list_associations(SourceArn=request.pop("of"), **request)
        return [one["DestinationArn"] for one in listed["AssociationSummaries"]]

    assert (
        found(of=arns[0], DestinationType="ModelDeployment") == found(of=arns[0], DestinationType="Action") == arns[1:2]
    )
    assert found(of=arns[0], DestinationType="Model") == []
    assert found(of=arns[1], DestinationType="Model") == found(of=arns[1], SourceType="Action") == arns[2:]
    (one,) = aws.sagemaker.list_associations(SourceArn=arns[0])["AssociationSummaries"]
    assert (one["SourceName"], one["SourceType"], one["DestinationName"]) == (context, "mine", action)


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
