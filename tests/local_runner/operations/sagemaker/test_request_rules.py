"""Rules of requests at their edges: the last value that is accepted and the first that is not, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local_runner.operations.test_rules_of_requests import (
    ABSENT,
    ASYNC,
    BASES,
    CAPTURE,
    CASES,
    CLUSTER,
    CONFIG,
    DEFINITION,
    FILTER,
    IMAGE,
    KEY,
    MACHINES,
    TUNED,
    VPC,
    changed,
    channel,
    integer_ranges,
    read,
    serverless,
    variant,
    written,
)
from wildsage.local_runner.operations import operations
from wildsage.local_runner.operations.rules import check, rules_of
from wildsage.local_runner.operations.sagemaker import endpoint_rules, transform_rules
from wildsage.local_runner.operations.sagemaker.model_rules import MAX_ENVIRONMENT_BYTES, PUBLISH_EVERY_S
from wildsage.local_runner.wire.errors import AwsError

TRAINING, TUNING, TRANSFORM = "create_training_job", "create_hyper_parameter_tuning_job", "create_transform_job"
MODEL, ENDPOINT, PROCESSING = "create_model", "create_endpoint_config", "create_processing_job"
OWN_DISKS = "ml.g5.xlarge"
SPOT = {"EnableManagedSpotTraining": True}
PREFIX = {"S3DataSource": {"S3Uri": "s3://bucket/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
OBJECT = {"S3DataSource": {"S3Uri": "s3://bucket/m.tar.gz", "S3DataType": "S3Object", "CompressionType": "Gzip"}}


def problem(operation: str, changes: dict[str, Any]) -> str:
    """The error of an operation's rules on its request with these changes; "" without one."""
    try:
        check(changed(BASES[operation], changes), rules_of(operations()["sagemaker", operation]))
    except AwsError as error:
        return str(error)
    return ""


def pipeline(*hostnames: str | None, **fields: Any) -> dict[str, Any]:
    containers = [{"Image": IMAGE, **({"ContainerHostname": name} if name else {})} for name in hostnames]
    return {"PrimaryContainer": ABSENT, "Containers": containers, **fields}


def tuned(*definitions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"TrainingJobDefinition": ABSENT, "TrainingJobDefinitions": list(definitions), **fields}


def variables(total_bytes: int, *, letter: str = "x") -> dict[str, str]:
    """Variables whose names and values have so many bytes."""
    return {"V": letter * ((total_bytes - 1) // len(letter.encode()))}


def publishing(seconds: int) -> dict[str, Any]:
    return {"ContainerMetricsConfig": {"MetricsEndpoints": [{"MetricPublishFrequencyInSeconds": seconds}]}}


def searched(*names: str, operator: str = "Equals", resource: str = "TrainingJob") -> dict[str, Any]:
    filters = [{"Name": name, "Operator": operator, "Value": "1"} for name in names]
    return {"Resource": resource, "SearchExpression": {"Filters": filters}}


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    *((operation, {}) for operation in BASES),
    # Machines
    (TRAINING, {"ResourceConfig": {"InstanceType": OWN_DISKS, "InstanceCount": 1}}),
    (TRAINING, {"ResourceConfig.VolumeKmsKeyId": KEY}),
    (TRAINING, {"ResourceConfig.InstanceType": OWN_DISKS}),
    (PROCESSING, {f"{CLUSTER}.VolumeKmsKeyId": KEY}),
    (TRANSFORM, {"TransformResources.VolumeKmsKeyId": KEY}),
    # Time
    (TRAINING, {"StoppingCondition.MaxRuntimeInSeconds": 28 * 24 * 3600}),
    (TRAINING, {**SPOT, "StoppingCondition.MaxWaitTimeInSeconds": 60}),
    (TRAINING, {**SPOT, "StoppingCondition": {"MaxWaitTimeInSeconds": 1}}),
    (TRAINING, {"StoppingCondition.MaxWaitTimeInSeconds": 61}),
    (TRAINING, {"StoppingCondition": ABSENT}),
    (TRAINING, {"ResourceConfig.KeepAlivePeriodInSeconds": 60}),
    (TRAINING, {**SPOT, "StoppingCondition.MaxWaitTimeInSeconds": 60, "ResourceConfig.KeepAlivePeriodInSeconds": 0}),
    # Channels
    (TRAINING, {"InputDataConfig": [channel("a"), channel("b")]}),
    (TRAINING, {"InputDataConfig": [channel(CompressionType="None", RecordWrapperType="None")]}),
    (TRAINING, {"InputDataConfig": [channel(InputMode="Pipe", CompressionType="Gzip", RecordWrapperType="RecordIO")]}),
    (
        TRAINING,
        {"AlgorithmSpecification.TrainingInputMode": "Pipe", "InputDataConfig": [channel(CompressionType="Gzip")]},
    ),
    (
        TRAINING,
        {
            "InputDataConfig": [
                channel(InputMode="Pipe", source={"S3DataType": "AugmentedManifestFile", "AttributeNames": ["a"]})
            ]
        },
    ),
    (TRAINING, {"InputDataConfig": [channel("train"), channel("train_0")]}),
    (TRAINING, {"InputDataConfig": [channel("train", InputMode="Pipe"), channel("train_0", InputMode="Pipe")]}),
    (TRAINING, {"InputDataConfig": [channel("train", InputMode="Pipe"), channel("train_x"), channel("test_0")]}),
    # Tags
    (TRAINING, {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}, {"Key": "my aws:", "Value": "1"}]}),
    # Tuning
    (TUNING, {f"{CONFIG}.ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2}}),
    (TUNING, {f"{CONFIG}.ResourceLimits": {"MaxParallelTrainingJobs": 2}}),
    (TUNING, {f"{CONFIG}.Strategy": "Hyperband", f"{CONFIG}.TrainingJobEarlyStoppingType": "Off"}),
    (TUNING, {f"{CONFIG}.TrainingJobEarlyStoppingType": "Auto"}),
    (TUNING, {f"{CONFIG}.Strategy": "Hyperband", f"{CONFIG}.StrategyConfig": {}}),
    (TUNING, {f"{CONFIG}.Strategy": "Grid"}),
    (TUNING, {"WarmStartConfig": {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "p"}]}}),
    (TUNING, tuned(DEFINITION)),
    (TUNING, tuned({**DEFINITION, "DefinitionName": "a"}, {**DEFINITION, "DefinitionName": "b"})),
    (
        TUNING,
        tuned(
            *(
                {**DEFINITION, "DefinitionName": one, "Environment": dict.fromkeys("abcdefghijklmnopqrstuvwx", "")}
                for one in "ab"
            )
        ),
    ),
    (TUNING, {f"{CONFIG}.ParameterRanges.IntegerParameterRanges": integer_ranges(30)}),
    (TUNING, {"TrainingJobDefinition.HyperParameterRanges": {"IntegerParameterRanges": integer_ranges(30)}}),
    (TUNING, {"TrainingJobDefinition.ResourceConfig": ABSENT, TUNED: {"InstanceType": OWN_DISKS, "InstanceCount": 1}}),
    (
        TUNING,
        {"TrainingJobDefinition.ResourceConfig": ABSENT, TUNED: {"InstanceConfigs": [{"InstanceType": OWN_DISKS}]}},
    ),
    (
        TUNING,
        {"TrainingJobDefinition.ResourceConfig": ABSENT, TUNED: {"VolumeKmsKeyId": KEY, "InstanceType": "ml.m5.large"}},
    ),
    # Processing
    (PROCESSING, {"ProcessingInputs": [read("a"), read("b")]}),
    (PROCESSING, {"ProcessingOutputConfig": {"Outputs": [written("a"), written("b")]}}),
    (PROCESSING, {"ProcessingInputs": [read(S3CompressionType="None", S3InputMode="File")]}),
    (PROCESSING, {"ProcessingInputs": [read(S3CompressionType="Gzip", S3InputMode="Pipe")]}),
    (PROCESSING, {"ProcessingInputs": [read(S3InputMode="Pipe")]}),
    (PROCESSING, {"ProcessingInputs": [{**read(LocalPath=ABSENT), "AppManaged": True}]}),
    (PROCESSING, {"ProcessingInputs": [{"InputName": "a", "AppManaged": True, "DatasetDefinition": {}}]}),
    (
        PROCESSING,
        {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "a", "AppManaged": True, "FeatureStoreOutput": {}}]}},
    ),
    # Transform
    (TRANSFORM, {"MaxPayloadInMB": 100}),
    (TRANSFORM, {"MaxPayloadInMB": 100, "MaxConcurrentTransforms": 1}),
    (TRANSFORM, {"MaxPayloadInMB": 50, "MaxConcurrentTransforms": 2}),
    (TRANSFORM, {"MaxConcurrentTransforms": 16}),
    (TRANSFORM, {"BatchStrategy": "SingleRecord"}),
    (TRANSFORM, {"BatchStrategy": "MultiRecord", "TransformInput.SplitType": "Line"}),
    # Models
    (MODEL, pipeline("a", "b")),
    (MODEL, pipeline(None, None)),
    (MODEL, pipeline("a", "b", InferenceExecutionConfig={"Mode": "Direct"})),
    (MODEL, pipeline(None, None, InferenceExecutionConfig={"Mode": "Serial"})),
    (MODEL, {"Containers": []}),
    (MODEL, {"PrimaryContainer.ModelDataUrl": "s3://bucket/m.tar.gz"}),
    (MODEL, {"PrimaryContainer.ModelDataSource": PREFIX}),
    (MODEL, {"PrimaryContainer.ModelDataSource": OBJECT}),
    (MODEL, {"PrimaryContainer.Mode": "MultiModel", "PrimaryContainer.MultiModelConfig": {}}),
    (MODEL, {"PrimaryContainer.Environment": variables(MAX_ENVIRONMENT_BYTES)}),
    (MODEL, {"PrimaryContainer.ImageConfig": {"RepositoryAccessMode": "Vpc", "RepositoryAuthConfig": {}}}),
    (MODEL, {"PrimaryContainer.ImageConfig": {"RepositoryAccessMode": "Platform"}}),
    *((MODEL, {"PrimaryContainer": {"Image": IMAGE, **publishing(seconds)}}) for seconds in PUBLISH_EVERY_S),
    # Endpoints
    (ENDPOINT, {"ProductionVariants": [variant(**MACHINES), {**variant(**MACHINES), "VariantName": "w"}]}),
    (ENDPOINT, {"ProductionVariants": [variant(**MACHINES, InitialVariantWeight=0.1)]}),
    (
        ENDPOINT,
        {
            "ProductionVariants": [
                variant(**MACHINES, InitialVariantWeight=0),
                {**variant(**MACHINES), "VariantName": "w"},
            ]
        },
    ),
    (ENDPOINT, {"ProductionVariants": [variant(**MACHINES, VolumeSizeInGB=5)]}),
    (ENDPOINT, {"ProductionVariants": [variant(InstanceType=OWN_DISKS, InitialInstanceCount=1)]}),
    (ENDPOINT, {"KmsKeyId": KEY}),
    (ENDPOINT, {"ProductionVariants": [serverless()]}),
    (
        ENDPOINT,
        {
            "ProductionVariants": [serverless()],
            "EnableNetworkIsolation": False,
            "DataCaptureConfig": {"EnableCapture": False},
        },
    ),
    *(
        (
            ENDPOINT,
            {
                "ProductionVariants": [
                    variant(ServerlessConfig={"MemorySizeInMB": size, "MaxConcurrency": 2, "ProvisionedConcurrency": 2})
                ]
            },
        )
        for size in (1024, 6144)
    ),
    (ENDPOINT, {"AsyncInferenceConfig": ASYNC}),
    (ENDPOINT, {"CrossRegionTrafficConfig": {}, "VpcConfig": VPC, "EnableNetworkIsolation": True}),
    (
        ENDPOINT,
        {"DataCaptureConfig": {**CAPTURE, "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]}},
    ),
    *((ENDPOINT, {"MetricsConfig": {"MetricPublishFrequencyInSeconds": seconds}}) for seconds in PUBLISH_EVERY_S),
    # Experiments and Search
    ("create_trial_component", {"Parameters": {"p": {"StringValue": "a"}, "q": {"NumberValue": 1}}}),
    ("list_trial_components", {"ExperimentName": "e"}),
    ("search", {"SearchExpression": {"Filters": [FILTER] * 50}}),
    ("search", {"SearchExpression": {"SubExpressions": [{"Filters": [FILTER] * 24}] * 2}}),
    ("search", {"SearchExpression": {"NestedFilters": [{"Filters": [FILTER] * 60}] * 50}}),
    ("search", searched("TrainingJobName", operator="Contains")),
    ("search", searched("TrainingJobName", operator="In")),
    (
        "search",
        searched("ResourceConfig.InstanceCount", "CreationTime", "FinalMetricDataList.Value", operator="GreaterThan"),
    ),
    (
        "search",
        searched("HyperParameters.k", "InputDataConfig.ChannelName", "Tags.a", "Metrics.b", operator="NotEquals"),
    ),
    ("search", searched("HyperParameters.k", operator="LessThan")),
    ("search", searched("Tags.a", "Tags.b", "DisplayName", resource="Experiment", operator="Contains")),
    ("search", searched("TrialName", "Tags.b", "DisplayName", resource="ExperimentTrial", operator="Contains")),
]
"""Operation and changes to its request, after which it is still accepted."""

REJECTED: list[tuple[str, dict[str, Any], str]] = [
    # Machines
    (TRAINING, {"ResourceConfig.InstanceCount": 0}, "InstanceCount: got 0, expected 1 or more"),
    (
        TRAINING,
        {"ResourceConfig.VolumeSizeInGB": ABSENT},
        "needs VolumeSizeInGB, because ml.m5.large has no local storage",
    ),
    (TRAINING, {"ResourceConfig.SelectedInstanceType": "ml.m5.large"}, "SelectedInstanceType is read-only"),
    (TRAINING, {"ResourceConfig.InstanceType": OWN_DISKS, "ResourceConfig.VolumeKmsKeyId": KEY}, f"got {OWN_DISKS}"),
    (PROCESSING, {f"{CLUSTER}.SelectedInstanceType": "ml.m5.large"}, "SelectedInstanceType is read-only"),
    # Time
    *(
        (TRAINING, changes, "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to")
        for changes in (
            SPOT,
            {"StoppingCondition.MaxWaitTimeInSeconds": 59},
            {**SPOT, "StoppingCondition.MaxWaitTimeInSeconds": 59},
        )
    ),
    # Channels
    *((TRAINING, {"InputDataConfig": [channel(name)]}, "cannot be the name of a folder") for name in (".", "..")),
    (
        TRAINING,
        {"InputDataConfig": [channel("a", InputMode="Pipe"), channel("a_12")]},
        "the name of a pipe of channel a",
    ),
    # Tuning
    (TUNING, {f"{CONFIG}.Strategy": "Grid", "WarmStartConfig": {}}, "there is nothing to start warm"),
    (TUNING, {"TrainingJobDefinitions": [DEFINITION]}, "Either TrainingJobDefinition or"),
    (
        TUNING,
        tuned({**DEFINITION, "DefinitionName": "a"}, {**DEFINITION, "DefinitionName": "a"}),
        "a DefinitionName of its own",
    ),
    (TUNING, tuned({**DEFINITION, "DefinitionName": "a"}, DEFINITION), "a DefinitionName of its own"),
    (TUNING, {"TrainingJobDefinition.ResourceConfig": ABSENT}, "needs either ResourceConfig or"),
    *(
        (
            TUNING,
            {"TrainingJobDefinition.ResourceConfig": ABSENT, TUNED: {"VolumeKmsKeyId": KEY, **machines}},
            "You can't request a VolumeKmsKeyId",
        )
        for machines in (
            {"InstanceType": OWN_DISKS},
            {"InstanceConfigs": [{"InstanceType": "ml.m5.large"}, {"InstanceType": OWN_DISKS}]},
        )
    ),
    (TUNING, tuned({**DEFINITION, "Environment": {f"V{n}": "" for n in range(49)}}), "got 49 variables"),
    (TUNING, {"TrainingJobDefinition.HyperParameterRanges": {"IntegerParameterRanges": integer_ranges(31)}}, "got 31"),
    # Processing
    (
        PROCESSING,
        {"ProcessingInputs": [{**read(), "DatasetDefinition": {}}]},
        "needs either S3Input or DatasetDefinition, got S3Input and DatasetDefinition",
    ),
    (
        PROCESSING,
        {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "a", "FeatureStoreOutput": {}}]}},
        "Output a: FeatureStoreOutput needs AppManaged",
    ),
    (
        PROCESSING,
        {"ProcessingInputs": [{**read(LocalPath="/tmp"), "AppManaged": True}]},
        "LocalPath is '/tmp', expected a path below",
    ),
    (
        PROCESSING,
        {"ProcessingOutputConfig": {"Outputs": [{**written(), "S3Output": {}}]}},
        "Output out: LocalPath is None",
    ),
    (PROCESSING, {"ProcessingInputs": [read(S3CompressionType="Gzip")]}, "Input rows: S3CompressionType Gzip needs"),
    # Transform
    (TRANSFORM, {"MaxConcurrentTransforms": 17}, "got 17 * 6 MB, expected at most 100"),
    (TRANSFORM, {"MaxPayloadInMB": 51, "MaxConcurrentTransforms": 2}, "got 2 * 51 MB, expected at most 100"),
    (TRANSFORM, {"BatchStrategy": "MultiRecord", "TransformInput.SplitType": "None"}, "MultiRecord needs"),
    # Models
    (MODEL, pipeline("a", None, "b"), "got 2 for 3 containers, expected one for every container or none"),
    *(
        (MODEL, pipeline(*names, InferenceExecutionConfig={"Mode": "Direct"}), "Direct needs a ContainerHostname")
        for names in ((None, None), ("a", None))
    ),
    (
        MODEL,
        {"PrimaryContainer.Mode": "MultiModel", "PrimaryContainer.ModelDataSource": PREFIX},
        "ModelDataSource cannot be used with Mode MultiModel",
    ),
    (MODEL, {"PrimaryContainer.Environment": variables(MAX_ENVIRONMENT_BYTES + 1)}, f"got {MAX_ENVIRONMENT_BYTES + 1}"),
    (
        MODEL,
        {"PrimaryContainer.Environment": variables(MAX_ENVIRONMENT_BYTES + 3, letter="ä")},
        "bytes in all containers",
    ),
    (
        MODEL,
        {"PrimaryContainer": {"Image": IMAGE, **publishing(20)}},
        "got 20, expected one of 10, 30, 60, 120, 180, 240, 300",
    ),
    (
        MODEL,
        {"PrimaryContainer": ABSENT, "Containers": [{"Image": IMAGE, **publishing(20)}]},
        "Containers.ContainerMetricsConfig",
    ),
    # Endpoints
    (
        ENDPOINT,
        {"ProductionVariants": [variant(InstanceType="ml.m5.large", InitialInstanceCount=0)]},
        "InitialInstanceCount of 1 or more",
    ),
    (
        ENDPOINT,
        {"ProductionVariants": [serverless(), {**serverless(), "VariantName": "w"}]},
        "has one variant, got several",
    ),
    *(
        (
            ENDPOINT,
            {"ProductionVariants": [variant(ServerlessConfig={"MemorySizeInMB": size, "MaxConcurrency": 1})]},
            f"got {size}",
        )
        for size in (1023, 1025, 6145, 7168)
    ),
    (
        ENDPOINT,
        {"ProductionVariants": [serverless(AcceleratorType="ml.eia1.medium")]},
        "AcceleratorType exclude each other",
    ),
    (
        ENDPOINT,
        {"ProductionVariants": [serverless()], "CrossRegionTrafficConfig": {"a": 1}},
        "CrossRegionTrafficConfig cannot",
    ),
    (
        ENDPOINT,
        {"AsyncInferenceConfig": ASYNC, "CrossRegionTrafficConfig": {}},
        "cannot be used with AsyncInferenceConfig",
    ),
    # Experiments and Search
    ("create_trial_component", {"Parameters": {"p": {}}}, "one of them is needed"),
    ("list_trial_components", {"TrialName": "t", "SourceArn": "s"}, "TrialName and SourceArn exclude each other"),
    ("search", {"SearchExpression": {"Filters": []}}, "needs at least one of Filters"),
    ("search", {"SearchExpression": {"Filters": [FILTER] * 51}}, "got 51 conditions, expected at most 50"),
    ("search", {"SearchExpression": {"SubExpressions": [{"Filters": [FILTER] * 25}] * 2}}, "got 52 conditions"),
    ("search", {"SearchExpression": {"NestedFilters": [{"Filters": [FILTER]}] * 51}}, "got 51 conditions"),
    ("search", {"SearchExpression": {"NestedFilters": [{"Filters": [{"Name": "Colour"}]}]}}, "no property Colour"),
    ("search", {"SearchExpression": {"SubExpressions": [{"Filters": [{"Name": "Colour"}]}]}}, "no property Colour"),
    ("search", searched("FinalMetricDataList.Value", operator="Contains"), "only supported for text properties"),
    (
        "search",
        searched(
            "DisplayName",
            "ExperimentName",
            "TrialName",
            "Source.SourceArn",
            resource="ExperimentTrial",
            operator="Contains",
        ),
        "limit of 1 exceeded",
    ),
]
"""Operation, changes to its request, and words of the problem that it has then."""

ELSEWHERE = ("is not implemented", "batch transform", "which a serverless", "needs a ModelDataUrl", "Invalid MaxWait")
"""Words of problems that not the rules of the operation find, but the operation itself."""
RULED = [case for case in CASES if not any(words in case[2] for words in ELSEWHERE)] + REJECTED


@pytest.mark.parametrize(("operation", "changes"), ACCEPTED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_request_at_the_edge_of_a_rule_is_accepted(operation, changes):
    assert problem(operation, changes) == ""


@pytest.mark.parametrize(
    ("operation", "changes", "words"), RULED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_request_beyond_it_has_a_problem(operation, changes, words):
    assert words in problem(operation, changes)


def model(**container: Any) -> dict[str, Any]:
    return {"ModelName": "m", "PrimaryContainer": {"Mode": "SingleModel", **container}}


@pytest.mark.parametrize(
    ("found", "serverless_words", "transform_words"),
    [
        (model(), "", ""),
        (model() | {"EnableNetworkIsolation": False}, "", ""),
        (model() | {"EnableNetworkIsolation": True}, "Model m has EnableNetworkIsolation", ""),
        (model() | {"VpcConfig": VPC}, "Model m has VpcConfig", ""),
        (
            model(Mode="MultiModel"),
            "a multi-model container, which a serverless",
            "a multi-model container, which batch",
        ),
        (model(ModelDataSource=PREFIX), "a ModelDataSource, which a serverless", "a ModelDataSource, which batch"),
        ({"ModelName": "m", "Containers": [{"Mode": "SingleModel"}]}, "", ""),
        ({"ModelName": "m", "Containers": [{"Mode": "SingleModel"}] * 2}, "Model m is a pipeline", ""),
    ],
)
def test_what_models_serverless_variants_and_batch_transform_take(found, serverless_words, transform_words):
    for rules, words in (
        (endpoint_rules.SERVERLESS_MODEL_RULES, serverless_words),
        (transform_rules.MODEL_RULES, transform_words),
    ):
        texts = [text for rule in rules for text in rule(found)]
        assert (not texts) if not words else any(words in text for text in texts)


def test_an_endpoint_that_has_instances_gets_no_serverless_variant():
    (same_kind,) = endpoint_rules.KIND_RULES
    instances, without = variant(**MACHINES), serverless()
    assert list(same_kind({"Before": [instances], "After": [instances]})) == []
    assert list(same_kind({"Before": [without], "After": [without]})) == []
    assert list(same_kind({"Before": [without], "After": [instances]})) == []
    for before in ([instances], [instances, without], [without, instances]):
        assert len(list(same_kind({"Before": before, "After": [instances, without]}))) == 1
