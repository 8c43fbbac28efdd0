"""The models of a multi-model container: loaded at their first request, the least recently used unloaded to free memory.

Source: container contract section 5, "Multi-model endpoints".
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import urllib3

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.inputs.channels import Objects
from wildsage.local_runner.jobs.hosting.artifacts import bring_model
from wildsage.local_runner.jobs.hosting.container import Container

LOADED_ALREADY, NOT_LOADED, OUT_OF_MEMORY = 409, 404, 507
TARGET_MODEL = "X-Amzn-SageMaker-Target-Model"
NAME_CHARACTERS = 32


class NotLoaded(Exception):
    """A container did not load a model; `status` and `text` are its answer."""

    def __init__(self, container: str, status: int, text: str) -> None:
        super().__init__(text)
        self.container = container
        self.status = status
        self.text = text


class HostedModels:
    """The models of one container below an S3 prefix. A model is named by its key below the prefix.

    Models stay loaded if `keep`; otherwise each is unloaded after the last of the requests that use it at a time.
    """

    def __init__(self, container: Container, root: Path, prefix: str, objects: Objects, keep: bool) -> None:
        self._container = container
        self._folder = OptML(root)
        self._prefix = prefix.rstrip("/") + "/"
        self._objects = objects
        self._loading = threading.Lock()
        self._keep = keep
        self._names: dict[str, None] = {}  # those loaded, the least recently used first
        self._users: Counter[str] = Counter()

    def invoke(
        self, target: str, body: bytes | Iterable[bytes], headers: Mapping[str, str], timeout_s: float, whole: bool
    ) -> urllib3.BaseHTTPResponse:
        """Invoke a model, and load it first if needed. Raises S3Error if it does not exist, NotLoaded, NoAnswer."""
        headers = {**headers, TARGET_MODEL: target}
        target = target.removeprefix("/")  # many programs send one
        name = hashlib.sha256(target.encode()).hexdigest()[:NAME_CHARACTERS]
        with self._in_use(name):
            return self._ask(name, target, body, headers, timeout_s, whole)

    def _ask(
        self,
        name: str,
        target: str,
        body: bytes | Iterable[bytes],
        headers: Mapping[str, str],
        timeout_s: float,
        whole: bool,
    ) -> urllib3.BaseHTTPResponse:
        self._ensure(name, target)
        answer = self._container.request("POST", f"/models/{name}/invoke", body, headers, timeout_s, whole)
        if answer.status == NOT_LOADED and isinstance(
            body, bytes
        ):  # unloaded meanwhile, or the container started again
            answer.drain_conn()
            self._names.pop(name, None)
            self._ensure(name, target)
            answer = self._container.request("POST", f"/models/{name}/invoke", body, headers, timeout_s, whole)
        return answer

    @contextmanager
    def _in_use(self, name: str) -> Iterator[None]:
        """Where models are not kept, count the requests of each, and unload it after the last one."""
        if self._keep:
            yield
            return
        with self._loading:
            self._users[name] += 1
        try:
            yield
        finally:
            with self._loading:
                self._users[name] -= 1
                if not self._users[name] and name in self._names:
                    self._unload(name)

    def _ensure(self, name: str, target: str) -> None:
        if name not in self._names:
            with self._loading:
                if name not in self._names:
                    self._bring_and_load(name, target)
        self._names[name] = self._names.pop(name, None)

    def _bring_and_load(self, name: str, target: str) -> None:
        """Nothing is left on disk of a model that does not exist or is not loaded."""
        folder = self._folder.loaded_model(name)
        try:
            bring_model(self._prefix + target, folder, self._objects)
            self._load(name)
        except BaseException:
            shutil.rmtree(folder.parent, ignore_errors=True)
            raise

    def _load(self, name: str) -> None:
        """Make the container load a model; unload others as long as it answers that it is out of memory."""
        order = json.dumps({"model_name": name, "url": OptML().loaded_model(name).as_posix()}).encode()
        while True:
            answer = self._container.request("POST", "/models", order, {"Content-Type": "application/json"})
            if answer.status in (200, LOADED_ALREADY):
                return
            if answer.status != OUT_OF_MEMORY or not self._names:
                raise NotLoaded(self._container.name, answer.status, answer.data.decode(errors="replace"))
            for longest_unused in tuple(self._names)[:1]:  # a copy, because other threads use models meanwhile
                self._unload(longest_unused)

    def _unload(self, name: str) -> None:
        self._container.request("DELETE", f"/models/{name}")
        self._names.pop(name, None)
        shutil.rmtree(self._folder.loaded_model(name).parent, ignore_errors=True)
