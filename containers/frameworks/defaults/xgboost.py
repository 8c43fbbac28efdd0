"""XGBoost's image with a script: bodies become the library's matrix, and answers are text.

Source: contract script-mode, section 5; serving.py of aws/sagemaker-xgboost-container.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xgboost

from wildsage.algorithms.xgboost.serving import requests
from wildsage.algorithms.xgboost.versions import Version
from wildsage.containers.frameworks.defaults.base import DefaultHooks
from wildsage.containers.programs import RecordCodec


class XGBoostHooks(DefaultHooks):
    """The hooks of XGBoost's image; `tag` is that of the image."""

    def __init__(self, tag: str) -> None:
        self._version = Version.from_tag(tag)

    def input_fn(self, body: str | bytes, content_type: str | None) -> xgboost.DMatrix:
        """The matrix of CSV, LIBSVM or RecordIO-protobuf. Raises UnreadableBody in the original's words."""
        content = body.encode() if isinstance(body, str) else body
        rows = requests.parse(requests.kind_of(content_type), content, self._version, RecordCodec())
        return xgboost.DMatrix(rows, missing=np.nan)

    def predict_fn(self, data: Any, model: Any) -> Any:
        """(n,), or (n, k) for k classes; the columns of the matrix need no names."""
        return model.predict(data, validate_features=False)
