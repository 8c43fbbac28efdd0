"""scikit-learn's image: numbers of text become float32, and one row may come without its brackets.

Source: contract script-mode, section 5; serving.py of aws/sagemaker-scikit-learn-container.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wildsage.containers.frameworks import formats
from wildsage.containers.frameworks.defaults.base import DefaultHooks


class ScikitLearnHooks(DefaultHooks):
    """The hooks of scikit-learn's image."""

    def input_fn(self, body: str | bytes, content_type: str | None) -> Any:
        """(n, d), float32 for CSV and JSON. Raises UnsupportedType."""
        rows = formats.decode(body, content_type)
        if formats.base_type(content_type) in formats.TEXT:
            rows = rows.astype(np.float32)
        return rows.reshape(1, -1) if rows.ndim == 1 else rows
