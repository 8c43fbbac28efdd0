"""Models on their way from S3 into a container's /opt/ml."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from wildsage.containers.contract import archive
from wildsage.local_runner.inputs.channels import Objects, local_name, split_uri


def bring_model(uri: str | None, folder: Path, objects: Objects) -> None:
    """Bring the model at `uri` into `folder`, whole or not at all; one that is there already is used as it is.

    An archive is unpacked, the objects below a prefix, which ends in `/`, are copied. Raises InputError for what is no
    S3 address, S3Error for an absent object, UserError for no readable archive.
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
    """Copies, not links: whoever writes into a model must not write into the store."""
    for stored in objects.list(bucket, prefix):
        if not stored.key.endswith("/"):
            target = folder / local_name(stored.key.removeprefix(prefix))
            target.parent.mkdir(parents=True, exist_ok=True)
            _, content = objects.open(bucket, stored.key)
            with content, target.open("wb") as copy:
                shutil.copyfileobj(content, copy)
