"""What a framework's image does where a script lacks a hook, if the framework has nothing of its own.

Source: contract script-mode, section 5.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wildsage.algorithms.base.endpoint import HttpResponse
from wildsage.containers.frameworks import formats

NEEDS_MODEL_FN = "Please provide a model_fn implementation."


class DefaultHooks:
    """The hooks of an image without a default model."""

    def model_fn(self, folder: Path) -> Any:
        """The model below `folder`. Raises NotImplementedError where only the script knows how to load it."""
        raise NotImplementedError(NEEDS_MODEL_FN)

    def input_fn(self, body: str | bytes, content_type: str | None) -> Any:
        """What `predict_fn` takes. Raises UnsupportedType."""
        return formats.decode(body, content_type)

    def predict_fn(self, data: Any, model: Any) -> Any:
        """The predictions of the model."""
        return model.predict(data)

    def output_fn(self, prediction: Any, accept: str) -> tuple[str | bytes, str]:
        """The body of the answer and its type. Raises UnsupportedType."""
        return formats.encode(prediction, accept)

    def failure(self, error: Exception) -> HttpResponse:
        """The answer for what a hook raised: status 500, or that in `status_code` of the exception, with its text."""
        status = getattr(error, "status_code", 500)
        text = str(error) or type(error).__name__
        return HttpResponse(status if status in range(400, 600) else 500, text.encode())
