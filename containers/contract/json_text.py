"""The one reader of JSON that others wrote, where the local AWS may import it."""

from __future__ import annotations

from wildsage.algorithms.base.json_text import parse

__all__ = ["parse"]
