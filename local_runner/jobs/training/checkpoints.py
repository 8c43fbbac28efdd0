"""A job's checkpoints: brought from S3 before it starts, copied out while it runs and once more when it has ended, however.

Sources: CreateTrainingJob's CheckpointConfig, container contract section 2.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.inputs.channels import InputError, local_name, split_uri
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.store import ObjectStore

COPY_EVERY_S = 1.0


@contextlib.contextmanager
def mirrored(uri: str, hosts: Sequence[OptML], objects: ObjectStore, inside: str | None = None) -> Iterator[None]:
    """Keep the checkpoint folders of all hosts and the objects below `uri` alike while the block runs.

    `inside` is where containers with a file system of their own see their folder.
    Every host starts with all checkpoints; names must tell hosts apart, as in /opt/ml/model. What a host deletes stays
    in S3. Raises InputError if the bucket is not there.
    """
    mirror = _Mirror(uri, hosts, objects, inside)
    over = threading.Event()
    copier = threading.Thread(target=mirror.copy_out_until, args=(over,), name=f"checkpoints {uri}", daemon=True)
    try:
        mirror.bring_in()
        copier.start()
        try:
            yield
        finally:
            over.set()
            copier.join()
            mirror.copy_out()
    except S3Error as error:
        raise InputError(f"Checkpoints at {uri} can be neither read nor written: {error.code}: {error}") from None


class _Mirror:
    def __init__(self, uri: str, hosts: Sequence[OptML], objects: ObjectStore, inside: str | None) -> None:
        self._uri = uri
        self._bucket, key = split_uri(uri)
        self._prefix = f"{key.rstrip('/')}/" if key else ""
        self._hosts = hosts
        self._inside = inside
        self._objects = objects
        self._copied: dict[Path, tuple[int, int]] = {}

    def bring_in(self) -> None:
        for host in self._hosts:
            host.checkpoints.mkdir(exist_ok=True)
            path = self._inside or str(host.checkpoints)
            host.checkpoint_config.write_text(json.dumps({"S3Uri": self._uri, "LocalPath": path}))
            for stored in self._objects.list(self._bucket, self._prefix):
                if not stored.key.endswith("/"):
                    self._bring(stored.key, host.checkpoints)
        self._copied = {path: _version(path) for path, _ in self._files()}

    def _bring(self, key: str, folder: Path) -> None:
        """A copy, not a link: the container goes on writing it."""
        target = folder / local_name(key.removeprefix(self._prefix))
        target.parent.mkdir(parents=True, exist_ok=True)
        _, content = self._objects.open(self._bucket, key)
        with content, target.open("wb") as copy:
            shutil.copyfileobj(content, copy)

    def copy_out_until(self, over: threading.Event) -> None:
        while not over.wait(COPY_EVERY_S):
            with contextlib.suppress(S3Error):  # the last copy meets the same and tells
                self.copy_out()

    def copy_out(self) -> None:
        """Store what is new or was written since the last time."""
        for path, key in self._files():
            with contextlib.suppress(FileNotFoundError):  # replaced or deleted by the container at this moment
                version = _version(path)
                if self._copied.get(path) != version:
                    self._objects.put_file(self._bucket, key, path)
                    self._copied[path] = version

    def _files(self) -> Iterator[tuple[Path, str]]:
        """All files and their keys; a hidden one is still being written."""
        for host in self._hosts:
            for path in sorted(host.checkpoints.rglob("[!.]*")):
                if path.is_file():
                    yield path, self._prefix + path.relative_to(host.checkpoints).as_posix()


def _version(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size
