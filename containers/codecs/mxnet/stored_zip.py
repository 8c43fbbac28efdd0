"""ZIP archives as members in memory: those inside the model.tar.gz of factorization machines and linear learner."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from wildsage.algorithms.base.errors import UserError

NEVER = (1980, 1, 1, 0, 0, 0)
"""The first moment a ZIP can name: with the time of writing, equal models would give unequal bytes."""

UNIX = 3
MODE = (stat.S_IFREG | 0o644) << 16


def is_file(path: Path) -> bool:
    """Whether a file begins as ZIP archives do."""
    with path.open("rb") as content:
        return content.read(4) == b"PK\x03\x04"


def write(members: Mapping[str, bytes]) -> bytes:
    """The members in their order, stored as they are."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, NEVER)
            entry.create_system, entry.external_attr = UNIX, MODE
            archive.writestr(entry, content)
    return whole.getvalue()


def read(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Those of the named members that the archive has. Raises UserError for bytes that are no ZIP, or are damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in names if name in archive.namelist()}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise UserError(f"{path.name}: no readable ZIP archive ({error}).") from None
