"""A training job as a container sees it: three JSON files ⇄ one value. Images read the files, the local AWS writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wildsage.algorithms.base import json_text
from wildsage.algorithms.base.errors import PlatformError
from wildsage.containers.contract.paths import OptML

ONE_GROUP = "homogeneousCluster"
"""SageMaker's name for the only group of instances that a job has."""


@dataclass(frozen=True)
class ChannelConfig:
    """How a channel arrives. Values are SageMaker's own words. `content_type` is None where the user did not set it."""

    content_type: str | None = None
    input_mode: str = "File"
    distribution: str = "FullyReplicated"
    record_wrapper: str = "None"
    compression: str | None = None

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> ChannelConfig:
        """Read an entry of inputdataconfig.json; missing members get SageMaker's defaults."""
        return cls(
            content_type=entry.get("ContentType"),
            input_mode=entry.get("TrainingInputMode", "File"),
            distribution=entry.get("S3DistributionType", "FullyReplicated"),
            record_wrapper=entry.get("RecordWrapperType", "None"),
            compression=entry.get("CompressionType"),
        )

    def to_json(self) -> dict[str, str]:
        """The inverse of `from_json`, without members that are None."""
        entry = {
            "ContentType": self.content_type,
            "TrainingInputMode": self.input_mode,
            "S3DistributionType": self.distribution,
            "RecordWrapperType": self.record_wrapper,
            "CompressionType": self.compression,
        }
        return {name: value for name, value in entry.items() if value is not None}


@dataclass(frozen=True)
class TrainingJob:
    """Hyperparameters (all strings), channels by name, and hosts. `hosts` is sorted as text: `algo-10` before `algo-2`."""

    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, ChannelConfig] = field(default_factory=dict)
    current_host: str = "algo-1"
    hosts: tuple[str, ...] = ("algo-1",)
    network_interface: str = "eth0"
    instance_type: str | None = None

    @property
    def leads(self) -> bool:
        """True on the first host, which writes the model."""
        return self.current_host == self.hosts[0]

    @classmethod
    def read(cls, folder: OptML) -> TrainingJob:
        """Read the three files.

        Raises PlatformError if hyperparameters.json is missing, or a file is not a JSON object.
        """
        channels = _read(folder.input_data_config, default={})
        found = resources(folder)
        hosts = tuple(sorted(found.get("hosts", ("algo-1",))))
        return cls(
            hyperparameters={name: _text(value) for name, value in _read(folder.hyperparameters).items()},
            channels={name: ChannelConfig.from_json(entry) for name, entry in channels.items()},
            current_host=found.get("current_host", hosts[0]),
            hosts=hosts,
            network_interface=found.get("network_interface_name", "eth0"),
            instance_type=found.get("current_instance_type"),
        )

    def write(self, folder: OptML) -> None:
        """Write the three files below `folder`, whose config folder must exist."""
        written = {
            "current_host": self.current_host,
            "hosts": sorted(self.hosts),
            "network_interface_name": self.network_interface,
            **(self._instance_group(self.instance_type) if self.instance_type else {}),
        }
        channels = {name: channel.to_json() for name, channel in self.channels.items()}
        folder.hyperparameters.write_text(json.dumps(dict(self.hyperparameters)))
        folder.input_data_config.write_text(json.dumps(channels))
        folder.resource_config.write_text(json.dumps(written))

    def _instance_group(self, instance_type: str) -> dict[str, Any]:
        """What newer versions of the platform say about the instances, which are all of one type here."""
        group = {"instance_group_name": ONE_GROUP, "instance_type": instance_type, "hosts": sorted(self.hosts)}
        return {
            "current_instance_type": instance_type,
            "current_group_name": ONE_GROUP,
            "instance_groups": [group],
        }


def resources(folder: OptML) -> dict[str, Any]:
    """The content of resourceconfig.json. Raises PlatformError for a file that is not a JSON object."""
    return _read(folder.resource_config, default={})


def checkpoint_folder(folder: OptML) -> Path | None:
    """The folder that checkpointconfig.json names, or the usual one; None for a job without that file.

    Raises PlatformError for a file that is not a JSON object.
    """
    if not folder.checkpoint_config.exists():
        return None
    local = _read(folder.checkpoint_config).get("LocalPath")
    return Path(local) if local else folder.checkpoints


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _read(path: Path, default: dict | None = None) -> dict[str, Any]:
    if default is not None and not path.exists():
        return default
    try:
        content = json_text.parse(path.read_text())
    except FileNotFoundError:
        raise PlatformError(
            f"{path} is missing: it holds the job's settings. A container has it by a mount: docker run -v $PWD/job:/opt/ml … train"
        ) from None
    except ValueError as error:
        raise PlatformError(f"{path}: not valid JSON ({error}).") from None
    if not isinstance(content, dict):
        raise PlatformError(f"{path}: got {type(content).__name__}, expected a JSON object.")
    return content
