"""Weights to start from, which the user provides: files in the folder that `WILDSAGE_PRETRAINED` names.

<name>-symbol.json and <name>-NNNN.params    an MXNet checkpoint, as its model zoo has them
<name>.pth                                   a state dictionary of torch, such as torchvision's
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.model_files import mxnet_checkpoint


def find(folder: str | None, name: str | None) -> Mapping[str, Tensor] | None:
    """Return arrays by name, or None without a folder, a name or a file. Raises UserError for a damaged file."""
    if not (folder and name):
        return None
    state = Path(folder) / f"{name}.pth"
    if state.exists():
        return _state_dictionary(state)
    return mxnet_checkpoint.read_arrays(Path(folder), name)[1] if list(Path(folder).glob(f"{name}-*.params")) else None


def _state_dictionary(path: Path) -> Mapping[str, Tensor]:
    """Read tensors only. torch rejects files with anything else."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch does not have a class for rejected files
        raise UserError(f"{path}: not a state dictionary of tensors ({str(error).splitlines()[0]}).") from None
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"{path}: expected a dictionary of tensors by name.")
    return content
