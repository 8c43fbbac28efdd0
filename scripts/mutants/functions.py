"""Puts the functions of a changed file in place of those of the imported module: milliseconds, where an import takes seconds."""

from __future__ import annotations

import gc
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType


def functions_of(root: Path, paths: list[str]) -> dict[str, list[FunctionType]]:
    """Path → all functions of the file that Python has, for those that are imported. It is imported in a folder of links.

    None of a file with functions that numba compiles: the machine code that it keeps would run in place of a changed function.
    """
    modules = [module for name in list(sys.modules) if (module := sys.modules[name])]
    files = {file for module in modules if isinstance(file := getattr(module, "__file__", None), str)}
    imported = {file: str(Path(file).resolve().relative_to(root)) for file in files if Path(file).is_relative_to(root)}
    found: dict[str, list[FunctionType]] = {path: [] for path in imported.values() if path in paths}
    for one in gc.get_objects():
        if type(one) is FunctionType and (path := imported.get(one.__code__.co_filename)) in found:
            found[str(path)].append(one)
    compiled = {imported.get(function.__code__.co_filename) for function in _compiled()}
    return {path: [] if path in compiled else found[path] for path in found}


def _compiled() -> list[FunctionType]:
    """The functions that numba compiles, if anything has imported it."""
    numba = sys.modules.get("numba.core.dispatcher")
    return [one.py_func for one in gc.get_objects() if issubclass(type(one), numba.Dispatcher)] if numba else []


def replace_functions(functions: list[FunctionType], before: str, after: str) -> bool:
    """Whether these functions, all of a file's, now do what the code `after` says, which differs from `before` in functions alone.

    False where more would have to be done: a constant, a default or the body of a class differs.
    """
    if not functions:
        return False
    name = functions[0].__code__.co_filename
    old, new = (compile(code, name, "exec", dont_inherit=True) for code in (before, after))
    if _body(old) != _body(new):
        return False
    pairs = dict(_pairs(old, new))
    try:
        for function in functions:
            function.__code__ = pairs[function.__code__]
    except (KeyError, ValueError):  # rewritten by pytest, or with another number of free variables
        return False
    return True


def _pairs(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """The code of each function, with what takes its place."""
    if _is_function(old):
        yield old, new
    for one, other in zip(_nested(old), _nested(new), strict=False):
        yield from _pairs(one, other)


def _body(code: CodeType) -> list[object]:
    """What a module and its classes do when they are imported, their functions left out."""
    constants = [repr(one) for one in code.co_consts if not isinstance(one, CodeType)]
    classes = [_body(one) for one in _nested(code) if not _is_function(one)]
    return [code.co_code, code.co_names, constants, [one.co_name for one in _nested(code)], classes]


def _nested(code: CodeType) -> list[CodeType]:
    return [one for one in code.co_consts if isinstance(one, CodeType)]


def _is_function(code: CodeType) -> bool:
    return bool(code.co_flags & inspect.CO_OPTIMIZED)
