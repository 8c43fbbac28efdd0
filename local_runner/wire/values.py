"""Conversion of plain values to the types of a wire format."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.model import Shape


@dataclass(frozen=True)
class Notation:
    """How a wire format represents times, given in seconds since 1970, and bytes."""

    time: Callable[[float], Any]
    blob: Callable[[bytes], Any]


def _base64(content: bytes) -> str:
    return b64encode(content).decode()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


JSON = Notation(time=lambda seconds: round(seconds, 3), blob=_base64)
XML = Notation(time=lambda seconds: _moment(seconds).strftime("%Y-%m-%dT%H:%M:%SZ"), blob=_base64)
CBOR = Notation(time=_moment, blob=bytes)


def serialize(value: Any, shape: Shape, notation: Notation) -> Any:
    """Convert a result to its shape, with the names of the wire format. Unknown and absent members are left out."""
    if shape.type_name == "structure":
        return {
            member.serialization.get("name", name): serialize(value[name], member, notation)
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list":
        return [serialize(member, shape.member, notation) for member in value]
    if shape.type_name == "map":
        return {name: serialize(member, shape.value, notation) for name, member in value.items()}
    if shape.type_name == "timestamp":
        return notation.time(value)
    if shape.type_name == "blob":
        return notation.blob(value)
    return float(value) if shape.type_name in ("float", "double") else value


def without_nulls(value: Any) -> Any:
    """Remove null members at every depth, because null means absent."""
    if isinstance(value, dict):
        return {name: without_nulls(member) for name, member in value.items() if member is not None}
    return [without_nulls(member) for member in value] if isinstance(value, list) else value
