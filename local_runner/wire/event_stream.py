"""AWS's event stream (`application/vnd.amazon.eventstream`): messages of a response that is sent while it is produced.

    uint32 total · uint32 headers' length · uint32 CRC of these eight bytes · headers · payload · uint32 CRC of all before

All numbers are big-endian; a header is its name, the type 7 (text) and its value. Source: Smithy's event stream
specification. Tests read the messages with botocore's parser.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zlib import crc32

import orjson
from botocore.model import Shape

from wildsage.local_runner.wire.errors import AwsError

MEDIA_TYPE = "application/vnd.amazon.eventstream"
PRELUDE_BYTES, CHECKSUM_BYTES = 12, 4
TEXT = 7


def messages(events: Iterable[Mapping[str, Any]], shape: Shape) -> Iterator[bytes]:
    """Yield a message for each event, `{"PayloadPart": {"Bytes": b"…"}}`. An AwsError becomes the last message."""
    try:
        for event in events:
            ((name, values),) = event.items()
            yield message(_event_headers(name), values[_payload_member(shape.members[name])])
    except AwsError as error:
        yield message(_exception_headers(error), orjson.dumps({"Message": error.message, **error.fields}))


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """The bytes of one message, with its two checksums."""
    head = b"".join(_text_header(name, value) for name, value in headers.items())
    total = PRELUDE_BYTES + len(head) + len(payload) + CHECKSUM_BYTES
    lengths = struct.pack(">II", total, len(head))
    unchecked = lengths + struct.pack(">I", crc32(lengths)) + head + payload
    return unchecked + struct.pack(">I", crc32(unchecked))


def _text_header(name: str, value: str) -> bytes:
    encoded = value.encode()
    return bytes([len(name)]) + name.encode() + struct.pack(">BH", TEXT, len(encoded)) + encoded


def _event_headers(name: str) -> dict[str, str]:
    return {":message-type": "event", ":event-type": name, ":content-type": "application/octet-stream"}


def _exception_headers(error: AwsError) -> dict[str, str]:
    return {":message-type": "exception", ":exception-type": error.code, ":content-type": "application/json"}


def _payload_member(event: Shape) -> str:
    """Name of the member that is the payload. Raises KeyError if the event has none."""
    for name, member in event.members.items():
        if member.serialization.get("eventpayload"):
            return name
    raise KeyError(f"{event.name} has no payload")
