"""The operations of the local AWS: one module per resource, one function per operation.

A module names its service in `SERVICE`. Each of its public functions is the operation with that name in snake case:
`create_training_job(context, request)` answers CreateTrainingJob. No other registration is needed. AWS documents what an
operation does. The docstring of the module says what all its operations do differently here, and the docstring of a function
is the remark on that operation in docs/compatibility.md.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from wildsage.local_runner.operations.context import RequestContext

Operation = Callable[[RequestContext, dict[str, Any]], Mapping[str, Any] | None]


@cache
def operations() -> Mapping[tuple[str, str], Operation]:
    """Functions by service (botocore's name) and snake-case operation."""
    found = {}
    for module_info in pkgutil.walk_packages(__path__, f"{__name__}."):
        module = importlib.import_module(module_info.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_") and hasattr(module, "SERVICE"):
                found[module.SERVICE, name] = function
    return found
