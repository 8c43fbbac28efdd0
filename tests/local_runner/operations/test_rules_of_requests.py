"""AWS's documented rules on requests, which the shapes of its model cannot say. Each case changes a request that is accepted."""

from __future__ import annotations

from copy import deepcopy
from functools import reduce

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from wildsage.local_runner.operations import operations
from wildsage.local_runner.operations.rules import rules_of
from wildsage.local_runner.operations.sagemaker import tag_rules

IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/kmeans:1"
ROLE = "arn:aws:iam::000000000000:role/r"
ABSENT = object()
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
VPC = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}

TRAINING = {
    "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    "RoleArn": ROLE,
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/output"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}
DEFINITION = {
    **TRAINING,
    "StaticHyperParameters": {"k": "2"},
    "AlgorithmSpecification": {
        **TRAINING["AlgorithmSpecification"],
        "MetricDefinitions": [{"Name": "m", "Regex": "m=(.*)"}],
    },
}
BASES = {
    "create_training_job": {"TrainingJobName": "rules", **TRAINING},
    "create_hyper_parameter_tuning_job": {
        "HyperParameterTuningJobName": "rules",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "m"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"IntegerParameterRanges": [{"Name": "i", "MinValue": "1", "MaxValue": "9"}]},
        },
        "TrainingJobDefinition": DEFINITION,
    },
    "create_transform_job": {
        "TransformJobName": "rules",
        "ModelName": "plain",
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in"}}},
        "TransformOutput": {"S3OutputPath": "s3://bucket/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    },
    "create_model": {"ModelName": "rules", "ExecutionRoleArn": ROLE, "PrimaryContainer": {"Image": IMAGE}},
    "create_endpoint_config": {
        "EndpointConfigName": "rules",
        "ProductionVariants": [
            {"VariantName": "v", "ModelName": "plain", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        ],
    },
    "create_processing_job": {
        "ProcessingJobName": "rules",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["true"]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
    },
    "create_trial_component": {"TrialComponentName": "rules"},
    "list_trial_components": {},
    "search": {"Resource": "TrainingJob"},
    "create_experiment": {"ExperimentName": "rules"},
}


def channel(name: str = "train", **fields) -> dict:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in", **fields.pop("source", {})}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, **fields}


def read(name: str = "rows", **fields) -> dict:
    s3 = {"S3Uri": "s3://bucket/in", "S3DataType": "S3Prefix", "LocalPath": f"/opt/ml/processing/{name}", **fields}
    return {"InputName": name, "S3Input": {field: value for field, value in s3.items() if value is not ABSENT}}


def written(name: str = "out", **fields) -> dict:
    s3 = {"S3Uri": "s3://bucket/p", "S3UploadMode": "EndOfJob", "LocalPath": f"/opt/ml/processing/{name}"}
    return {"OutputName": name, "S3Output": s3, **fields}


def variant(**fields) -> dict:
    return {"VariantName": "v", "ModelName": "plain", **fields}


def serverless(**fields) -> dict:
    return variant(ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 5}, **fields)


def integer_ranges(count: int) -> list[dict]:
    return [{"Name": f"i{number}", "MinValue": "1", "MaxValue": "9"} for number in range(count)]


MACHINES = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
CAPTURE = {"EnableCapture": True, "InitialSamplingPercentage": 50, "DestinationS3Uri": "s3://bucket/c"}
ASYNC = {"OutputConfig": {"S3OutputPath": "s3://bucket/async"}}
TUNED = "TrainingJobDefinition.HyperParameterTuningResourceConfig"
CLUSTER = "ProcessingResources.ClusterConfig"
CONFIG = "HyperParameterTuningJobConfig"
FILTER = {"Name": "TrainingJobName", "Value": "x"}

CASES = [
    # CreateTrainingJob: ResourceConfig
    ("create_training_job", {"ResourceConfig": ABSENT}, "ResourceConfig needs an InstanceType"),
    ("create_training_job", {"ResourceConfig.InstanceType": ABSENT}, "ResourceConfig needs an InstanceType"),
    ("create_training_job", {"ResourceConfig.InstanceCount": ABSENT}, "InstanceCount: got none, expected 1 or more"),
    ("create_training_job", {"ResourceConfig.InstanceCount": 0}, "InstanceCount: got 0, expected 1 or more"),
    ("create_training_job", {"ResourceConfig.VolumeSizeInGB": ABSENT}, "ml.m5.large has no local storage"),
    (
        "create_training_job",
        {"ResourceConfig.InstanceType": "ml.g5.xlarge", "ResourceConfig.VolumeKmsKeyId": KEY},
        "You can't request a ResourceConfig.VolumeKmsKeyId when using an instance type with local storage",
    ),
    ("create_training_job", {"ResourceConfig.SelectedInstanceCount": 1}, "SelectedInstanceCount is read-only"),
    # StoppingCondition and spot
    (
        "create_training_job",
        {"EnableManagedSpotTraining": True},
        "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds",
    ),
    (
        "create_training_job",
        {"EnableManagedSpotTraining": True, "StoppingCondition.MaxWaitTimeInSeconds": 59},
        "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds",
    ),
    (
        "create_training_job",
        {
            "EnableManagedSpotTraining": True,
            "StoppingCondition.MaxWaitTimeInSeconds": 60,
            "ResourceConfig.KeepAlivePeriodInSeconds": 60,
        },
        "warm pools are not available with EnableManagedSpotTraining",
    ),
    ("create_training_job", {"StoppingCondition.MaxRuntimeInSeconds": 2_419_201}, "expected at most 2419200 (28 days)"),
    # Channels
    ("create_training_job", {"InputDataConfig": [channel(), channel()]}, "Channel names must be unique"),
    (
        "create_training_job",
        {"InputDataConfig": [channel(CompressionType="Gzip")]},
        "Invalid compression type for channel train: File mode only supports NONE, got Gzip instead",
    ),
    (
        "create_training_job",
        {"InputDataConfig": [channel(CompressionType="Gzip", InputMode="FastFile")]},
        "Invalid compression type for channel train: FastFile mode only supports NONE, got Gzip instead",
    ),
    ("create_training_job", {"InputDataConfig": [channel(RecordWrapperType="RecordIO")]}, "needs input mode Pipe"),
    (
        "create_training_job",
        {"InputDataConfig": [channel(source={"S3DataType": "AugmentedManifestFile", "AttributeNames": ["a"]})]},
        "S3DataType AugmentedManifestFile needs input mode Pipe",
    ),
    (
        "create_training_job",
        {"InputDataConfig": [channel(InputMode="Pipe", source={"S3DataType": "AugmentedManifestFile"})]},
        "AugmentedManifestFile needs AttributeNames",
    ),
    (
        "create_training_job",
        {"InputDataConfig": [channel(InputMode="Pipe"), channel("train_0")]},
        "has the name of a pipe of channel train",
    ),
    # What may occur once
    (
        "create_training_job",
        {"AlgorithmSpecification.MetricDefinitions": [{"Name": "m", "Regex": "(.*)"}] * 2},
        "AlgorithmSpecification.MetricDefinitions.Name must be unique, got m more than once",
    ),
    (
        "create_training_job",
        {"DebugRuleConfigurations": [{"RuleConfigurationName": "r", "RuleEvaluatorImage": "i"}] * 2},
        "DebugRuleConfigurations.RuleConfigurationName must be unique",
    ),
    (
        "create_training_job",
        {"ProfilerRuleConfigurations": [{"RuleConfigurationName": "r", "RuleEvaluatorImage": "i"}] * 2},
        "ProfilerRuleConfigurations.RuleConfigurationName must be unique",
    ),
    (
        "create_training_job",
        {"DebugHookConfig": {"S3OutputPath": "s3://b/c", "CollectionConfigurations": [{"CollectionName": "c"}] * 2}},
        "DebugHookConfig.CollectionConfigurations.CollectionName must be unique",
    ),
    # Tags
    (
        "create_training_job",
        {"Tags": [{"Key": "a", "Value": "1"}] * 2},
        "Tags.Key must be unique, got a more than once",
    ),
    ("create_training_job", {"Tags": [{"Key": "aws:a", "Value": "1"}]}, "keys that begin with aws: are reserved"),
    ("create_experiment", {"Tags": [{"Key": "AWS:a", "Value": "1"}]}, "keys that begin with aws: are reserved"),
    # CreateHyperParameterTuningJob
    ("create_hyper_parameter_tuning_job", {"TrainingJobDefinition": ABSENT}, "Either TrainingJobDefinition or"),
    (
        "create_hyper_parameter_tuning_job",
        {"TrainingJobDefinition": ABSENT, "TrainingJobDefinitions": [DEFINITION, DEFINITION]},
        "needs a DefinitionName of its own",
    ),
    (
        "create_hyper_parameter_tuning_job",
        {f"{CONFIG}.ResourceLimits.MaxParallelTrainingJobs": 2},
        "MaxParallelTrainingJobs is 2, more than MaxNumberOfTrainingJobs, which is 1",
    ),
    (
        "create_hyper_parameter_tuning_job",
        {f"{CONFIG}.Strategy": "Hyperband", f"{CONFIG}.TrainingJobEarlyStoppingType": "Auto"},
        "Set TrainingJobEarlyStoppingType to Off",
    ),
    (
        "create_hyper_parameter_tuning_job",
        {f"{CONFIG}.StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 3}}},
        "StrategyConfig is for strategy Hyperband, got Random",
    ),
    (
        "create_hyper_parameter_tuning_job",
        {TUNED: {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
        "needs either ResourceConfig or",
    ),
    (
        "create_hyper_parameter_tuning_job",
        {
            "TrainingJobDefinition.ResourceConfig": ABSENT,
            TUNED: {
                "InstanceType": "ml.m5.large",
                "InstanceConfigs": [{"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}],
            },
        },
        "InstanceConfigs and InstanceType exclude each other",
    ),
    (
        "create_hyper_parameter_tuning_job",
        {"TrainingJobDefinition.EnableManagedSpotTraining": True},
        "Invalid MaxWaitTimeInSeconds",
    ),
    (
        "create_hyper_parameter_tuning_job",
        {
            f"{CONFIG}.ParameterRanges.IntegerParameterRanges": integer_ranges(20),
            f"{CONFIG}.ParameterRanges.CategoricalParameterRanges": [
                {"Name": f"c{number}", "Values": ["x"]} for number in range(11)
            ],
        },
        "got 31 of all kinds together, expected at most 30",
    ),
    (
        "create_hyper_parameter_tuning_job",
        {
            "TrainingJobDefinition": ABSENT,
            "TrainingJobDefinitions": [
                {**DEFINITION, "DefinitionName": name, "Environment": {f"V{n}": "x" for n in range(25)}}
                for name in "ab"
            ],
        },
        "got 50 variables in all definitions, expected at most 48",
    ),
    (
        "create_hyper_parameter_tuning_job",
        {
            "WarmStartConfig": {
                "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "p"}] * 2,
                "WarmStartType": "TransferLearning",
            }
        },
        "HyperParameterTuningJobName must be unique, got p more than once",
    ),
    # CreateProcessingJob
    ("create_processing_job", {f"{CLUSTER}.InstanceCount": ABSENT}, "needs an InstanceCount"),
    ("create_processing_job", {f"{CLUSTER}.InstanceType": ABSENT}, "needs an InstanceType"),
    ("create_processing_job", {f"{CLUSTER}.SelectedInstanceCount": 1}, "SelectedInstanceCount is read-only"),
    (
        "create_processing_job",
        {f"{CLUSTER}.InstanceType": "ml.g5.xlarge", f"{CLUSTER}.VolumeKmsKeyId": KEY},
        "when using an instance type with local storage, got ml.g5.xlarge",
    ),
    (
        "create_processing_job",
        {f"{CLUSTER}.InstancePreferences": [{"InstanceType": "ml.m5.large"}]},
        "InstancePreferences is not implemented",
    ),
    ("create_processing_job", {"ProcessingInputs": [read(), read()]}, "InputName must be unique, got rows"),
    (
        "create_processing_job",
        {"ProcessingOutputConfig": {"Outputs": [written(), written()]}},
        "OutputName must be unique, got out",
    ),
    ("create_processing_job", {"ProcessingInputs": [{"InputName": "a"}]}, "needs either S3Input or DatasetDefinition"),
    (
        "create_processing_job",
        {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "a"}]}},
        "needs either S3Output or FeatureStoreOutput, got neither",
    ),
    (
        "create_processing_job",
        {"ProcessingInputs": [read(LocalPath=ABSENT)]},
        "Input rows: LocalPath is None, expected a path below /opt/ml/processing",
    ),
    (
        "create_processing_job",
        {"ProcessingInputs": [read(LocalPath="/opt/ml/input/data")]},
        "expected a path below",
    ),
    (
        "create_processing_job",
        {"ProcessingInputs": [read(S3CompressionType="Gzip", S3InputMode="File")]},
        "S3CompressionType Gzip needs S3InputMode Pipe",
    ),
    # CreateTransformJob
    (
        "create_transform_job",
        {"BatchStrategy": "MultiRecord"},
        "BatchStrategy MultiRecord needs a TransformInput.SplitType",
    ),
    ("create_transform_job", {"MaxPayloadInMB": 101}, "MaxPayloadInMB: got 101, expected at most 100"),
    (
        "create_transform_job",
        {"MaxPayloadInMB": 60, "MaxConcurrentTransforms": 2},
        "got 2 * 60 MB, expected at most 100",
    ),
    (
        "create_transform_job",
        {"TransformResources.InstanceType": "ml.g4dn.xlarge", "TransformResources.VolumeKmsKeyId": KEY},
        "when using an instance type with local storage, got ml.g4dn.xlarge",
    ),
    ("create_transform_job", {"ModelName": "many"}, "multi-model container, which batch transform does not support"),
    ("create_transform_job", {"ModelName": "source"}, "ModelDataSource, which batch transform does not support"),
    # CreateModel
    ("create_model", {"PrimaryContainer": ABSENT}, "needs either PrimaryContainer or Containers, got neither"),
    ("create_model", {"Containers": [{"Image": IMAGE}]}, "got PrimaryContainer and Containers"),
    (
        "create_model",
        {"PrimaryContainer": ABSENT, "Containers": [{"Image": IMAGE, "ContainerHostname": "a"}, {"Image": IMAGE}]},
        "ContainerHostname: got 1 for 2 containers, expected one for every container or none",
    ),
    (
        "create_model",
        {"PrimaryContainer": ABSENT, "Containers": [{"Image": IMAGE, "ContainerHostname": "a"}] * 2},
        "ContainerHostname must be unique in a model",
    ),
    ("create_model", {"PrimaryContainer.MultiModelConfig": {"ModelCacheSetting": "Disabled"}}, "needs Mode MultiModel"),
    ("create_model", {"PrimaryContainer.Mode": "MultiModel"}, "Mode MultiModel needs a ModelDataUrl"),
    (
        "create_model",
        {
            "PrimaryContainer.ModelDataUrl": "s3://bucket/m.tar.gz",
            "PrimaryContainer.ModelDataSource": {
                "S3DataSource": {"S3Uri": "s3://bucket/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}
            },
        },
        "ModelDataUrl and ModelDataSource exclude each other",
    ),
    (
        "create_model",
        {"PrimaryContainer.Environment": {f"V{number}": "x" * 1000 for number in range(34)}},
        "bytes in all containers, expected at most 32768",
    ),
    (
        "create_model",
        {
            "PrimaryContainer.ImageConfig": {
                "RepositoryAccessMode": "Platform",
                "RepositoryAuthConfig": {"RepositoryCredentialsProviderArn": "arn:aws:lambda:us-east-1:0:f"},
            }
        },
        "RepositoryAuthConfig needs RepositoryAccessMode Vpc",
    ),
    (
        "create_model",
        {
            "PrimaryContainer.ModelDataSource": {
                "S3DataSource": {"S3Uri": "s3://bucket/m", "S3DataType": "S3Prefix", "CompressionType": "None"}
            }
        },
        "the S3Uri of an S3Prefix must end with a slash (/)",
    ),
    # CreateEndpointConfig
    ("create_endpoint_config", {"ProductionVariants": [variant(**MACHINES)] * 2}, "Variant names must be unique"),
    ("create_endpoint_config", {"ProductionVariants": [variant(InitialInstanceCount=1)]}, "needs an InstanceType and"),
    (
        "create_endpoint_config",
        {"ProductionVariants": [variant(InstanceType="ml.m5.large")]},
        "needs an InstanceType and",
    ),
    ("create_endpoint_config", {"ProductionVariants": [serverless(**MACHINES)]}, "exclude each other"),
    (
        "create_endpoint_config",
        {"ProductionVariants": [variant(**MACHINES, InitialVariantWeight=0)]},
        "The weight is 0 for all variants",
    ),
    (
        "create_endpoint_config",
        {"ProductionVariants": [variant(InstanceType="ml.g5.xlarge", InitialInstanceCount=1, VolumeSizeInGB=5)]},
        "VolumeSizeInGB cannot be chosen for ml.g5.xlarge",
    ),
    (
        "create_endpoint_config",
        {"ProductionVariants": [variant(InstanceType="ml.g5.xlarge", InitialInstanceCount=1)], "KmsKeyId": KEY},
        "You can't request a KmsKeyId when using an instance type with local storage",
    ),
    (
        "create_endpoint_config",
        {"ProductionVariants": [variant(ServerlessConfig={"MemorySizeInMB": 1500, "MaxConcurrency": 1})]},
        "MemorySizeInMB: got 1500, expected one of 1024, 2048, 3072, 4096, 5120, 6144",
    ),
    (
        "create_endpoint_config",
        {
            "ProductionVariants": [
                variant(ServerlessConfig={"MemorySizeInMB": 1024, "MaxConcurrency": 1, "ProvisionedConcurrency": 2})
            ]
        },
        "ProvisionedConcurrency: got 2, expected at most MaxConcurrency, which is 1",
    ),
    (
        "create_endpoint_config",
        {"ProductionVariants": [serverless(), {**serverless(), "VariantName": "w"}]},
        "A serverless endpoint has one variant",
    ),
    *(
        ("create_endpoint_config", {"ProductionVariants": [serverless()], **other}, "cannot be used with a serverless")
        for other in (
            {"AsyncInferenceConfig": ASYNC},
            {"VpcConfig": VPC},
            {"EnableNetworkIsolation": True},
            {"DataCaptureConfig": {**CAPTURE, "CaptureOptions": [{"CaptureMode": "Input"}]}},
        )
    ),
    *(
        ("create_endpoint_config", {"ProductionVariants": [serverless() | {"ModelName": model}]}, words)
        for model, words in (
            ("many", "multi-model container, which a serverless"),
            ("source", "ModelDataSource, which a serverless"),
            ("pipeline", "is a pipeline, which a serverless"),
            ("private", "VpcConfig, which a serverless"),
        )
    ),
    ("create_endpoint_config", {"AsyncInferenceConfig": {"OutputConfig": {}}}, "OutputConfig needs an S3OutputPath"),
    (
        "create_endpoint_config",
        {"DataCaptureConfig": {**CAPTURE, "CaptureOptions": [{"CaptureMode": "Input"}] * 2}},
        "CaptureMode must be unique, got Input more than once",
    ),
    (
        "create_endpoint_config",
        {"MetricsConfig": {"MetricPublishFrequencyInSeconds": 20}},
        "got 20, expected one of 10, 30",
    ),
    # Experiments and Search
    (
        "create_trial_component",
        {"Parameters": {"p": {"StringValue": "a", "NumberValue": 1}}},
        "StringValue and NumberValue exclude each other",
    ),
    (
        "list_trial_components",
        {"ExperimentName": "e", "TrialName": "t"},
        "ExperimentName and TrialName exclude each other",
    ),
    ("search", {"SearchExpression": {"Operator": "And"}}, "needs at least one of Filters"),
    (
        "search",
        {"SearchExpression": {"Filters": [FILTER] * 20, "SubExpressions": [{"Filters": [FILTER] * 20}] * 2}},
        "got 62 conditions, expected at most 50",
    ),
    *(
        ("search", {"SearchExpression": {"Filters": filters}}, words)
        for filters, words in (
            ([{"Name": "Colour", "Value": "x"}], "TrainingJob has no property Colour"),
            (
                [{"Name": "TrainingJobStatus", "Operator": "GreaterThan", "Value": "x"}],
                "TrainingJobStatus: operator GreaterThan is not supported for text properties",
            ),
            (
                [{"Name": "ResourceConfig.InstanceCount", "Operator": "In", "Value": "1,2"}],
                "InstanceCount: operator In is only supported for text properties",
            ),
            (
                [{"Name": "CreationTime", "Operator": "Contains", "Value": "2026"}],
                "CreationTime: operator Contains is only supported for text properties",
            ),
            ([{**FILTER, "Operator": "Contains"}] * 2, "'CONTAINS' operator usage limit of 1 exceeded."),
        )
    ),
]


@pytest.fixture(scope="module")
def ready(aws):
    """The models that requests name."""
    aws.upload("m", **{"model.tar.gz": b"", "part/file": b""})
    aws.upload("in", rows=b"1,2\n")
    source = {"S3DataSource": {"S3Uri": "s3://bucket/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
    containers = {
        "plain": {"Image": IMAGE},
        "many": {"Image": IMAGE, "Mode": "MultiModel", "ModelDataUrl": "s3://bucket/m/"},
        "source": {"Image": IMAGE, "ModelDataSource": source},
    }
    for name, container in containers.items():
        aws.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    aws.sagemaker.create_model(ModelName="pipeline", ExecutionRoleArn=ROLE, Containers=[{"Image": IMAGE}] * 2)
    aws.sagemaker.create_model(
        ModelName="private", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE}, VpcConfig=VPC
    )
    return aws


def changed(base: dict, changes: dict) -> dict:
    request = deepcopy(base)
    for path, value in changes.items():
        *folders, name = path.split(".")
        place = reduce(lambda found, folder: found[folder], folders, request)
        if value is ABSENT:
            del place[name]
        else:
            place[name] = value
    return request


@pytest.mark.parametrize(
    ("operation", "changes", "words"), CASES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_request_that_breaks_a_rule_is_rejected(ready, operation, changes, words):
    with pytest.raises(ClientError) as caught:
        getattr(ready.sagemaker, operation)(**changed(BASES[operation], changes))
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert words in error["Message"]


@pytest.mark.parametrize("operation", BASES)
def test_the_request_that_the_cases_change_is_accepted(ready, operation):
    getattr(ready.sagemaker, operation)(**BASES[operation])


def test_several_contains_are_accepted_for_names_and_tags(aws):
    names = ("DisplayName", "TrialComponentName", "Tags.team", "InputArtifacts.rows.Value")
    filters = [{"Name": name, "Operator": "Contains", "Value": "x"} for name in names]
    expression = {"Filters": filters, "SubExpressions": [{"Filters": filters}]}
    aws.sagemaker.search(Resource="ExperimentTrialComponent", SearchExpression=expression)


def test_properties_with_names_of_the_users_own_are_accepted(aws):
    names = ("HyperParameters.k", "Metrics.train:msd", "Tags.team", "InputDataConfig.ChannelName")
    filters = [{"Name": name, "Operator": "Equals", "Value": "1"} for name in names]
    order = [{"Name": name, "Operator": "LessThan", "Value": "1"} for name in names[:3]]
    aws.sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": filters + order})


def test_an_endpoint_with_instances_stays_one(aws):
    endpoint = aws.deploy(aws.config(aws.model()))
    config = aws.name("config")
    aws.sagemaker.create_endpoint_config(
        EndpointConfigName=config, ProductionVariants=[serverless() | {"ModelName": aws.model()}]
    )
    with pytest.raises(ClientError, match="cannot be converted to a serverless endpoint"):
        aws.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
    weights = [{"VariantName": "v0", "DesiredWeight": 0}]
    with pytest.raises(ClientError, match="The weight is 0 for all variants"):
        aws.sagemaker.update_endpoint_weights_and_capacities(EndpointName=endpoint, DesiredWeightsAndCapacities=weights)
    assert aws.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "InService"


def test_spot_machines_with_time_to_wait_are_accepted(aws):
    job = aws.train(
        EnableManagedSpotTraining=True, StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}
    )
    assert aws.finished(job)["TrainingJobStatus"] == "Completed"


def test_a_resource_has_at_most_fifty_tags(aws):
    arn = aws.sagemaker.create_experiment(
        ExperimentName="tagged", Tags=[{"Key": f"k{number}", "Value": "v"} for number in range(50)]
    )["ExperimentArn"]
    with pytest.raises(ClientError, match="would have 51 tags, expected at most 50"):
        aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "one more", "Value": "v"}])
    aws.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "k0", "Value": "changed"}])
    assert len(aws.sagemaker.list_tags(ResourceArn=arn)["Tags"]) == 50


def test_every_operation_that_takes_tags_keeps_the_rules_on_tags():
    model = botocore.session.get_session().get_service_model("sagemaker")
    for name in model.operation_names:
        shape = model.operation_model(name).input_shape
        operation = operations().get(("sagemaker", xform_name(name)))
        if operation and shape and "Tags" in shape.members:
            assert set(tag_rules.RULES) <= set(rules_of(operation)), name
