"""Which preview an object gets: by the bytes that it begins with, then by its name and content type."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import PurePosixPath
from typing import BinaryIO

from wildsage.algorithms.base import other_formats
from wildsage.algorithms.base.errors import UserError
from wildsage.containers.codecs.images import encoded
from wildsage.containers.codecs.records import recordio
from wildsage.local_runner.console.previews import archives, arrays, parquet, pictures, records, text
from wildsage.local_runner.console.previews.kinds import ArchiveMember, MembersPreview, NoPreview, Preview
from wildsage.local_runner.s3.objects import StoredObject

HEAD_BYTES = 256 << 10
RECORDS_BYTES = 8 << 20
IMAGE_BYTES = 32 << 20
GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
SHOWN_AS_TEXT = ("HTML", "XML")
EMPTY = "It is empty."


def preview(stored: StoredObject, file: BinaryIO) -> Preview:
    """Show an object whose open file is at its beginning."""
    name = PurePosixPath(stored.key).name.lower()
    content_type = media_type(stored.content_type)
    head = file.read(HEAD_BYTES)
    if not head:
        return NoPreview(EMPTY)
    if head.startswith(PARQUET):
        return parquet.preview(stored.path)
    if head.startswith(archives.ZIP):
        return archives.preview_zip(file)
    if head.startswith(GZIP):
        return _unpacked(file, name.removesuffix(".gz"), content_type)
    return _shown(file, head, name, content_type)


def preview_answer(content: bytes, content_type: str) -> Preview:
    """Show the answer of an endpoint."""
    file = io.BytesIO(content)
    head = file.read(HEAD_BYTES)
    return _shown(file, head, "", media_type(content_type)) if head else NoPreview(EMPTY)


def media_type(content_type: str) -> str:
    """The name of a content type in lower case, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def _unpacked(packed: BinaryIO, name: str, content_type: str) -> Preview:
    """Show what gzip has packed: a tar file, or one file."""
    packed.seek(0)
    try:
        with gzip.GzipFile(fileobj=packed) as file:
            head = file.read(HEAD_BYTES)
            if not head:
                return NoPreview("It unpacks to nothing.")
            return _shown(io.BufferedReader(file), head, name, content_type)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        return NoPreview(f"The gzip file is damaged: {error}.")


def _shown(file: BinaryIO, head: bytes, name: str, content_type: str) -> Preview:
    """Show a file that has been read as far as `head`."""
    if archives.is_tar(head):
        file.seek(0)
        return archives.preview_tar(file)
    if head.startswith(recordio.MAGIC_BYTES):
        return records.preview(*_longer(file, head, RECORDS_BYTES))
    if encoded.is_image(head):
        return pictures.preview(*_longer(file, head, IMAGE_BYTES))
    if arrays.needed_bytes(name, head, len(head)):
        return _arrays(name, *_longer(file, head, archives.MOST_OF_MEMBER_BYTES))
    known = other_formats.recognised(head)
    if known and known.name not in SHOWN_AS_TEXT:
        return NoPreview(f"Its format is {known.name}, of which there is no preview.")
    return text.preview(*_longer(file, head, HEAD_BYTES), name, content_type)


def _longer(file: BinaryIO, head: bytes, most_bytes: int) -> tuple[bytes, bool]:
    """A longer head of a file that has been read as far as `head`, and whether that is all."""
    content = head + file.read(max(0, most_bytes - len(head)))
    return content, not file.read(1)


def _arrays(name: str, content: bytes, is_whole: bool) -> Preview:
    try:
        return MembersPreview([ArchiveMember(name, len(content), arrays.read(name, content))])
    except (UserError, ValueError) as error:
        return NoPreview(f"The file is damaged: {error}" if is_whole else "The file is larger than a preview reads.")
