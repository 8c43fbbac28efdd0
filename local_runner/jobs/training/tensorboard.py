"""The files of TensorBoard that a job writes are copied to S3 while it runs, if its job asks for it.

Source: TensorBoardOutputConfig (API reference); "Use TensorBoard", developer guide: S3OutputPath/JOB/tensorboard-output.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.inputs.channels import InputError, split_uri
from wildsage.local_runner.jobs.training.mirror import Mirror
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.store import ObjectStore


@contextlib.contextmanager
def mirrored(config: Mapping[str, Any], job_name: str, hosts: Sequence[OptML], objects: ObjectStore) -> Iterator[None]:
    """Copy the folders of all hosts while the block runs. `config` is the TensorBoardOutputConfig of the job.

    Raises InputError if the bucket does not exist.
    """
    uri = config["S3OutputPath"]
    bucket, key = split_uri(uri)
    folders = [host.tensorboard(config.get("LocalPath")) for host in hosts]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    prefix = f"{key.strip('/')}/{job_name}/tensorboard-output/".lstrip("/")
    try:
        with Mirror(folders, bucket, prefix, objects).running(f"TensorBoard files of {job_name}"):
            yield
    except S3Error as error:
        raise InputError(f"TensorBoard files cannot be written below {uri}: {error.code}: {error}") from None
