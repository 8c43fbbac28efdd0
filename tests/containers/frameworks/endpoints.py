"""Endpoints of scripts with the defaults of a framework's image, asked as values."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from wildsage.algorithms.base.endpoint import HttpRequest
from wildsage.containers.frameworks import defaults
from wildsage.containers.frameworks.hooks import ScriptEndpoint

ROWS = "1,2\n3,4\n"

SCRIPT = """
import os
from own import ADDED

def model_fn(model_dir):
    return int(open(os.path.join(model_dir, "number")).read()) + ADDED

def predict_fn(data, model):
    return data.sum(axis=1) * model
"""
"""An inference.py whose model multiplies the sums of rows with what `write_model` gives it, twice."""


def npy(array: Any) -> bytes:
    """NumPy's own file of an array."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def endpoint(
    framework: str = "scikit-learn",
    accept: str | None = None,
    folder: Path = Path("/model"),
    environment: Mapping[str, str] | None = None,
    **own: Any,
) -> ScriptEndpoint:
    """An endpoint of a script with these hooks."""
    return ScriptEndpoint(
        SimpleNamespace(**own), defaults.of_framework(framework, "1.7-1", environment or {}), folder, accept
    )


def ask(
    found: ScriptEndpoint, body: bytes | str, content_type: str | None = "text/csv", accept: str | None = None
) -> tuple[int, bytes, str | None]:
    """Status, body and type of the answer."""
    content = body.encode() if isinstance(body, str) else body
    answer = found.invocations(HttpRequest(content, content_type, accept))
    return answer.status, answer.body, answer.content_type


def write_model(folder: Path, number: int, script: str = SCRIPT) -> None:
    """A model with code of its own."""
    (folder / "code").mkdir(parents=True)
    (folder / "number").write_text(str(number))
    (folder / "code" / "inference.py").write_text(script)
    (folder / "code" / "own.py").write_text(f"ADDED = {number}")
