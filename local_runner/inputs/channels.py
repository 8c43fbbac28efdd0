"""Which S3 objects a channel of a training job holds, with which names, on which host.

Both input modes get the same objects, sorted by name. Hidden objects, whose last part begins with a dot, are left out, as
containers leave out hidden files.

Sources: CreateTrainingJob's InputDataConfig (API reference: S3DataSource, ShuffleConfig), container contract section 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wildsage.algorithms.base import other_formats
from wildsage.containers.contract import json_text
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.missed import JobReads
from wildsage.local_runner.s3.objects import StoredObject
from wildsage.local_runner.s3.public import PublicBuckets
from wildsage.local_runner.s3.store import ObjectStore

ChannelRequest = Mapping[str, Any]
LONGEST_NAME_BYTES = 255
"""What Linux allows for a part of a path; keys of S3 may be longer."""
Objects = ObjectStore | PublicBuckets | JobReads


class InputError(Exception):
    """The data of a channel cannot be provided. The text becomes the job's failure reason."""


@dataclass(frozen=True)
class InputFile:
    """An object of a channel and its path below the channel's folder."""

    name: str
    stored: StoredObject


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/some/key`. Raises InputError for other texts."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise InputError(f"{uri!r} is not an S3 URI: expected s3://bucket/key.")
    return bucket, key


def channel_files(channel: ChannelRequest, objects: Objects, hosts: int) -> list[list[InputFile]]:
    """Files of a channel for each host, sorted by name. Raises InputError.

    FullyReplicated gives every host all files, ShardedByS3Key gives each host every `hosts`-th key; a host may get none.
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
    """Objects whose keys begin with the prefix. Keys that end in `/` mark folders and are left out, as hidden objects are.

    Only the remaining objects are read, since a hidden manifest often lies beside the objects that it names.
    """
    uri = source["S3Uri"]
    bucket, prefix = split_uri(uri)
    try:
        keys = [found.key for found in objects.list(bucket, prefix) if _is_data(found.key)]
    except S3Error as error:
        raise InputError(_nothing_found(uri, bucket, str(error))) from None
    if not keys:
        raise InputError(_nothing_found(uri, bucket, "no object has this prefix, hidden objects not counted."))
    return [InputFile(_relative_path(prefix, key), require_object(objects, bucket, key)) for key in keys]


def _nothing_found(uri: str, bucket: str, problem: str) -> str:
    return (
        f'Data download failed:No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that '
        f'the bucket "{bucket}" exists and that objects exist under that S3 prefix. Error message from S3: {problem}'
    )


def _relative_path(prefix: str, key: str) -> str:
    """Path of a key relative to the prefix if that is a folder, else to the prefix's folder."""
    folder = prefix if prefix.endswith("/") else prefix + "/"
    return key.removeprefix(folder) if key.startswith(folder) else key[prefix.rfind("/") + 1 :]


def _manifest(source: ChannelRequest, objects: Objects) -> list[InputFile]:
    """Objects that a manifest names with exact keys: `[{"prefix": "s3://bucket/folder/"}, "name", …]`."""
    entries = _read_manifest(source["S3Uri"], objects)
    bucket, prefix = split_uri(entries[0]["prefix"])
    named_by = f"named by manifest {source['S3Uri']}"
    names = [name for name in entries[1:] if _is_data(name)]
    files = [InputFile(name, require_object(objects, bucket, prefix + name, named_by)) for name in names]
    return sorted(files, key=lambda file: file.stored.key)


def _read_manifest(uri: str, objects: Objects) -> Sequence[Any]:
    content = manifest_bytes(objects, uri, "a manifest, which is JSON")
    try:
        entries = json_text.parse(content)
    except ValueError as error:
        raise InputError(f"Manifest {uri}: not valid JSON ({error}).") from None
    head, names = (entries[0], entries[1:]) if isinstance(entries, list) and entries else (None, [])
    if not (isinstance(head, dict) and isinstance(head.get("prefix"), str) and all(isinstance(n, str) for n in names)):
        raise InputError(f'Manifest {uri}: expected [{{"prefix": "s3://bucket/folder/"}}, "name", ...].')
    if not names:
        raise InputError(f"Manifest {uri} names no objects.")
    return entries


def manifest_bytes(objects: Objects, uri: str, wanted: str) -> bytes:
    """The content of a manifest. Raises InputError for a missing object, and for one of another file format."""
    content = require_object(objects, *split_uri(uri)).path.read_bytes()
    if problem := other_formats.problem_of(content, wanted):
        raise InputError(f"Manifest {uri}: {problem}")
    return content


def require_object(objects: Objects, bucket: str, key: str, named_by: str = "") -> StoredObject:
    """The object. Raises InputError if it does not exist; `named_by` says where its name stands."""
    try:
        return objects.get(bucket, key)
    except S3Error as error:
        uri = f"s3://{bucket}/{key}"
        places = [place for place in (uri if uri not in str(error) else "", named_by and f"({named_by})") if place]
        problem = " ".join([f"{error.code} ({error.status:d}): {error}", *places])
        raise InputError(f"Data download failed:{problem}") from None


def _is_data(key: str) -> bool:
    return not key.rpartition("/")[2].startswith(".") and not key.endswith("/")


def local_name(name: str) -> str:
    """A key as a relative path. Empty parts, as in `a//b`, and `.` become `_`.

    Raises InputError for `..`, for a NUL and for a part that is longer than the name of a file.
    """
    parts = [part if part not in ("", ".") else "_" for part in name.split("/")]
    if ".." in parts:
        raise InputError(f"Object name {name!r} would be a file outside the channel's folder.")
    if "\0" in name or any(len(part.encode("utf-8", "surrogatepass")) > LONGEST_NAME_BYTES for part in parts):
        raise InputError(
            f"Object name {name!r} cannot be that of a file: expected parts of at most {LONGEST_NAME_BYTES} bytes without NUL."
        )
    return "/".join(parts)
