"""Programs that do a job again: with boto3, and training jobs with the SageMaker SDK of version 2 and 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.model import Shape

from wildsage.local_runner.images import uris
from wildsage.local_runner.jobs import metrics
from wildsage.local_runner.jobs.store import Document
from wildsage.local_runner.jobs.tuning.definition import OBJECTIVE_HYPERPARAMETER
from wildsage.local_runner.monitor.overview import DocumentKind
from wildsage.local_runner.wire.service_models import service_model

WIDTH = 100
EMPTY: tuple[Any, ...] = ("", None, False, {}, [])
"""What a request may as well leave out."""
MOST_NAME_CHARACTERS = {"tuning": 32}
LONGEST_NAME = 63


def programs(kind: DocumentKind, job: Document) -> list[tuple[str, str]]:
    """Programs that start the same job under another name, each with the name of what it uses."""
    request = same_request(kind, job)
    found = [("boto3", boto3_program(kind, request))]
    if kind.word == "training":
        found += [("SageMaker SDK 2", sdk2_program(request)), ("SageMaker SDK 3", sdk3_program(request))]
    return found


def same_request(kind: DocumentKind, job: Document) -> Document:
    """The request that creates the job again: those members of its document that AWS's model of the operation has."""
    shape = service_model("sagemaker").operation_model(f"Create{kind.stem}").input_shape
    assert shape
    request = _pruned(job, shape)
    algorithm = request.get("AlgorithmSpecification", {})
    known = metrics.definitions(uris.algorithm(algorithm.get("TrainingImage", "")))
    if own := [one for one in algorithm.pop("MetricDefinitions", ()) if one not in known]:
        algorithm["MetricDefinitions"] = own
    for definition in (request.get("TrainingJobDefinition", {}), *request.get("TrainingJobDefinitions", ())):
        definition.get("StaticHyperParameters", {}).pop(OBJECTIVE_HYPERPARAMETER, None)
    return {**request, f"{kind.stem}Name": again(kind, job[f"{kind.stem}Name"])}


def again(kind: DocumentKind, name: str) -> str:
    """Another name than a job's, as long as AWS allows."""
    return f"{name[: MOST_NAME_CHARACTERS.get(kind.word, LONGEST_NAME) - 6].rstrip('-')}-again"


def boto3_program(kind: DocumentKind, request: Document) -> str:
    """The call of the operation that creates the job."""
    words = {"tuning": "hyper_parameter_tuning"}.get(kind.word, kind.word)
    return _lines(
        "import boto3",
        "",
        'sagemaker = boto3.client("sagemaker")',
        f"sagemaker.create_{words}_job({_arguments(request)})",
    )


def sdk2_program(request: Document) -> str:
    """An Estimator of the SageMaker Python SDK, version 2, and its `fit`."""
    resources = request["ResourceConfig"]
    estimator = {
        "image_uri": request["AlgorithmSpecification"].get("TrainingImage", ""),
        "role": request["RoleArn"],
        "instance_count": resources.get("InstanceCount", 1),
        "instance_type": resources.get("InstanceType", ""),
        "output_path": request["OutputDataConfig"]["S3OutputPath"],
        "max_run": request["StoppingCondition"].get("MaxRuntimeInSeconds", 86_400),
        "input_mode": request["AlgorithmSpecification"].get("TrainingInputMode", "File"),
        "hyperparameters": request.get("HyperParameters", {}),
        **_given(environment=request.get("Environment")),
    }
    channels = [f"        {name!r}: TrainingInput({_call(given)})," for name, given in _channels(request)]
    inputs = ["    {", *channels, "    },"] if channels else []
    return _lines(
        "from sagemaker.estimator import Estimator",
        "from sagemaker.inputs import TrainingInput",
        "",
        f"estimator = Estimator({_arguments(estimator)})",
        "estimator.fit(",
        *inputs,
        f"    job_name={request['TrainingJobName']!r},",
        ")",
    )


def sdk3_program(request: Document) -> str:
    """A ModelTrainer of the SageMaker Python SDK, version 3, and its `train`."""
    resources, output = request["ResourceConfig"], request["OutputDataConfig"]
    compute = {"instance_type": resources.get("InstanceType", ""), "instance_count": resources.get("InstanceCount", 1)}
    channels = [
        f"        InputData({_call({'channel_name': name, 'data_source': uri, **rest})}),"
        for name, (uri, rest) in ((name, _split(given)) for name, given in _channels(request))
    ]
    inputs = ["    input_data_config=[", *channels, "    ],"] if channels else []
    return _lines(
        "from sagemaker.train import ModelTrainer",
        "from sagemaker.train.configs import Compute, InputData, OutputDataConfig",
        "",
        "trainer = ModelTrainer(",
        f"    training_image={request['AlgorithmSpecification'].get('TrainingImage', '')!r},",
        f"    role={request['RoleArn']!r},",
        f"    base_job_name={request['TrainingJobName']!r},",
        f"    compute=Compute({_call(compute)}),",
        f"    output_data_config=OutputDataConfig(s3_output_path={output['S3OutputPath']!r}),",
        f"    hyperparameters={_indented(request.get('HyperParameters', {}))},",
        ")",
        "trainer.train(",
        *inputs,
        ")",
    )


def _channels(request: Document) -> list[tuple[str, Document]]:
    """The name of each channel, and the arguments of its TrainingInput."""
    found = []
    for channel in request.get("InputDataConfig", ()):
        source = channel["DataSource"].get("S3DataSource", {})
        distribution = source.get("S3DataDistributionType")
        given = _given(
            content_type=channel.get("ContentType"),
            distribution=distribution if distribution != "FullyReplicated" else None,
            s3_data_type=source.get("S3DataType") if source.get("S3DataType") != "S3Prefix" else None,
        )
        found.append((channel["ChannelName"], {"s3_data": source.get("S3Uri", ""), **given}))
    return found


def _split(given: Document) -> tuple[str, Document]:
    """The S3 URI of a channel, and what version 3 knows of the rest."""
    return given["s3_data"], _given(content_type=given.get("content_type"))


def _given(**values: Any) -> Document:
    return {name: value for name, value in values.items() if value}


def _pruned(value: Any, shape: Shape) -> Any:
    """A value without what a shape does not have, and without empty members."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        members = {name: _pruned(value[name], member) for name, member in shape.members.items() if name in value}
        return {name: member for name, member in members.items() if member not in EMPTY}
    if shape.type_name == "list" and isinstance(value, Sequence):
        return [_pruned(one, shape.member) for one in value]
    return value


def _arguments(values: Document) -> str:
    lines = [f"    {name}={_indented(value)}," for name, value in values.items()]
    return "\n".join(["", *lines, ""])


def _call(values: Document) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def _indented(value: Any, indent: str = "    ") -> str:
    """A value as Python writes it, on one line if it fits, otherwise one line for each member."""
    text = repr(value)
    if len(text) + len(indent) <= WIDTH or not value or not isinstance(value, (dict, list)):
        return text
    deeper = f"{indent}    "
    if isinstance(value, dict):
        members = [f"{deeper}{name!r}: {_indented(member, deeper)}," for name, member in value.items()]
    else:
        members = [f"{deeper}{_indented(member, deeper)}," for member in value]
    brackets = "{}" if isinstance(value, dict) else "[]"
    return "\n".join([brackets[0], *members, f"{indent}{brackets[1]}"])


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"
