"""Copies folders of a running job to S3: what is new or has changed, while a block runs and once more when it ends."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.store import ObjectStore

COPY_EVERY_S = 1.0


class Mirror:
    """The files of `folders`, which all go below `prefix` in a bucket. What a job deletes stays in S3."""

    def __init__(self, folders: Sequence[Path], bucket: str, prefix: str, objects: ObjectStore) -> None:
        self._folders = folders
        self._bucket = bucket
        self._prefix = prefix
        self._objects = objects
        self._copied: dict[Path, tuple[int, int]] = {}

    @contextlib.contextmanager
    def running(self, name: str) -> Iterator[None]:
        """Copy while the block runs, in a thread called `name`. What is there before stays here. Raises S3Error at the end."""
        self._copied = {path: _version(path) for path, _ in self._files()}
        stop = threading.Event()
        copier = threading.Thread(target=self._copy_until, args=(stop,), name=name, daemon=True)
        copier.start()
        try:
            yield
        finally:
            stop.set()
            copier.join()
            self._copy()

    def _copy_until(self, stop: threading.Event) -> None:
        while not stop.wait(COPY_EVERY_S):
            with contextlib.suppress(S3Error):  # the last copy meets the same error and reports it
                self._copy()

    def _copy(self) -> None:
        for path, key in self._files():
            with contextlib.suppress(FileNotFoundError):  # replaced or deleted by the container at this moment
                version = _version(path)
                if self._copied.get(path) != version:
                    self._objects.put_file(self._bucket, key, path)
                    self._copied[path] = version

    def _files(self) -> Iterator[tuple[Path, str]]:
        """All files and their keys, without hidden files: those are still being written."""
        for folder in self._folders:
            for path in sorted(folder.rglob("[!.]*")):
                if path.is_file():
                    yield path, self._prefix + path.relative_to(folder).as_posix()


def _version(path: Path) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_mtime_ns, found.st_size
