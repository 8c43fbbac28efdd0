"""What scripts use of aws/sagemaker-containers, the toolkit of older images."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace


def training_env() -> SimpleNamespace:
    """The job: `hosts`, `current_host`, `model_dir`, `channel_input_dirs`, `hyperparameters`, …, as in SM_TRAINING_ENV."""
    return SimpleNamespace(**json.loads(os.environ["SM_TRAINING_ENV"]))
