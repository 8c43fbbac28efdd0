"""Brings models from S3 into the /opt/ml of a container."""

from __future__ import annotations

import math
import shutil
import time
import uuid
from pathlib import Path

from wildsage.containers.contract import archive
from wildsage.local_runner.inputs.channels import InputError, Objects, local_name, split_uri


def bring_model(uri: str | None, folder: Path, objects: Objects, within_s: float = math.inf) -> None:
    """Bring the model at `uri` into `folder`, completely or not at all. A folder that exists already is used as it is.

    An archive is unpacked; the objects below a prefix, which ends in `/`, are copied. Raises InputError for an invalid S3
    URI and where it takes more than `within_s` seconds, S3Error for an object that does not exist, UserError for an archive
    that cannot be read.
    """
    if folder.is_dir():
        return
    partial = folder.with_name(f"{folder.name}-{uuid.uuid4().hex}")
    partial.mkdir(parents=True)
    try:
        if uri:
            _fill(partial, uri, objects, _Deadline(uri, within_s))
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    partial.rename(folder)


class _Deadline:
    """The end of the time that a download may take."""

    def __init__(self, uri: str, within_s: float) -> None:
        self._uri, self._within_s = uri, within_s
        self._end_s = time.monotonic() + within_s

    def check(self) -> None:
        """Raises InputError once the time is over."""
        if time.monotonic() > self._end_s:
            raise InputError(
                f"Could not download the model data at {self._uri} within {self._within_s:.0f} s: "
                "raise ModelDataDownloadTimeoutInSeconds."
            )


def _fill(folder: Path, uri: str, objects: Objects, deadline: _Deadline) -> None:
    bucket, key = split_uri(uri)
    if uri.endswith("/"):
        _copy(bucket, key, folder, objects, deadline)
    else:
        packed = objects.get(bucket, key).path
        deadline.check()  # to unpack it may take minutes
        archive.unpack(packed, folder)
    deadline.check()


def _copy(bucket: str, prefix: str, folder: Path, objects: Objects, deadline: _Deadline) -> None:
    """Copy the objects below a prefix. Links would not do, because a container may write into its model."""
    for stored in objects.list(bucket, prefix):
        deadline.check()
        if not stored.key.endswith("/"):
            target = folder / local_name(stored.key.removeprefix(prefix))
            target.parent.mkdir(parents=True, exist_ok=True)
            _, content = objects.open(bucket, stored.key)
            with content, target.open("wb") as copy:
                shutil.copyfileobj(content, copy)
