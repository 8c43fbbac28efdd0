"""The checkpoints of a job: copied from S3 before it starts, to S3 while it runs, and once more after it has ended or failed.

Sources: CreateTrainingJob's CheckpointConfig, container contract section 2.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.inputs.channels import InputError, local_name, split_uri
from wildsage.local_runner.jobs.training.mirror import Mirror
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.store import ObjectStore


@contextlib.contextmanager
def mirrored(uri: str, hosts: Sequence[OptML], objects: ObjectStore, inside: str | None = None) -> Iterator[None]:
    """Mirror the checkpoint folders of all hosts to the objects below `uri` while the block runs.

    `inside` is the path of the folder within containers that have a file system of their own. Every host starts with all
    checkpoints, so that the files of different hosts need different names, as in /opt/ml/model. A file that a host deletes
    stays in S3. Raises InputError if the bucket does not exist.
    """
    bucket, key = split_uri(uri)
    prefix = f"{key.rstrip('/')}/" if key else ""
    try:
        for host in hosts:
            host.checkpoints.mkdir(exist_ok=True)
            path = inside or str(host.checkpoints)
            host.checkpoint_config.write_text(json.dumps({"S3Uri": uri, "LocalPath": path}))
            _bring_in(bucket, prefix, host.checkpoints, objects)
        with Mirror([host.checkpoints for host in hosts], bucket, prefix, objects).running(f"checkpoints {uri}"):
            yield
    except S3Error as error:
        raise InputError(f"Checkpoints at {uri} can be neither read nor written: {error.code}: {error}") from None


def _bring_in(bucket: str, prefix: str, folder: Path, objects: ObjectStore) -> None:
    """Copy all objects to files. Links would not do, because the container writes into the files."""
    for stored in objects.list(bucket, prefix):
        if stored.key.endswith("/"):
            continue
        target = folder / local_name(stored.key.removeprefix(prefix))
        target.parent.mkdir(parents=True, exist_ok=True)
        _, content = objects.open(bucket, stored.key)
        with content, target.open("wb") as copy:
            shutil.copyfileobj(content, copy)
