"""The device that a container computes on."""

from __future__ import annotations

import torch

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.hyperparameters import whole_number

MOST_GPUS = 1024


def choose(num_gpus: str) -> torch.device:
    """Choose by `_num_gpus`: auto uses a GPU if there is one, 0 uses the CPU, and 1 or more requires a GPU.

    Raises UserError where the host has fewer GPUs than required.
    """
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if num_gpus == "auto":
        return torch.device("cuda" if available else "cpu")
    wanted = whole_number("_num_gpus", num_gpus, 0, MOST_GPUS)
    if wanted > available:
        raise UserError(f"Hyperparameter _num_gpus: got {wanted}, but this host has {available}.")
    return torch.device("cuda" if wanted else "cpu")
