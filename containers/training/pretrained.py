"""Weights to start from, which the user provides: the file that `WILDSAGE_PRETRAINED` names, or files in that folder.

<name>-symbol.json and <name>-NNNN.params    an MXNet checkpoint, as its model zoo has them
<name>.pth                                   a state dictionary of torch, such as torchvision's
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract import pretrained_weights
from wildsage.containers.model_files import mxnet_checkpoint


def find(place: str | None, name: str | None) -> Mapping[str, Tensor] | None:
    """Return arrays by name, or None without a place, a name or a file of that name. A place that is a file may have any name.

    Raises UserError for a damaged file, and for a file or folder that is not there.
    """
    if not (place and name):
        return None
    path = Path(place)
    if path.is_file():
        return _read_file(path)
    if not path.is_dir():
        raise UserError(
            f"{pretrained_weights.VARIABLE}: {place} does not exist, expected a file or a folder of weights."
        )
    state = path / f"{name}.pth"
    if state.exists():
        return _state_dictionary(state)
    return mxnet_checkpoint.read_arrays(path, name)[1] if list(path.glob(f"{name}-*.params")) else None


def _read_file(path: Path) -> Mapping[str, Tensor]:
    match path.suffix:
        case ".params":
            return mxnet_checkpoint.read_params(path)
        case ".pth" | ".pt":
            return _state_dictionary(path)
    raise UserError(f"{path}: expected weights in a file with suffix {', '.join(pretrained_weights.SUFFIXES)}.")


def _state_dictionary(path: Path) -> Mapping[str, Tensor]:
    """Read tensors only. torch rejects files with anything else."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch does not have a class for rejected files
        raise UserError(f"{path}: not a state dictionary of tensors ({str(error).splitlines()[0]}).") from None
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise UserError(f"{path}: expected a dictionary of tensors by name.")
    return content
