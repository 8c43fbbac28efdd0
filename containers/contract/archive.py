"""model.tar.gz: equal folders pack to equal bytes, and no member is unpacked outside its folder."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from wildsage.algorithms.base import other_formats
from wildsage.algorithms.base.errors import PlatformError, UserError

if sys.version_info >= (3, 11, 4):
    import tarfile
else:  # images have Debian 12's Python, which is older than the filters of extractall
    from backports import tarfile  # type: ignore[no-redef]

MOST_GROWTH = 100
"""How many times larger than itself an archive may unpack. Weights hardly shrink; a gzip bomb grows a thousandfold."""
ALWAYS_BYTES = 1 << 30
"""An archive may unpack to this much whatever its own size."""
MOST_MEMBERS = 100_000
MOST_AT_ONCE_BYTES = 1 << 20
"""Files are read in smaller pieces, so that only a header asks for more: for the longest names, 4 KB are enough."""
MOST_PADDING_BYTES = 16 << 20
"""So much may follow the last member and is read. What `tar` writes there has 10 KB."""
GZIP = b"\x1f\x8b"
OPENERS: Mapping[bytes, Callable[[Path], io.BufferedIOBase]] = {
    GZIP: gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}
DAMAGED = (
    tarfile.TarError,
    EOFError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    ValueError,
    OverflowError,
    RecursionError,
)
"""What a damaged archive raises; the last three come from impossible names and times."""
OF_MEMBERS = (None, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST)
"""Numbers of errors of the system for which the archive is to blame; bz2 gives none for damaged bytes."""
PACK = "Pack the files of the model without a leading folder: tar -czf model.tar.gz -C FOLDER ."


def pack(folder: Path, archive: Path) -> None:
    """Write all files below `folder` to `archive`, without a leading directory.

    Order, times, owners and modes are fixed, so that the bytes depend on names and contents alone. The archive is written
    under another name and then renamed, so that a reader never sees part of it.
    """
    partial = archive.with_name(archive.name + ".partial")
    with (
        partial.open("wb") as raw,
        # mutants: equivalent: archives of any level are read
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=6) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(folder.rglob("*"), key=lambda p: p.relative_to(folder).as_posix()):
            if path.is_file():
                _add(tar, path, path.relative_to(folder).as_posix())
    partial.replace(archive)


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    member.size = path.stat().st_size
    member.mode = 0o644
    with path.open("rb") as content:
        tar.addfile(member, content)


def is_archive(path: Path) -> bool:
    """Whether a file is a tar, or a gzip file, whose content `unpack` checks. Raises OSError where it cannot be read."""
    with path.open("rb") as content:
        if content.read(len(GZIP)) == GZIP:
            return True
    return tarfile.is_tarfile(path)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack into `folder`.

    Raises UserError for a file that is not a gzipped tar, or damaged, for a member that is a link or lies outside the folder, and
    for an archive that unpacks to more than MOST_GROWTH times its size where that is more than ALWAYS_BYTES, or to more than
    MOST_MEMBERS members. Raises PlatformError where the disk cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _opened(archive) as content, tarfile.open(fileobj=_InPieces(content), mode="r:") as tar:
            tar.extractall(folder, filter=_Filter(archive))
            _read_padding(content)
    except tarfile.FilterError as error:
        raise UserError(f"{archive.name}: rejected, {error}.") from None
    except DAMAGED as error:
        raise _damaged(archive, str(error)) from None
    except OSError as error:
        if error.errno in OF_MEMBERS:
            raise _damaged(archive, error.strerror or str(error)) from None
        raise PlatformError(f"{archive.name}: cannot be unpacked into {folder}: {error.strerror}.") from None


def _opened(archive: Path) -> io.BufferedIOBase:
    """The bytes of the tar file, whatever it is packed with."""
    with archive.open("rb") as content:
        head = content.read(other_formats.LONGEST)
    for magic, opener in OPENERS.items():
        if head.startswith(magic):
            return opener(archive)
    return archive.open("rb")


def _read_padding(content: io.BufferedIOBase) -> None:
    """Read what follows the last member: the checksum at the end of a gzip file is compared only then."""
    left = MOST_PADDING_BYTES
    while left > 0 and (piece := content.read(MOST_AT_ONCE_BYTES)):
        left -= len(piece)


class _InPieces(io.RawIOBase):
    """The bytes of a tar file, a piece at a time: tarfile reads the extra header of a member at once, whatever size it claims."""

    def __init__(self, content: io.BufferedIOBase) -> None:
        self._content = content

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes. Raises tarfile.ReadError for more than a piece."""
        if not 0 <= size <= MOST_AT_ONCE_BYTES:
            raise tarfile.ReadError(f"a header claims {size:,} bytes")
        return self._content.read(size)

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        return self._content.seek(place, whence)

    def tell(self) -> int:
        """The position."""
        return self._content.tell()


def _damaged(archive: Path, reported: str) -> UserError:
    """The error for a file that cannot be unpacked, by the first line of what its reader reported."""
    return UserError(f"{archive.name}: {_problem(archive, (reported.splitlines() or ['damaged'])[0].rstrip(':'))}")


def _problem(archive: Path, reported: str) -> str:
    """What a file is that is not a readable archive, and how one is made."""
    with archive.open("rb") as content:
        head = content.read(other_formats.LONGEST)
    if head.startswith(GZIP):
        return f"not a readable tar.gz archive ({reported}): the gzip file is damaged, or does not hold a tar. {PACK}"
    return f"not a readable tar.gz archive: it is {other_formats.described(head)}. {PACK}"


class _Filter:
    """Accepts files and folders inside the folder, as many and as large as a model's may be."""

    def __init__(self, archive: Path) -> None:
        self._most_bytes = max(ALWAYS_BYTES, MOST_GROWTH * archive.stat().st_size)
        self._bytes = self._members = 0

    def __call__(self, member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo | None:
        """Links are rejected: with them, members have escaped Python's own filter."""
        if member.issym() or member.islnk():
            raise tarfile.FilterError(f"{member.name!r} is a link to {member.linkname!r}; pack the file itself")
        self._bytes += member.size
        self._members += 1
        if self._bytes > self._most_bytes:
            raise tarfile.FilterError(f"it unpacks to more than {self._most_bytes:,} bytes, expected at most as many")
        if self._members > MOST_MEMBERS:
            raise tarfile.FilterError(f"it has more than {MOST_MEMBERS:,} members, expected at most as many")
        return tarfile.data_filter(member, folder)
