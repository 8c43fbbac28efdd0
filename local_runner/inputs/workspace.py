"""The /opt/ml folders of a training job, one for each host: created before it runs, packed into archives afterwards.

Input files are clones of the stored objects if the file system can clone (Btrfs, XFS: it copies no bytes, and
writes stay private), else hard links without write permission, which cost nothing either. A link keeps the bytes of the
job's start, because the store replaces files and never writes into them. One risk remains: a process that runs as root,
or restores the permission, can write into a linked object. Between disks the bytes are copied.

CompressionType Gzip is decompressed in Pipe mode only, as SageMaker documents it. File mode provides files unchanged.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wildsage.containers.contract import archive
from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.containers.launchers.pipes import Pipe
from wildsage.local_runner.inputs import augmented_manifest
from wildsage.local_runner.inputs.augmented_manifest import ManifestLine
from wildsage.local_runner.inputs.channels import InputError, InputFile, Objects, channel_files

JobRequest = Mapping[str, Any]
LOOPBACK_INTERFACE = "lo0" if sys.platform == "darwin" else "lo"
CONTAINER_INTERFACE = "eth0"
AUGMENTED = "AugmentedManifestFile"
FICLONE = 0x40049409  # _IOW(0x94, 9, int) in linux/fs.h
WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@dataclass
class Host:
    """One host of a job: its name, its /opt/ml folder and its pipes."""

    name: str
    folder: OptML
    pipes: list[Pipe] = field(default_factory=list)

    @property
    def problem(self) -> str | None:
        """Why a pipe did not give the container all data; None if all did."""
        return next((pipe.problem for pipe in self.pipes if pipe.problem), None)

    def close(self) -> None:
        """Stop feeding the pipes. Call it after the container has ended."""
        for pipe in self.pipes:
            pipe.close()


HAS_OWN_DISKS = re.compile(r"ml\.(?:g\d|p[45]|trn|[a-z]+\d[a-z]*d)[a-z]*\.")
"""Instance types that keep their data on disks of their own, whatever VolumeSizeInGB says."""


def _check_volume(machines: Mapping[str, Any], host: Host, configs: Mapping[str, ChannelConfig]) -> None:
    """Raises InputError where the data of File mode does not fit into the volume that the request asks for."""
    size_gb = machines.get("VolumeSizeInGB")
    if not size_gb or HAS_OWN_DISKS.match(machines.get("InstanceType", "")):
        return
    folders = [host.folder.channel(name) for name, config in configs.items() if config.input_mode == "File"]
    data_bytes = sum(file.stat().st_size for folder in folders for file in folder.rglob("*") if file.is_file())
    if data_bytes > size_gb << 30:
        raise InputError(
            f"The input of {host.name} has {data_bytes / 2**30:.1f} GiB, more than its volume: VolumeSizeInGB is {size_gb}. "
            "Raise it, or use input mode FastFile or Pipe, which need no disk."
        )


def lay_out(request: JobRequest, folder: Path, objects: Objects, isolated: bool = False) -> list[Host]:
    """Create the /opt/ml folder of every host below `folder`, with its data. `isolated` hosts have their own network.

    Raises InputError if the data of a channel cannot be provided.
    """
    count = request["ResourceConfig"].get("InstanceCount", 1)
    hosts = [Host(f"algo-{number}", OptML(folder / f"algo-{number}")) for number in range(1, count + 1)]
    configs = {
        channel["ChannelName"]: channel_config(request, channel) for channel in request.get("InputDataConfig", ())
    }
    for host in hosts:
        host.folder.make_folders()
        TrainingJob(
            hyperparameters=request.get("HyperParameters", {}),
            channels=configs,
            current_host=host.name,
            hosts=tuple(sorted(host.name for host in hosts)),
            network_interface=CONTAINER_INTERFACE if isolated else LOOPBACK_INTERFACE,
            instance_type=request["ResourceConfig"].get("InstanceType"),
        ).write(host.folder)
    try:
        for channel in request.get("InputDataConfig", ()):
            for host, records in zip(hosts, _records(channel, objects, len(hosts)), strict=True):
                _provide(host, channel, configs[channel["ChannelName"]], records)
        for host in hosts:
            _check_volume(request["ResourceConfig"], host, configs)
    except BaseException:
        for host in hosts:
            host.close()
        raise
    return hosts


def channel_config(request: JobRequest, channel: JobRequest) -> ChannelConfig:
    """The configuration of a channel as the container reads it."""
    source = channel["DataSource"]["S3DataSource"]
    return ChannelConfig(
        content_type=channel.get("ContentType"),
        input_mode=channel.get("InputMode") or request["AlgorithmSpecification"]["TrainingInputMode"],
        distribution=source.get("S3DataDistributionType", "FullyReplicated"),
        record_wrapper=channel.get("RecordWrapperType", "None"),
        compression=channel.get("CompressionType"),
    )


def _records(channel: JobRequest, objects: Objects, hosts: int) -> list[list[ManifestLine]]:
    """Records of each host: files, or the lines of an augmented manifest."""
    if channel["DataSource"]["S3DataSource"]["S3DataType"] == AUGMENTED:
        return augmented_manifest.lines(channel, objects, hosts)
    return [[(file,) for file in files] for files in channel_files(channel, objects, hosts)]


def _provide(host: Host, channel: JobRequest, config: ChannelConfig, records: Sequence[ManifestLine]) -> None:
    name = channel["ChannelName"]
    if config.input_mode == "Pipe":
        # Linked first, so that every pass reads the objects as they were at the start of the job.
        staged = _link_all(records, host.folder.root / "pipe" / name)
        seed = channel.get("ShuffleConfig", {}).get("Seed")
        host.pipes.append(Pipe(host.folder, name, staged, config, seed))
    else:
        _link_all(records, host.folder.channel(name))


def _link_all(records: Sequence[ManifestLine], folder: Path) -> list[tuple[Path | bytes, ...]]:
    """Link the files of the records below `folder` and return the records with the new paths."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        tuple(part if isinstance(part, bytes) else link_file(part, folder / part.name) for part in record)
        for record in records
    ]


def link_file(file: InputFile, target: Path) -> Path:
    """Place an object at `target` and return that. Raises InputError if it was deleted, or another object is there."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _place_file(file.stored.path, target)
    except (FileExistsError, NotADirectoryError):
        raise InputError(
            f"Object {file.stored.key} cannot become the file {file.name}: another object uses that name as a folder or file."
        ) from None
    except FileNotFoundError:
        raise InputError(f"Object {file.stored.key} was deleted while the job downloaded it.") from None
    return target


def _place_file(source: Path, target: Path) -> None:
    """Make `target` a clone of `source`, else a write-protected hard link, else a copy. Raises FileExistsError."""
    if _clone(source, target):
        return
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without hard links
        shutil.copyfile(source, target)
    target.chmod(stat.S_IMODE(target.stat().st_mode) & ~WRITE)


def _clone(source: Path, target: Path) -> bool:
    """Clone a file. Returns False if the file system cannot. Raises FileExistsError."""
    with source.open("rb") as original, target.open("xb") as copy:
        try:
            fcntl.ioctl(copy, FICLONE, original.fileno())
        except OSError:
            target.unlink()
            return False
    return True


def pack_model(hosts: Sequence[Host], target: Path) -> bool:
    """Pack all hosts' /opt/ml/model into model.tar.gz. Returns False, without an archive, if they hold no file."""
    return _pack([host.folder.model for host in hosts], target)


def pack_output(hosts: Sequence[Host], target: Path) -> bool:
    """Pack all hosts' /opt/ml/output/data into output.tar.gz. Returns False, without an archive, if they hold no file."""
    return _pack([host.folder.output_data for host in hosts], target)


def _pack(folders: Sequence[Path], target: Path) -> bool:
    folder = _merged(folders)
    if not any(path.is_file() for path in folder.rglob("*")):
        return False
    archive.pack(folder, target)
    return True


def _merged(folders: Sequence[Path]) -> Path:
    """Move all files into the first folder and return it. Of files with the same name the first host's stays."""
    first, *others = folders
    for other in others:
        for path in sorted(path for path in other.rglob("*") if path.is_file()):
            target = first / path.relative_to(other)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                path.rename(target)
    return first
