"""The kinds of previews, as values without HTML. A note says what is left out or wrong; it is "" where all is shown."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class TablePreview:
    """Rows of cells, with a name for each column. A row may have fewer cells than there are columns."""

    kind: ClassVar = "table"
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class TextPreview:
    """Text, such as a JSON document that is indented anew."""

    kind: ClassVar = "text"
    text: str
    note: str = ""


@dataclass(frozen=True)
class Thumbnail:
    """A picture as a PNG that was encoded here, at most a thumbnail's size, with the labels of its record."""

    png: bytes
    labels: Sequence[float]
    width: int
    height: int
    """Width and height in pixels of the original."""

    @property
    def address(self) -> str:
        """The picture itself as the address of an <img>."""
        return f"data:image/png;base64,{b64encode(self.png).decode()}"


@dataclass(frozen=True)
class PicturesPreview:
    """One picture, or the first of a file of image records."""

    kind: ClassVar = "pictures"
    pictures: Sequence[Thumbnail]
    note: str = ""


@dataclass(frozen=True)
class StoredArray:
    """An array of a model: its name ("" where the file does not name it), shape, type of its numbers, and bytes."""

    name: str
    shape: Sequence[int]
    dtype: str
    size_bytes: int


@dataclass(frozen=True)
class ArchiveMember:
    """A file in an archive, with its size unpacked, and its arrays where it holds any that are known here."""

    name: str
    size_bytes: int
    arrays: Sequence[StoredArray] = ()
    note: str = ""


@dataclass(frozen=True)
class MembersPreview:
    """The files of an archive, or one file of arrays."""

    kind: ClassVar = "members"
    members: Sequence[ArchiveMember]
    note: str = ""


@dataclass(frozen=True)
class NoPreview:
    """No preview; the note says why."""

    kind: ClassVar = "nothing"
    note: str


Preview = TablePreview | TextPreview | PicturesPreview | MembersPreview | NoPreview
