"""Augmented manifests: JSON Lines whose attributes hold data or name objects [contract: formats, section 9].

An attribute whose name ends in `-ref` is the S3 URI of an object and stands for its bytes; any other attribute stands for
its own text. Both reach the job in the order of AttributeNames; attributes that are not listed are left out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from wildsage.containers.contract import json_text
from wildsage.local_runner.inputs.channels import (
    ChannelRequest,
    InputError,
    InputFile,
    Objects,
    manifest_bytes,
    require_object,
    split_uri,
)

REFERENCE = "-ref"
AttributeValue = InputFile | bytes
ManifestLine = tuple[AttributeValue, ...]


def lines(channel: ChannelRequest, objects: Objects, hosts: int) -> list[list[ManifestLine]]:
    """Lines of a channel's manifest for each host, in order. ShardedByS3Key distributes them over the hosts. Raises InputError."""
    source = channel["DataSource"]["S3DataSource"]
    uri, names = source["S3Uri"], source["AttributeNames"]
    content = manifest_bytes(objects, uri, "an augmented manifest, which is JSON Lines")
    rows = enumerate(content.splitlines(), start=1)
    found = [_line(row, number, uri, names, objects) for number, row in rows if row.strip()]
    if not found:
        raise InputError(f"Augmented manifest {uri} has no lines.")
    if source.get("S3DataDistributionType") == "ShardedByS3Key":
        return [found[host::hosts] for host in range(hosts)]
    return [found] * hosts


def _line(row: bytes, number: int, uri: str, names: Sequence[str], objects: Objects) -> ManifestLine:
    place = f"Augmented manifest {uri}, line {number}"
    try:
        entry = json_text.parse(row)
    except ValueError as error:
        raise InputError(f"{place}: not valid JSON ({error}).") from None
    missing = [name for name in names if not isinstance(entry, dict) or name not in entry]
    if missing:
        raise InputError(f"{place}: missing {', '.join(missing)}, which AttributeNames lists.")
    return tuple(
        _attribute_value(name, entry[name], f"{number}/{position}", place, objects)
        for position, name in enumerate(names)
    )


def _attribute_value(name: str, value: Any, local: str, place: str, objects: Objects) -> AttributeValue:
    if not name.endswith(REFERENCE):
        return (value if isinstance(value, str) else json.dumps(value)).encode()
    if not isinstance(value, str):
        raise InputError(f"{place}: {name} is {json.dumps(value)[:60]}, expected an S3 URI such as s3://bucket/key.")
    return InputFile(local, require_object(objects, *split_uri(value), named_by=f"{name} of {place}"))
