"""Several models in one container, which the platform loads and unloads [contract: container, section 5, multi-model].

Requests and responses are values, as in the handler: without a socket or a framework.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from wildsage.algorithms.base import json_text
from wildsage.algorithms.base.endpoint import Endpoint, HttpRequest, HttpResponse
from wildsage.algorithms.base.errors import UserError
from wildsage.containers import codecs
from wildsage.containers.contract.paths import OptML

LIMIT_VARIABLE = "WILDSAGE_MODEL_MEMORY_MB"
SHARE_OF_MEMORY = 0.5
GROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
PAGE = 100
"""Models in one answer to GET /models."""

Load = Callable[[Path], Endpoint]


@dataclass(frozen=True)
class LoadedModel:
    """One model in memory. `size_bytes` is the size of its files, which is about that of its arrays."""

    url: str
    size_bytes: int
    handler: Endpoint


class LoadedModels:
    """The models of a container. Their files may take `limit_bytes` together; `load` reads a model from its folder."""

    def __init__(self, folder: OptML, load: Load, limit_bytes: int) -> None:
        self._folder = folder
        self._load = load
        self._limit_bytes = limit_bytes
        self._loaded: dict[str, LoadedModel] = {}
        self._changing = threading.Lock()

    def load(self, body: bytes) -> HttpResponse:
        """POST /models with `{"model_name", "url"}`.

        Status 400 for a wrong request or model, 409 if the model is loaded already, and 507 if it does not fit until
        others are unloaded.
        """
        try:
            name, url = _load_request(body)
            place = self._folder.inside(url)
        except (ValueError, RecursionError) as error:
            return _message(400, f"Load a model: {error}")
        with self._changing:
            if name in self._loaded:
                return _message(409, f"Model {name} is loaded already.")
            return self._load_new(name, url, place)

    def _load_new(self, name: str, url: str, place: Path) -> HttpResponse:
        """Load a model that is not loaded. The caller holds the lock."""
        size_bytes = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
        taken_bytes = sum(loaded.size_bytes for loaded in self._loaded.values())
        if taken_bytes + size_bytes > self._limit_bytes:
            return _message(
                507, f"Model {name} has {size_bytes} bytes, {taken_bytes} of {self._limit_bytes} are taken."
            )
        try:
            self._loaded[name] = LoadedModel(url, size_bytes, self._load(place))
        except UserError as error:
            return _message(400, f"Model {name} cannot be loaded: {error}")
        return _message(200, f"Model {name} is loaded.")

    def list(self, token: str | None) -> HttpResponse:
        """GET /models: a page of names and URLs, sorted by name. `token` is the last name of the page before."""
        found = sorted((name, loaded) for name, loaded in list(self._loaded.items()) if name > (token or ""))
        page = [_entry(name, loaded) for name, loaded in found[:PAGE]]
        more = {"nextPageToken": found[PAGE - 1][0]} if len(found) > PAGE else {}
        return _json(200, {"models": page, **more})

    def describe(self, name: str) -> HttpResponse:
        """GET /models/<name>. Status 404 for a model that is not loaded."""
        loaded = self._loaded.get(name)
        return _json(200, _entry(name, loaded)) if loaded else _not_loaded(name)

    def unload(self, name: str) -> HttpResponse:
        """DELETE /models/<name>. Its memory is free once the last request to it is answered."""
        with self._changing:
            gone = self._loaded.pop(name, None)
        return _message(200, f"Model {name} is unloaded.") if gone else _not_loaded(name)

    def invoke(self, name: str, request: HttpRequest) -> HttpResponse:
        """POST /models/<name>/invoke. Status 404 for a model that is not loaded, else as `Endpoint.invocations`."""
        loaded = self._loaded.get(name)
        return loaded.handler.invocations(request) if loaded else _not_loaded(name)


def memory_limit(environment: Mapping[str, str]) -> int:
    """Bytes that models may take: `WILDSAGE_MODEL_MEMORY_MB`, or half of the container's memory. Raises UserError."""
    if given := environment.get(LIMIT_VARIABLE):
        if not given.isdecimal():
            raise UserError(f"{LIMIT_VARIABLE}: got {given!r}, expected a whole number of megabytes.")
        return int(given) << 20
    limits = [Path(path).read_text().strip() for path in GROUP_LIMITS if Path(path).is_file()]
    sizes = [psutil.virtual_memory().total, *(int(limit) for limit in limits if limit.isdecimal())]
    return int(min(sizes) * SHARE_OF_MEMORY)


def _load_request(body: bytes) -> tuple[str, str]:
    """Name and URL of the model to load. Raises ValueError, or RecursionError for JSON that is nested too deep."""
    found = json_text.parse(body)
    name, url = (found.get("model_name"), found.get("url")) if isinstance(found, dict) else (None, None)
    if not (isinstance(name, str) and name and isinstance(url, str)):
        raise ValueError('expected {"model_name": "name", "url": "/opt/ml/models/name/model"}')
    return name, url


def _entry(name: str, loaded: LoadedModel) -> dict[str, str]:
    return {"modelName": name, "modelUrl": loaded.url}


def _not_loaded(name: str) -> HttpResponse:
    return _message(404, f"Model {name} is not loaded.")


def _message(status: int, message: str) -> HttpResponse:
    return _json(status, {"code": status, "message": message})


def _json(status: int, content: Mapping[str, object]) -> HttpResponse:
    return HttpResponse(status, json.dumps(content).encode(), codecs.JSON)
