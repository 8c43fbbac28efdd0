"""Half precision on hardware that supports it, for `precision_dtype` float16. Weights stay float32."""

from __future__ import annotations

import torch
from torch.amp.grad_scaler import GradScaler

HALF = "float16"


def half(device: torch.device) -> torch.dtype | None:
    """bfloat16 if the device has it, float16 on other GPUs, None on other CPUs."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else None


def context(precision_dtype: str, device: torch.device) -> torch.autocast:
    """A context in which operators that gain from half precision use it."""
    dtype = half(device) if precision_dtype == HALF else None
    return torch.autocast(device.type, dtype or torch.bfloat16, enabled=dtype is not None)


def scaler(precision_dtype: str, device: torch.device) -> GradScaler:
    """Scales the loss so that small gradients do not vanish in float16; has no effect with other types."""
    wanted = precision_dtype == HALF and half(device) is torch.float16
    return GradScaler(device.type, enabled=wanted)
