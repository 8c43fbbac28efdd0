"""The one reader of JSON that others wrote: requests, manifests, hyperparameters, files of models.

Python's own reader raises RecursionError on text that is nested a thousand times, which is not a ValueError.
"""

from __future__ import annotations

import json
from typing import Any


def parse(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError for other text, and for values that are nested too deeply.

    >>> parse("[1, 2.5]")
    [1, 2.5]
    """
    try:
        return json.loads(text)
    except RecursionError:
        shown = text if isinstance(text, str) else text.decode(errors="replace")
        raise json.JSONDecodeError("The value is nested too deeply", shown, 0) from None
