"""Previews of archives: the members of tar files, packed with gzip or not, and of ZIP files, with the arrays that they hold.

Sizes in an archive are not believed: at most `MOST_BYTES` are unpacked.
"""

from __future__ import annotations

import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import IO, BinaryIO

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract.printable import printable
from wildsage.local_runner.console.previews import arrays
from wildsage.local_runner.console.previews.kinds import ArchiveMember, MembersPreview, NoPreview, Preview, StoredArray

MOST_MEMBERS = 500
MOST_BYTES = 512 << 20
MOST_AT_ONCE_BYTES = 1 << 20
MOST_OF_MEMBER_BYTES = 64 << 20
"""A larger member is listed, but its arrays are not."""
ZIP = b"PK\x03\x04"
HEAD_BYTES = 16  # mutants: equivalent: the longest mark of a file of arrays has 8
TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257
ZIP_END, ZIP_END_BYTES, LONGEST_COMMENT = b"PK\x05\x06", 22, 1 << 16
MOST_DIRECTORY_BYTES = 1 << 20
UNPACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Ways to pack a member of a ZIP file whose memory is small whatever the file claims; members of others are only listed."""
DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # what zipfile raises for a compression or an encryption that it does not know
    RuntimeError,
    OSError,
    ValueError,
    struct.error,
    lzma.LZMAError,
    IndexError,
    OverflowError,
)


class TooLarge(Exception):
    """A preview of the archive would unpack more than it may."""


class Budget:
    """How many bytes a preview may still unpack."""

    def __init__(self) -> None:
        self._left = MOST_BYTES

    def take(self, size: int) -> None:
        """Count bytes before they are unpacked. Raises TooLarge for more than are left."""
        self._left -= size
        if self._left < 0:
            raise TooLarge


class ForwardFile(io.RawIOBase):
    """A file that is read forwards, in pieces and within a budget, whatever the sizes are that it claims to have.

    Raises TooLarge beyond that.
    """

    def __init__(self, file: BinaryIO, budget: Budget) -> None:
        self._file = file
        self._budget = budget

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes."""
        if not 0 <= size <= MOST_AT_ONCE_BYTES:
            raise TooLarge
        self._budget.take(size)
        return self._file.read(size)

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """Go forwards to a place."""
        further = place - self._file.tell()
        if whence != io.SEEK_SET or further < 0:
            raise TooLarge
        self._budget.take(further)
        return self._file.seek(place)

    def tell(self) -> int:
        """The position among the unpacked bytes."""
        return self._file.tell()


def is_tar(head: bytes) -> bool:
    """Whether unpacked bytes begin a tar file."""
    return head[TAR_MAGIC_AT : TAR_MAGIC_AT + len(TAR_MAGIC)] == TAR_MAGIC


def preview_tar(file: BinaryIO) -> Preview:
    """Show the members of a tar file, given unpacked."""
    return _listed(_of_tar(ForwardFile(file, Budget())))


def preview_zip(file: BinaryIO) -> Preview:
    """Show the members of a ZIP file."""
    return _listed(_of_zip(file, Budget()))


def _listed(found: Iterator[ArchiveMember]) -> Preview:
    members: list[ArchiveMember] = []
    note = ""
    try:
        for member in found:
            if len(members) == MOST_MEMBERS:
                note = f"These are the first {MOST_MEMBERS} members."
                break
            members.append(member)
    except TooLarge:
        note = f"A preview unpacks at most {MOST_BYTES >> 20} MiB, so that more members may follow."
    except DAMAGED as error:
        note = f"The archive is damaged: {_line(error)}."
    return MembersPreview(members, note) if members else NoPreview(note or "The archive is empty.")


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _of_tar(file: ForwardFile) -> Iterator[ArchiveMember]:
    with tarfile.open(fileobj=file, mode="r:") as archive:
        while (entry := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
            if entry.isdir():
                continue
            content = archive.extractfile(entry) if entry.isreg() else None
            yield (
                _member(entry.name, entry.size, content.read, _arrays_of_file)
                if content
                else ArchiveMember(printable(entry.name), 0)
            )


def _of_zip(file: BinaryIO, budget: Budget) -> Iterator[ArchiveMember]:
    _check_directory(file)
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.compress_type not in UNPACKED:
                yield ArchiveMember(printable(entry.filename), entry.file_size)
            elif not entry.is_dir():
                with archive.open(entry) as content:
                    read = partial(_read_counted, content, budget)
                    yield _member(entry.filename, entry.file_size, read, arrays.read)


def _read_counted(content: IO[bytes], budget: Budget, size: int) -> bytes:
    budget.take(size)
    return content.read(size)


def _check_directory(file: BinaryIO) -> None:
    """Raises TooLarge for a directory that would take much memory: zipfile reads all of it."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - ZIP_END_BYTES - LONGEST_COMMENT))
    tail = file.read(ZIP_END_BYTES + LONGEST_COMMENT)
    at = tail.rfind(ZIP_END)
    if at < 0:
        raise zipfile.BadZipFile("its directory is missing")
    if int.from_bytes(tail[at + 12 : at + 16], "little") > MOST_DIRECTORY_BYTES:
        raise TooLarge


def _member(
    name: str, size: int, read: Callable[[int], bytes], look: Callable[[str, bytes], Sequence[StoredArray]]
) -> ArchiveMember:
    """A member of which `read` gives the next bytes, with the arrays that `look` finds in it."""
    shown = printable(name)
    try:
        head = read(min(HEAD_BYTES, size))
        needed = size if head.startswith(ZIP) else arrays.needed_bytes(name, head, size)
        if not 0 < needed <= MOST_OF_MEMBER_BYTES:
            return ArchiveMember(shown, size)
        return ArchiveMember(shown, size, look(name, head + _rest(read, needed - len(head))))
    except (UserError, *DAMAGED) as error:
        return ArchiveMember(shown, size, note=f"It is damaged: {_line(error)}.")


def _rest(read: Callable[[int], bytes], size: int) -> bytes:
    """The next `size` bytes, or as many as there are."""
    pieces = []
    while piece := read(min(size, MOST_AT_ONCE_BYTES)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _arrays_of_file(name: str, content: bytes) -> list[StoredArray]:
    """The arrays of a file, or of the ZIP file that it is, as the models of linear learner and factorization machines are."""
    if not content.startswith(ZIP):
        return arrays.read(name, content)
    members = islice(_of_zip(io.BytesIO(content), Budget()), MOST_MEMBERS)
    return [array for member in members for array in member.arrays]
