"""The keys of a data folder. Requests have to be signed with them where a server was started with `--token`."""

from __future__ import annotations

import base64
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "keys.json"
PREFIX = "WILDSAGE"
"""Amazon's begin with AKIA or ASIA: what looks for leaked keys does not take these for one."""


@dataclass(frozen=True)
class Keys:
    """An access key, 20 capital letters and digits as AWS's have, and its secret of 40 characters."""

    access_key: str
    secret: str

    def __repr__(self) -> str:  # a trace or a log shows no secret
        return f"Keys({self.access_key})"


PLACEHOLDERS = Keys("wildsage", "wildsage")
"""What clients sign with where nobody checks."""


def read(data: Path) -> Keys | None:
    """The keys of a data folder; None where no server ever asked for a signature."""
    try:
        found = json.loads((data / FILE).read_text())
        return Keys(str(found["access_key"]), str(found["secret"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def of_clients(data: Path) -> Keys:
    """What a client of this data folder signs with."""
    return read(data) or PLACEHOLDERS


def ensure(data: Path) -> Keys:
    """The keys of a data folder, which are made at the first call. They stay, so that exported variables and presigned
    addresses outlive a restart; who deletes the file gets new ones.
    """
    if found := read(data):
        return found
    keys = _new()
    partial = data / f"{FILE}.{secrets.token_hex()}"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as file:
        json.dump(asdict(keys), file)
    partial.replace(data / FILE)
    return keys


def _new() -> Keys:
    name = base64.b32encode(secrets.token_bytes()).decode()[: 20 - len(PREFIX)]
    return Keys(PREFIX + name, secrets.token_urlsafe(30))
