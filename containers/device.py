"""Which device a container computes on."""

from __future__ import annotations

import torch

from algorithms.base.errors import UserError


def choose(num_gpus: str) -> torch.device:
    """`_num_gpus`: auto takes a GPU if there is one, 0 never, 1 or more insists. Raises UserError for what cannot be had."""
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if num_gpus == "auto":
        return torch.device("cuda" if available else "cpu")
    if not num_gpus.isdigit():
        raise UserError(f"Hyperparameter _num_gpus: got {num_gpus!r}, expected auto or an integer ≥ 0.")
    if int(num_gpus) > available:
        raise UserError(f"Hyperparameter _num_gpus: got {num_gpus}, but this host has {available}.")
    return torch.device("cuda" if int(num_gpus) else "cpu")
