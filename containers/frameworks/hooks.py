"""A user's module in serving: its hooks, with the framework's defaults where it has none, behind one endpoint.

Source: contract script-mode, section 5; transformer.py of aws/sagemaker-inference-toolkit.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from wildsage.algorithms.base.endpoint import HttpRequest, HttpResponse
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.frameworks import formats, python
from wildsage.containers.frameworks.defaults.base import DefaultHooks
from wildsage.containers.frameworks.variables import module_name

LOG = logging.getLogger(__name__)

CONFLICT = (
    "Cannot use transform_fn implementation in conjunction with input_fn, predict_fn, and/or output_fn implementation"
)
DEFAULT_PROGRAM = "inference.py"
REPLACED = ("input_fn", "predict_fn", "output_fn")


@dataclass
class Context:
    """What a hook with one more parameter than it needs is given, as by Amazon's model server."""

    system_properties: dict[str, Any]
    custom_attributes: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def get_request_header(self, _index: int, name: str) -> str | None:
        """A header of the request."""
        return self.headers.get(name)


def load_module(program: str | None, code: Path) -> ModuleType | None:
    """The user's module, with its folder first among those of modules; None where there is no such file.

    Raises UserError if `program` names a file that is not there, and what the module itself raises.
    """
    file = code / (program or DEFAULT_PROGRAM)
    if not file.is_file():
        if program and code.is_dir():
            raise UserError(f"The module {program} is not in the code of the model, {code}.")
        return None
    _forget_modules_of_other_models(code)
    sys.path.insert(0, str(code))
    sys.path.extend(str(folder) for folder in python.image_modules() if str(folder) not in sys.path)
    name = module_name(file.relative_to(code).as_posix()).replace("/", ".")
    _forget_another_module(name, code)
    return importlib.import_module(name)


def _forget_another_module(name: str, code: Path) -> None:
    """Let a module that was imported from elsewhere under the name of the user's program not stand in for it."""
    top = name.partition(".")[0]
    for loaded, module in list(sys.modules.items()):
        if loaded == top or loaded.startswith(f"{top}."):
            file = getattr(module, "__file__", None)
            if file is None or not Path(file).is_relative_to(code):
                del sys.modules[loaded]


def _forget_modules_of_other_models(code: Path) -> None:
    """Let the modules of one model not hide those of another, which may have the same names."""
    others = [Path(entry) for entry in sys.path if Path(entry).name == code.name and Path(entry) != code]
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file and any(Path(file).is_relative_to(other) for other in others):
            del sys.modules[name]
    sys.path[:] = [entry for entry in sys.path if Path(entry) not in others]


class ScriptEndpoint:
    """A model and the hooks around it. One request is computed at a time: scripts need not be safe for threads."""

    def __init__(
        self, module: ModuleType | None, defaults: DefaultHooks, folder: Path, default_accept: str | None
    ) -> None:
        """Load the model below `folder`. Raises UserError for hooks that exclude each other, and what `model_fn` raises."""
        own = {name: getattr(module, name, None) for name in ("model_fn", "transform_fn", *REPLACED)}
        if own["transform_fn"] and any(own[name] for name in REPLACED):
            raise UserError(CONFLICT)
        self._hooks: dict[str, Callable[..., Any]] = {
            name: getattr(defaults, name, self._transform) if hook is None else hook for name, hook in own.items()
        }
        self._defaults = defaults
        self._properties = {"model_dir": str(folder)}
        self._default_accept = default_accept or formats.JSON
        self._computing = threading.Lock()
        given = str(folder) if own["model_fn"] else folder
        self._model = _call(self._hooks["model_fn"], (given,), Context(self._properties))

    def invocations(self, request: HttpRequest) -> HttpResponse:
        """The answer of the hooks; what they raise becomes an answer with the text of the exception, and a trace in the log."""
        try:
            with self._computing:
                return self._answer(request)
        except Exception as error:
            LOG.exception("An invocation failed")
            return self._defaults.failure(error)

    def execution_parameters(self) -> HttpResponse:
        """404: the defaults of batch transform apply."""
        return HttpResponse(404, b"")

    def _answer(self, request: HttpRequest) -> HttpResponse:
        content_type = request.content_type or formats.JSON
        accept = request.accept if request.accept not in (None, "", formats.ANY) else self._default_accept
        body = request.body.decode() if formats.base_type(content_type) in formats.TEXT else request.body
        headers = {"Content-Type": content_type, "Accept": accept}
        context = Context(self._properties, request.custom_attributes, headers)
        result = _call(self._hooks["transform_fn"], (self._model, body, content_type, accept), context)
        answer, media_type = result if isinstance(result, tuple) else (result, accept)
        return HttpResponse(200, _bytes(answer), media_type)

    def _transform(self, model: Any, body: str | bytes, content_type: str, accept: str, context: Context) -> Any:
        data = _call(self._hooks["input_fn"], (body, content_type), context)
        prediction = _call(self._hooks["predict_fn"], (data, model), context)
        return _call(self._hooks["output_fn"], (prediction, accept), context)


def _call(hook: Callable[..., Any], arguments: tuple[Any, ...], context: Context) -> Any:
    """Call a hook; one that takes a further argument gets the context."""
    wanted = len(inspect.signature(hook).parameters)
    return hook(*arguments, context) if wanted == len(arguments) + 1 else hook(*arguments)


def _bytes(answer: Any) -> bytes:
    """The body of an answer. Raises TypeError for what is neither text nor bytes."""
    if isinstance(answer, str):
        return answer.encode()
    if isinstance(answer, bytes | bytearray | memoryview):
        return bytes(answer)
    raise TypeError(
        f"output_fn and transform_fn return text or bytes, with or without a content type; got {type(answer).__name__}."
    )
