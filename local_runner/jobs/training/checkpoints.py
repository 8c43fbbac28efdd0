"""The checkpoints of a job: copied from S3 before it starts, to S3 while it runs, and once more after it has ended or failed.

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
    """Mirror the checkpoint folders of all hosts to the objects below `uri` while the block runs.

    `inside` is the path of the folder within containers that have a file system of their own. Every host starts with all
    checkpoints, so that the files of different hosts need different names, as in /opt/ml/model. A file that a host deletes
    stays in S3. Raises InputError if the bucket does not exist.
    """
    mirror = _Mirror(uri, hosts, objects, inside)
    stop_copying = threading.Event()
    copier = threading.Thread(
        target=mirror.copy_out_until, args=(stop_copying,), name=f"checkpoints {uri}", daemon=True
    )
    try:
        mirror.bring_in()
        copier.start()
        try:
            yield
        finally:
            stop_copying.set()
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
        """Copy an object to a file. A link would not do, because the container writes into the file."""
        target = folder / local_name(key.removeprefix(self._prefix))
        target.parent.mkdir(parents=True, exist_ok=True)
        _, content = self._objects.open(self._bucket, key)
        with content, target.open("wb") as copy:
            shutil.copyfileobj(content, copy)

    def copy_out_until(self, stop: threading.Event) -> None:
        while not stop.wait(COPY_EVERY_S):
            with contextlib.suppress(S3Error):  # the last copy meets the same error and reports it
                self.copy_out()

    def copy_out(self) -> None:
        """Store the files that are new or have changed since the last copy."""
        for path, key in self._files():
            with contextlib.suppress(FileNotFoundError):  # replaced or deleted by the container at this moment
                version = _version(path)
                if self._copied.get(path) != version:
                    self._objects.put_file(self._bucket, key, path)
                    self._copied[path] = version

    def _files(self) -> Iterator[tuple[Path, str]]:
        """All files and their keys, without hidden files: those are still being written."""
        for host in self._hosts:
            for path in sorted(host.checkpoints.rglob("[!.]*")):
                if path.is_file():
                    yield path, self._prefix + path.relative_to(host.checkpoints).as_posix()


def _version(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size
