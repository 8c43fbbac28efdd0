"""Rules of CreateProcessingJob that AWS's model of the request cannot say.

Sources: CreateProcessingJob, ProcessingInput, ProcessingS3Input, ProcessingOutput, ProcessingClusterConfig (API reference).
"""

from __future__ import annotations

from collections.abc import Iterator

from wildsage.local_runner.operations.rules import Request, Rule, unique, value_at
from wildsage.local_runner.operations.sagemaker.machine_rules import no_key_with_local_storage

FOLDER = "/opt/ml/processing/"
CLUSTER = "ProcessingResources.ClusterConfig"


def machines(request: Request) -> Iterator[str]:
    """A cluster has machines of one type."""
    cluster = request["ProcessingResources"]["ClusterConfig"]
    for field in ("InstanceType", "InstanceCount"):
        if field not in cluster:
            yield f"{CLUSTER} needs an {field}."
    for field in ("SelectedInstanceType", "SelectedInstanceCount"):
        if field in cluster:
            yield f"{CLUSTER}.{field} is read-only: descriptions have it, requests do not."


def one_source(request: Request) -> Iterator[str]:
    """An input is read from one place, and an output written to one."""
    for one, fields in _places(request):
        name, given = _name(one), [field for field in fields if field in one]
        if len(given) != 1:
            yield f"{name} needs either {' or '.join(fields)}, got {' and '.join(given) or 'neither'}."
        if "FeatureStoreOutput" in one and not one.get("AppManaged"):
            yield f"{name}: FeatureStoreOutput needs AppManaged."


def local_paths(request: Request) -> Iterator[str]:
    """What the application does not manage itself has a folder of the job."""
    for one, fields in _places(request):
        place: Request = next((one[field] for field in fields if field in one), {})
        path = place.get("LocalPath")
        if "FeatureStoreOutput" in one or (path is None and one.get("AppManaged")):
            continue
        if not (path or "").startswith(FOLDER):
            yield f"{_name(one)}: LocalPath is {path!r}, expected a path below {FOLDER.rstrip('/')}."


def compression(request: Request) -> Iterator[str]:
    """Only Pipe mode unpacks."""
    for one in request.get("ProcessingInputs", ()):
        source = one.get("S3Input", {})
        if source.get("S3CompressionType", "None") != "None" and source.get("S3InputMode", "File") != "Pipe":
            yield f"{_name(one)}: S3CompressionType {source['S3CompressionType']} needs S3InputMode Pipe."


def _places(request: Request) -> Iterator[tuple[Request, tuple[str, str]]]:
    """Inputs and outputs, with the fields that say where their data lie."""
    for one in request.get("ProcessingInputs", ()):
        yield one, ("S3Input", "DatasetDefinition")
    for one in value_at(request, "ProcessingOutputConfig", {}).get("Outputs", ()):
        yield one, ("S3Output", "FeatureStoreOutput")


def _name(one: Request) -> str:
    return f"Input {one['InputName']}" if "InputName" in one else f"Output {one['OutputName']}"


RULES: tuple[Rule, ...] = (
    machines,
    unique("ProcessingInputs.InputName"),
    unique("ProcessingOutputConfig.Outputs.OutputName"),
    one_source,
    local_paths,
    compression,
    no_key_with_local_storage(f"{CLUSTER}.InstanceType", f"{CLUSTER}.VolumeKmsKeyId"),
)
