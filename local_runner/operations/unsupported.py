"""Which fields an operation refuses by name, read from its code: whatever is given to `refuse_unsupported` on its way."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any

from wildsage.local_runner import operations

REFUSE = "refuse_unsupported"


def refused(operation: Callable[..., Any]) -> list[str]:
    """Names of the fields, in the order of the code; [] for anything but a plain function of `operations`."""
    found = [name for function in _reached(operation) for name in _refused_in(function)]
    return list(dict.fromkeys(found))


def _reached(start: Callable[..., Any]) -> list[FunctionType]:
    """`start` and all functions of the package that it calls, directly or not."""
    reached: list[FunctionType] = []
    waiting: list[Any] = [start]
    while waiting:
        function = _undecorated(waiting.pop(0))
        if isinstance(function, FunctionType) and _is_ours(function) and function not in reached:
            reached.append(function)
            waiting += _called(function)
    return reached


def _undecorated(value: Any) -> Any:
    return inspect.unwrap(value) if isinstance(value, FunctionType) else value


def _is_ours(function: FunctionType) -> bool:
    return function.__module__.startswith(f"{operations.__name__}.") and function.__name__ != REFUSE


def _called(function: FunctionType) -> Iterator[Any]:
    """What stands for each name in a function's code: a function, or one of a module it names."""
    used = function.__code__.co_names
    for value in [function.__globals__.get(name) for name in used]:
        if isinstance(value, ModuleType):
            yield from (getattr(value, name, None) for name in used)
        else:
            yield value


def _refused_in(function: FunctionType) -> Iterator[str]:
    for call in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] == REFUSE:
            yield from _names(call.args[1], function)


def _names(fields: ast.expr, function: FunctionType) -> list[str]:
    """A tuple of names, written on the spot or as a constant of the module."""
    if isinstance(fields, ast.Name):
        return list(function.__globals__[fields.id])
    return [str(element.value) for element in ast.walk(fields) if isinstance(element, ast.Constant)]
