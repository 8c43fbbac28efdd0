"""ZIP archives in memory, as the model.tar.gz of factorization machines and linear learner holds them."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from wildsage.algorithms.base.errors import UserError

EARLIEST_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest time a ZIP can hold. With the time of writing, equal models would give different bytes."""

UNIX = 3
MODE = (stat.S_IFREG | 0o644) << 16


def is_file(path: Path) -> bool:
    """Whether a file begins as a ZIP archive."""
    with path.open("rb") as content:
        return content.read(4) == b"PK\x03\x04"


def write(members: Mapping[str, bytes]) -> bytes:
    """Return an archive of the members in their order, uncompressed."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, EARLIEST_TIME)
            entry.create_system, entry.external_attr = UNIX, MODE
            archive.writestr(entry, content)
    return whole.getvalue()


def read(path: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return the named members that the archive has. Raises UserError for a file that is not a ZIP or is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _stored(archive, name) for name in names if name in archive.namelist()}
    except (
        zipfile.BadZipFile,
        NotImplementedError,  # what zipfile raises for a compression or an encryption that it does not know
        RuntimeError,
        EOFError,
        ValueError,
        OverflowError,
        OSError,
    ) as error:
        raise UserError(f"{path.name}: not a readable ZIP archive ({error}).") from None


def _stored(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member's bytes. Compressed ones, which MXNet does not write, could be a thousand times larger than the file."""
    entry = archive.getinfo(name)
    if entry.compress_type != zipfile.ZIP_STORED:
        raise zipfile.BadZipFile(f"member {name} is compressed, expected it stored as it is")
    if entry.file_size != entry.compress_size:
        raise zipfile.BadZipFile(
            f"member {name} is stored in {entry.compress_size} bytes and should have {entry.file_size}"
        )
    return archive.read(name)
