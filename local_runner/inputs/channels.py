"""Which S3 objects a channel of a training job holds, under which names, on which host.

Both input modes get the same objects in the same order, that of the names: hidden objects, whose last part begins with
a dot, are none of the data, as in the folder of a container.

Sources: CreateTrainingJob's InputDataConfig (API reference: S3DataSource, ShuffleConfig), container contract section 2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.objects import StoredObject
from wildsage.local_runner.s3.public import PublicBuckets
from wildsage.local_runner.s3.store import ObjectStore

ChannelRequest = Mapping[str, Any]
Objects = ObjectStore | PublicBuckets


class InputError(Exception):
    """The caller's data cannot be brought to the job; the text becomes its failure reason."""


@dataclass(frozen=True)
class InputFile:
    """An object of a channel and its path below the channel's folder."""

    name: str
    stored: StoredObject


def split_uri(uri: str) -> tuple[str, str]:
    """`s3://bucket/some/key` → bucket and key. Raises InputError."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise InputError(f"{uri!r} is no S3 address: expected s3://bucket/key.")
    return bucket, key


def channel_files(channel: ChannelRequest, objects: Objects, hosts: int) -> list[list[InputFile]]:
    """Files of a channel for each host, in the order of their names. Raises InputError.

    FullyReplicated gives all to every host, ShardedByS3Key every `hosts`-th key to each; a host may get none.
    """
    source = channel["DataSource"]["S3DataSource"]
    found = _manifest(source, objects) if source["S3DataType"] == "ManifestFile" else _prefix(source, objects)
    files = [InputFile(local_name(file.name), file.stored) for file in found]
    if source.get("S3DataDistributionType") == "ShardedByS3Key":
        return [_by_name(files[host::hosts]) for host in range(hosts)]
    return [_by_name(files)] * hosts


def _by_name(files: Sequence[InputFile]) -> list[InputFile]:
    return sorted(files, key=lambda file: file.name)


def _prefix(source: ChannelRequest, objects: Objects) -> list[InputFile]:
    """Objects whose keys begin with the prefix; keys that end in `/` are folder markers, not data.

    Hidden ones are left out before the rest is looked at: a manifest often lies beside what it names.
    """
    uri = source["S3Uri"]
    bucket, prefix = split_uri(uri)
    try:
        keys = [found.key for found in objects.list(bucket, prefix) if _is_data(found.key)]
    except S3Error as error:
        raise InputError(_nothing_found(uri, bucket, str(error))) from None
    if not keys:
        raise InputError(_nothing_found(uri, bucket, "no object has this prefix, hidden ones left aside."))
    return [InputFile(_below(prefix, key), get_object(objects, bucket, key)) for key in keys]


def _nothing_found(uri: str, bucket: str, problem: str) -> str:
    return (
        f'Data download failed:No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that '
        f'the bucket "{bucket}" exists and that objects exist under that S3 prefix. Error message from S3: {problem}'
    )


def _below(prefix: str, key: str) -> str:
    """Path of a key below a prefix: below the prefix itself if that is a folder, else below the prefix's folder."""
    folder = prefix if prefix.endswith("/") else prefix + "/"
    return key.removeprefix(folder) if key.startswith(folder) else key[prefix.rfind("/") + 1 :]


def _manifest(source: ChannelRequest, objects: Objects) -> list[InputFile]:
    """Objects named by a manifest: `[{"prefix": "s3://bucket/folder/"}, "name", …]`, each an exact key."""
    entries = _read_manifest(source["S3Uri"], objects)
    bucket, prefix = split_uri(entries[0]["prefix"])
    files = [InputFile(name, get_object(objects, bucket, prefix + name)) for name in entries[1:] if _is_data(name)]
    return sorted(files, key=lambda file: file.stored.key)


def _read_manifest(uri: str, objects: Objects) -> Sequence[Any]:
    try:
        entries = json.loads(get_object(objects, *split_uri(uri)).path.read_bytes())
    except ValueError as error:
        raise InputError(f"Manifest {uri}: no valid JSON ({error}).") from None
    head, names = (entries[0], entries[1:]) if isinstance(entries, list) and entries else (None, [])
    if not (isinstance(head, dict) and isinstance(head.get("prefix"), str) and all(isinstance(n, str) for n in names)):
        raise InputError(f'Manifest {uri}: expected [{{"prefix": "s3://bucket/folder/"}}, "name", ...].')
    if not names:
        raise InputError(f"Manifest {uri} names no objects.")
    return entries


def get_object(objects: Objects, bucket: str, key: str) -> StoredObject:
    """The object as it is now. Raises InputError where there is none."""
    try:
        return objects.get(bucket, key)
    except S3Error as error:
        problem = f"{error.code} ({error.status:d}): {error}"
        raise InputError(f"Data download failed:{problem} s3://{bucket}/{key}") from None


def _is_data(key: str) -> bool:
    return not key.rpartition("/")[2].startswith(".") and not key.endswith("/")


def local_name(name: str) -> str:
    """A path below a folder: parts that mean nothing there, as in `a//b`, become `_`. Raises InputError for `..`."""
    parts = [part if part not in ("", ".") else "_" for part in name.split("/")]
    if ".." in parts:
        raise InputError(f"Object name {name!r} would be a file outside the folder it belongs to.")
    return "/".join(parts)
