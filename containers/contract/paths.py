"""Every path of the container contract [contract: container, section 2]. No other file spells /opt/ml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_ROOT = "/opt/ml"
ROOT_VARIABLE = "SAGEMAKER_DATA_PATH"
CHANNEL_NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9.\-_]{1,64}")
"""As in the API. Other names could point outside the folder."""


@dataclass(frozen=True)
class OptML:
    """The folder a container shares with SageMaker; `root` is /opt/ml in an image and any folder elsewhere."""

    root: Path = Path(DEFAULT_ROOT)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> OptML:
        """The folder that `SAGEMAKER_DATA_PATH` names, which the first-party images set too."""
        return cls(Path(environment.get(ROOT_VARIABLE, DEFAULT_ROOT)))

    @property
    def config(self) -> Path:
        """Folder of the job's configuration."""
        return self.root / "input" / "config"

    @property
    def hyperparameters(self) -> Path:
        """The job's hyperparameters, all strings."""
        return self.config / "hyperparameters.json"

    @property
    def input_data_config(self) -> Path:
        """The channels: content type, mode and distribution of each."""
        return self.config / "inputdataconfig.json"

    @property
    def resource_config(self) -> Path:
        """The hosts of the job, and which of them this is."""
        return self.config / "resourceconfig.json"

    @property
    def checkpoint_config(self) -> Path:
        """Where checkpoints go; the file is missing in jobs without them."""
        return self.config / "checkpointconfig.json"

    @property
    def data(self) -> Path:
        """Folder of the channels, with a file, folder or FIFO for each."""
        return self.root / "input" / "data"

    def channel(self, name: str) -> Path:
        """Folder of a channel in File and FastFile mode."""
        return self.data / name

    def pipe(self, channel: str, epoch: int) -> Path:
        """FIFO of a channel in Pipe mode, one for each pass; passes are counted from 0."""
        return self.data / f"{channel}_{epoch}"

    @property
    def model(self) -> Path:
        """SageMaker packs this folder as model.tar.gz after a job, and unpacks the archive here for an endpoint."""
        return self.root / "model"

    def loaded_model(self, name: str) -> Path:
        """Folder of a model that a multi-model container loads under this name."""
        return self.root / "models" / name / "model"

    def inside(self, path: str) -> Path:
        """Translate a path below /opt/ml to one below `root`. Raises ValueError for a path that is not below /opt/ml."""
        below = Path(path).relative_to(DEFAULT_ROOT)
        if ".." in below.parts:
            raise ValueError(f"{path!r} leaves {DEFAULT_ROOT}")
        return self.root / below

    @property
    def code(self) -> Path:
        """Folder of the user's code while a script trains."""
        return self.root / "code"

    @property
    def output_data(self) -> Path:
        """SageMaker packs this folder as output.tar.gz after a job."""
        return self.root / "output" / "data"

    @property
    def output_intermediate(self) -> Path:
        """Folder that a script's container keeps in S3 while the job runs, if it is asked to."""
        return self.root / "output" / "intermediate"

    @property
    def success(self) -> Path:
        """File by which a script's container says that it has succeeded."""
        return self.root / "output" / "success"

    @property
    def failure(self) -> Path:
        """The reason for which a job failed, at most 1024 characters."""
        return self.root / "output" / "failure"

    @property
    def metrics(self) -> Path:
        """Folder that SageMaker's own libraries write metrics to."""
        return self.root / "output" / "metrics" / "sagemaker"

    @property
    def checkpoints(self) -> Path:
        """Folder that SageMaker keeps in S3 while the job runs."""
        return self.root / "checkpoints"

    def tensorboard(self, path: str | None) -> Path:
        """Folder for the files of TensorBoard. One that is not below /opt/ml lies in `root` and is mounted where it belongs."""
        if path is None:
            return self.root / "output" / "tensorboard"
        return self.inside(path) if Path(path).is_relative_to(DEFAULT_ROOT) else self.root / "tensorboard"

    def make_folders(self) -> None:
        """Create the folders that SageMaker creates before a training container starts."""
        for folder in (self.config, self.data, self.model, self.output_data, self.metrics):
            folder.mkdir(parents=True, exist_ok=True)
