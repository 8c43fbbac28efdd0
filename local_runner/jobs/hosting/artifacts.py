"""Brings models from S3 into the /opt/ml of a container."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from wildsage.containers.contract import archive
from wildsage.local_runner.inputs.channels import Objects, local_name, split_uri


def bring_model(uri: str | None, folder: Path, objects: Objects) -> None:
    """Bring the model at `uri` into `folder`, completely or not at all. A folder that exists already is used as it is.

    An archive is unpacked; the objects below a prefix, which ends in `/`, are copied. Raises InputError for an invalid S3
    URI, S3Error for an object that does not exist, UserError for an archive that cannot be read.
    """
    if folder.is_dir():
        return
    partial = folder.with_name(f"{folder.name}-{uuid.uuid4().hex}")
    partial.mkdir(parents=True)
    if uri:
        bucket, key = split_uri(uri)
        if uri.endswith("/"):
            _copy(bucket, key, partial, objects)
        else:
            archive.unpack(objects.get(bucket, key).path, partial)
    partial.rename(folder)


def _copy(bucket: str, prefix: str, folder: Path, objects: Objects) -> None:
    """Copy the objects below a prefix. Links would not do, because a container may write into its model."""
    for stored in objects.list(bucket, prefix):
        if not stored.key.endswith("/"):
            target = folder / local_name(stored.key.removeprefix(prefix))
            target.parent.mkdir(parents=True, exist_ok=True)
            _, content = objects.open(bucket, stored.key)
            with content, target.open("wb") as copy:
                shutil.copyfileobj(content, copy)
