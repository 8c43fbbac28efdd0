"""Several models in one container, loaded and unloaded by the platform [contract: container, section 5, multi-model].

As values, like the handler: no socket, no framework.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from wildsage.algorithms.base.errors import UserError
from wildsage.containers import codecs
from wildsage.containers.contract.paths import OptML
from wildsage.containers.serving.handler import Handler, Request, Response

LIMIT_VARIABLE = "WILDSAGE_MODEL_MEMORY_MB"
SHARE_OF_MEMORY = 0.5
GROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
PAGE = 100

Load = Callable[[Path], Handler]


@dataclass(frozen=True)
class Loaded:
    """One model in memory. `size_bytes` is what its files take, and so, about, its arrays."""

    url: str
    size_bytes: int
    handler: Handler


class Models:
    """The models of a container, at most `limit_bytes` of files together; `load` reads one from its folder."""

    def __init__(self, folder: OptML, load: Load, limit_bytes: int) -> None:
        self._folder = folder
        self._load = load
        self._limit_bytes = limit_bytes
        self._loaded: dict[str, Loaded] = {}
        self._changing = threading.Lock()

    def load(self, body: bytes) -> Response:
        """POST /models with `{"model_name", "url"}`: 409 if it is loaded, 507 if there is no room until others are unloaded."""
        try:
            name, url = _order(body)
            place = self._folder.inside(url)
        except ValueError as error:
            return _told(400, f"Load a model: {error}")
        with self._changing:
            if name in self._loaded:
                return _told(409, f"Model {name} is loaded already.")
            size_bytes = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
            held_bytes = sum(loaded.size_bytes for loaded in self._loaded.values())
            if held_bytes + size_bytes > self._limit_bytes:
                return _told(
                    507, f"Model {name} has {size_bytes} bytes, {held_bytes} of {self._limit_bytes} are taken."
                )
            try:
                self._loaded[name] = Loaded(url, size_bytes, self._load(place))
            except UserError as error:
                return _told(400, f"Model {name} cannot be loaded: {error}")
        return _told(200, f"Model {name} is loaded.")

    def list(self, token: str | None) -> Response:
        """GET /models: names and addresses by name, a page of them; `token` is where the page before ended."""
        found = sorted((name, loaded) for name, loaded in list(self._loaded.items()) if name > (token or ""))
        page = [_entry(name, loaded) for name, loaded in found[:PAGE]]
        more = {"nextPageToken": found[PAGE - 1][0]} if len(found) > PAGE else {}
        return _json(200, {"models": page, **more})

    def describe(self, name: str) -> Response:
        """GET /models/<name>."""
        loaded = self._loaded.get(name)
        return _json(200, _entry(name, loaded)) if loaded else _not_loaded(name)

    def unload(self, name: str) -> Response:
        """DELETE /models/<name>: its memory is free when the last request to it is answered."""
        with self._changing:
            gone = self._loaded.pop(name, None)
        return _told(200, f"Model {name} is unloaded.") if gone else _not_loaded(name)

    def invoke(self, name: str, request: Request) -> Response:
        """POST /models/<name>/invoke."""
        loaded = self._loaded.get(name)
        return loaded.handler.invocations(request) if loaded else _not_loaded(name)


def memory_limit(environment: Mapping[str, str]) -> int:
    """Bytes that models may take: the variable's, or half of what this container has."""
    if given := environment.get(LIMIT_VARIABLE):
        if not given.isdecimal():
            raise UserError(f"{LIMIT_VARIABLE}: got {given!r}, expected a whole number of megabytes.")
        return int(given) << 20
    limits = [Path(path).read_text().strip() for path in GROUP_LIMITS if Path(path).is_file()]
    sizes = [psutil.virtual_memory().total, *(int(limit) for limit in limits if limit.isdecimal())]
    return int(min(sizes) * SHARE_OF_MEMORY)


def _order(body: bytes) -> tuple[str, str]:
    """Name and address. Raises ValueError."""
    found = json.loads(body)
    name, url = (found.get("model_name"), found.get("url")) if isinstance(found, dict) else (None, None)
    if not (isinstance(name, str) and name and isinstance(url, str)):
        raise ValueError('expected {"model_name": "name", "url": "/opt/ml/models/name/model"}')
    return name, url


def _entry(name: str, loaded: Loaded) -> dict[str, str]:
    return {"modelName": name, "modelUrl": loaded.url}


def _not_loaded(name: str) -> Response:
    return _told(404, f"Model {name} is not loaded.")


def _told(status: int, message: str) -> Response:
    return _json(status, {"code": status, "message": message})


def _json(status: int, content: Mapping[str, object]) -> Response:
    return Response(status, json.dumps(content).encode(), codecs.JSON)
