"""What a script writes to /opt/ml/output/intermediate is copied to S3 while it runs, if its job asks for it.

Source: intermediate_output.py of aws/sagemaker-training-toolkit, which leaves it to the platform where the folder exists.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

from wildsage.containers.contract import json_text
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.inputs.channels import InputError, split_uri
from wildsage.local_runner.jobs.training.mirror import Mirror
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.store import ObjectStore

HYPERPARAMETER = "sagemaker_s3_output"


def asked_for(hyperparameters: Mapping[str, str]) -> str | None:
    """The URI below which the job wants its intermediate output, which estimators encode as JSON once more."""
    given = hyperparameters.get(HYPERPARAMETER, "")
    with contextlib.suppress(ValueError):
        given = json_text.parse(given)
    return given if isinstance(given, str) and given.startswith("s3://") else None


@contextlib.contextmanager
def mirrored(uri: str, job_name: str, hosts: Sequence[OptML], objects: ObjectStore) -> Iterator[None]:
    """Copy the folders of all hosts to `uri`/JOB/output/intermediate. Raises InputError if the bucket does not exist."""
    bucket, key = split_uri(uri)
    prefix = f"{key.strip('/')}/{job_name}/output/intermediate/".lstrip("/")
    folders = [host.output_intermediate for host in hosts]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with Mirror(folders, bucket, prefix, objects).running(f"intermediate output of {job_name}"):
            yield
    except S3Error as error:
        raise InputError(f"Intermediate output cannot be written below {uri}: {error.code}: {error}") from None
