"""Checkpoints: the state of an interrupted job, from which it goes on to the same bytes [contract: container, section 2]."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.mxnet import ndarray
from wildsage.containers.contract.paths import OptML

STATE, POSITION, RANDOMNESS, SETTINGS = "state/", "position", "randomness", "settings"
Position = tuple[int, int]
"""Passes completed, and batches taken in from the pass after them."""


@dataclass
class Checkpoints:
    """One file for each host below `folder`, replaced whole every `every_s` seconds. `settings` tells jobs apart."""

    folder: Path
    host: str
    settings: Mapping[str, str]
    every_s: float
    _last_s: float = field(default_factory=time.monotonic)

    @classmethod
    def configured(cls, opt_ml: OptML, host: str, settings: Mapping[str, str], every_s: float) -> Checkpoints | None:
        """As checkpointconfig.json says; None where the job has none."""
        if not opt_ml.checkpoint_config.exists():
            return None
        local = json.loads(opt_ml.checkpoint_config.read_text()).get("LocalPath")
        return cls(Path(local) if local else opt_ml.checkpoints, host, settings, every_s)

    @property
    def path(self) -> Path:
        return self.folder / f"checkpoint_{self.host}"

    def load(self) -> tuple[dict[str, Tensor], Position, Tensor] | None:
        """State, position and state of the random numbers; None if there is no checkpoint yet.

        Raises UserError if it is of a job with other hyperparameters.
        """
        if not self.path.exists():
            return None
        content = ndarray.read(self.path.read_bytes())
        if not isinstance(content, dict) or SETTINGS not in content:
            raise UserError(f"Checkpoint {self.path}: no checkpoint of this kind of job. Empty the checkpoint folder.")
        arrays = {name: torch.from_numpy(np.array(array)) for name, array in content.items()}
        settings = json.loads(bytes(arrays[SETTINGS].tolist()))
        if settings != dict(self.settings):
            other = sorted(name for name, value in {**settings, **self.settings}.items() if settings.get(name) != value)
            raise UserError(
                f"Checkpoint {self.path}: made with other values of {', '.join(other)}. "
                "Give the job a checkpoint folder of its own, or empty this one."
            )
        state = {name.removeprefix(STATE): array for name, array in arrays.items() if name.startswith(STATE)}
        passes, batches = arrays[POSITION].tolist()
        return state, (passes, batches), arrays[RANDOMNESS]

    @property
    def due(self) -> bool:
        return time.monotonic() - self._last_s >= self.every_s

    def save(self, state: Mapping[str, Tensor], position: Position, randomness: Tensor) -> None:
        """Replace the checkpoint. A kill at any moment leaves the old or the new one."""
        settings = torch.frombuffer(bytearray(json.dumps(dict(self.settings)).encode()), dtype=torch.uint8)
        arrays = {f"{STATE}{name}": array for name, array in state.items()}
        arrays |= {POSITION: torch.tensor(position), RANDOMNESS: randomness, SETTINGS: settings}
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_name(f".{self.path.name}.partial")
        partial.write_bytes(ndarray.write({name: array.cpu().numpy() for name, array in arrays.items()}))
        partial.replace(self.path)
        self._last_s = time.monotonic()
