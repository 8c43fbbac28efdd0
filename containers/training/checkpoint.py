"""Checkpoints: the state from which an interrupted job resumes, with the same bytes as result [contract: container, section 2]."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wildsage.algorithms.base import json_text
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.contract.job import checkpoint_folder
from wildsage.containers.contract.paths import OptML

STATE, POSITION, RANDOMNESS, SETTINGS = "state/", "position", "randomness", "settings"
Position = tuple[int, int]
"""Completed passes, and batches read in the pass after them."""


@dataclass
class Checkpoints:
    """One file per host below `folder`, replaced every `every_s` seconds. `settings` are the hyperparameters of the job."""

    folder: Path
    host: str
    settings: Mapping[str, str]
    every_s: float
    _last_s: float = field(default_factory=time.monotonic)

    @classmethod
    def configured(cls, opt_ml: OptML, host: str, settings: Mapping[str, str], every_s: float) -> Checkpoints | None:
        """Read checkpointconfig.json. Return None for a job without it."""
        folder = checkpoint_folder(opt_ml)
        return None if folder is None else cls(folder, host, settings, every_s)

    @property
    def path(self) -> Path:
        """The file of this host."""
        return self.folder / f"checkpoint_{self.host}"

    def load(self) -> tuple[dict[str, Tensor], Position, Tensor] | None:
        """Return state, position and state of the random generator, or None without a checkpoint.

        Raises UserError for a file of another kind, and for a checkpoint of a job with other hyperparameters.
        """
        if not self.path.exists():
            return None
        content = ndarray.read(self.path.read_bytes())
        if not isinstance(content, dict) or SETTINGS not in content:
            raise UserError(
                f"Checkpoint {self.path}: this is not a checkpoint of a training job. Empty the checkpoint folder."
            )
        arrays = {name: torch.from_numpy(np.array(array)) for name, array in content.items()}
        settings = json_text.parse(bytes(arrays[SETTINGS].tolist()))
        if settings != dict(self.settings):
            names = sorted({*settings, *self.settings})
            other = [name for name in names if settings.get(name) != self.settings.get(name)]
            raise UserError(
                f"Checkpoint {self.path}: made with other values of {', '.join(other)}. "
                "Give the job a checkpoint folder of its own, or empty this one."
            )
        state = {name.removeprefix(STATE): array for name, array in arrays.items() if name.startswith(STATE)}
        passes, batches = arrays[POSITION].tolist()
        return state, (passes, batches), arrays[RANDOMNESS]

    @property
    def due(self) -> bool:
        """Whether `every_s` seconds have passed since the last checkpoint."""
        return time.monotonic() - self._last_s >= self.every_s

    def save(self, state: Mapping[str, Tensor], position: Position, randomness: Tensor) -> None:
        """Replace the checkpoint. If the process is killed meanwhile, the old or the new one remains."""
        settings = torch.frombuffer(bytearray(json.dumps(dict(self.settings)).encode()), dtype=torch.uint8)
        arrays = {f"{STATE}{name}": array for name, array in state.items()}
        arrays |= {POSITION: torch.tensor(position), RANDOMNESS: randomness, SETTINGS: settings}
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(f".{self.path.name}.partial")
        with partial.open("wb") as file:
            file.writelines(ndarray.pieces({name: array.cpu().numpy() for name, array in arrays.items()}))
        partial.replace(self.path)
        self._last_s = time.monotonic()
