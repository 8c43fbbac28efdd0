"""fastText's binary files, format 12 and its predecessor 11 [contract: blazingtext, Artifacts; the open source of fastText].

A header of settings, the dictionary, the input matrix and the output matrix, all in little-endian order. `.ftz` files have
quantised matrices in their place. Nothing is believed before the file's size was held against it.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.blazingtext.fasttext.dictionary import LONGEST_NGRAM, Dictionary, Subwords
from wildsage.algorithms.blazingtext.fasttext.losses import FastTextLoss
from wildsage.algorithms.blazingtext.fasttext.matrices import CENTROIDS, DenseMatrix, Matrix, QuantisedMatrix, Quantiser
from wildsage.algorithms.blazingtext.fasttext.model import FastTextModel

MAGIC = 793712314
VERSION = 12
VERSIONS = (11, 12)
SETTINGS = struct.Struct("<12id")
ENTRY_END = struct.Struct("<qb")
WORD, LABEL = 0, 1
NOT_PRUNED = -1
WIDEST = 1 << 31
"""Widths are below it: the header holds the dimension in 32 bits."""


class ModelKind(IntEnum):
    """What a model was trained for, by the numbers of the files; BlazingText added the last."""

    CBOW = 1
    SKIPGRAM = 2
    SUPERVISED = 3
    BATCH_SKIPGRAM = 4


@dataclass(frozen=True)
class Header:
    """fastText's settings in the order of the file."""

    dimension: int
    window: int = 5
    epochs: int = 5
    min_count: int = 5
    negatives: int = 5
    word_ngrams: int = 1
    loss: int = FastTextLoss.NEGATIVE_SAMPLING
    kind: int = ModelKind.SKIPGRAM
    buckets: int = 0
    shortest: int = 0
    longest: int = 0
    rate_updates: int = 100
    sampling_threshold: float = 1e-4

    @property
    def subwords(self) -> Subwords:
        """How words select rows beyond their own."""
        return Subwords(self.buckets, self.shortest, self.longest, self.word_ngrams)


class _Reader:
    """Reads one number or array after another. Raises UserError where the file ends too early."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        with path.open("rb") as file:
            size = path.stat().st_size
            self._content = (
                memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) if size else memoryview(b"")
            )
        self._place = 0

    def numbers(self, form: str | struct.Struct) -> tuple[Any, ...]:
        """The numbers of a struct's format."""
        form = struct.Struct(f"<{form}") if isinstance(form, str) else form
        self.require(form.size)
        found = form.unpack_from(self._content, self._place)
        self._place += form.size
        return found

    def array(self, kind: str, count: int) -> NDArray:
        """An array of `count` numbers, which stays in the file until it is used."""
        size = np.dtype(kind).itemsize * count
        self.require(size)
        found = np.frombuffer(self._content, kind, count, self._place)
        self._place += size
        return found

    def text(self) -> bytes:
        """The bytes before the next NUL, in steps, because most words are short."""
        size = 64
        while True:
            found, end, _ = bytes(self._content[self._place : self._place + size]).partition(b"\0")
            if end:
                self._place += len(found) + 1
                return found
            self.require(size)
            size *= 8

    def wrong(self, problem: str) -> UserError:
        """The error for a file that is not what it should be."""
        return UserError(
            f"{self._name} is not a model of fastText or BlazingText: {problem}. Expected the model.bin or vectors.bin of a "
            "training job, or a .bin or .ftz file of fastText."
        )

    def require(self, size: int) -> None:
        """Raise UserError unless the file has so many bytes left."""
        left = len(self._content) - self._place
        if size < 0 or size > left:
            raise self.wrong(f"it ends after {len(self._content)} bytes, within a part of {size} bytes that has {left}")


def read(path: Path) -> FastTextModel:
    """The model of a file; its matrices stay mapped. Raises UserError for a file that is not such a model, or is damaged."""
    reader = _Reader(path)
    header = _read_header(reader)
    dictionary = _read_dictionary(reader, header)
    quantised = reader.numbers("?")[0]
    if dictionary.kept is not None and not quantised:
        raise reader.wrong("its buckets were pruned, but its input matrix is dense")
    source = _read_matrix(reader, quantised)
    quantised_output = reader.numbers("?")[0]
    target = _read_matrix(reader, quantised and quantised_output)
    _check_shapes(reader, header, dictionary, source, target)
    return FastTextModel(header.kind == ModelKind.SUPERVISED, FastTextLoss(header.loss), dictionary, source, target)


def _read_header(reader: _Reader) -> Header:
    magic, version = reader.numbers("2i")
    if magic != MAGIC or version not in VERSIONS:
        raise reader.wrong(f"it begins with {magic} and version {version}, not {MAGIC} and version {VERSION}")
    header = Header(*reader.numbers(SETTINGS))
    if version == VERSIONS[0] and header.kind == ModelKind.SUPERVISED:
        header = Header(**{**header.__dict__, "longest": 0})  # such models never had character n-grams
    known = header.loss in set(FastTextLoss) and header.kind in set(ModelKind)
    if not known or header.dimension < 1 or header.buckets < 0 or header.word_ngrams < 0:
        raise reader.wrong(f"its settings are {astuple(header)}")
    for name, length in (("maxn", header.longest), ("wordNgrams", header.word_ngrams)):
        if length > LONGEST_NGRAM:
            raise reader.wrong(f"its {name} is {length}, expected at most {LONGEST_NGRAM}")
    return header


def _read_dictionary(reader: _Reader, header: Header) -> Dictionary:
    size, words, labels, tokens, pruned = reader.numbers("3i2q")
    if words + labels != size or words < 0 or labels < 0:
        raise reader.wrong(f"its dictionary has {size} entries, {words} words and {labels} labels")
    if header.kind == ModelKind.SUPERVISED and labels == 0:
        raise reader.wrong("it is a classifier, and its dictionary has no labels")
    entries = [(reader.text(), *reader.numbers(ENTRY_END)) for _ in range(size)]
    kept = None
    if pruned >= 0:
        pairs = reader.array("<i4", 2 * pruned).reshape(-1, 2)
        kept = dict(pairs.tolist())
    names = [text for text, _, _ in entries]
    counts = [count for _, count, _ in entries]
    return Dictionary(names[:words], names[words:], counts, tokens, header.subwords, kept)


def _read_matrix(reader: _Reader, quantised: bool) -> Matrix:
    if quantised:
        return _read_quantised(reader)
    rows, width = reader.numbers("2q")
    if rows < 0 or not 1 <= width < WIDEST:
        raise reader.wrong(f"a matrix has {rows} rows of {width} numbers")
    return DenseMatrix(reader.array("<f4", rows * width).reshape(rows, width))


def _read_quantised(reader: _Reader) -> QuantisedMatrix:
    with_norms, rows, width, size = reader.numbers("?2qi")
    codes = reader.array("u1", size)
    quantiser = _read_quantiser(reader)
    parts = len(quantiser.parts)
    if rows < 0 or size != rows * parts or sum(part.shape[1] for part in quantiser.parts) != width:
        raise reader.wrong(f"a quantised matrix has {rows} rows of {width} numbers, {parts} parts and {size} codes")
    codes_rs = codes.reshape(rows, parts)
    if not with_norms:
        return QuantisedMatrix(codes_rs, quantiser)
    norm_codes_r, norms = reader.array("u1", rows), _read_quantiser(reader)
    if [part.shape[1] for part in norms.parts] != [1]:
        raise reader.wrong("the quantiser of its norms has more than one number")
    return QuantisedMatrix(codes_rs, quantiser, norm_codes_r, norms)


def _read_quantiser(reader: _Reader) -> Quantiser:
    width, parts, part_width, last_width = reader.numbers("4i")
    if parts < 1 or part_width < 1 or last_width < 1 or (parts - 1) * part_width + last_width != width:
        raise reader.wrong(
            f"a quantiser of {width} numbers has {parts} parts of {part_width}, the last of {last_width}"
        )
    reader.require(np.dtype("<f4").itemsize * CENTROIDS * width)
    widths = [part_width] * (parts - 1) + [last_width]
    return Quantiser([reader.array("<f4", CENTROIDS * each).reshape(CENTROIDS, each) for each in widths])


def _check_shapes(reader: _Reader, header: Header, dictionary: Dictionary, source: Matrix, target: Matrix) -> None:
    buckets = header.buckets if dictionary.kept is None else len(dictionary.kept)
    rows = len(dictionary.words) + buckets
    outputs = len(dictionary.labels) if header.kind == ModelKind.SUPERVISED else len(dictionary.words)
    wanted = ((rows, header.dimension), (outputs, header.dimension))
    if dictionary.kept and not all(0 <= number < buckets for number in dictionary.kept.values()):
        raise reader.wrong("a bucket has a number beyond those that are kept")
    if (source.shape, target.shape) != wanted:
        raise reader.wrong(
            f"its matrices have shapes {source.shape} and {target.shape}, its dictionary asks for {wanted}"
        )


def write(path: Path, header: Header, dictionary: Dictionary, source_rd: NDArray, target_kd: NDArray) -> None:
    """Write a dense model in format 12; `source_rd` and `target_kd` are its input and output matrix, float32."""
    with path.open("wb") as file:
        file.write(struct.pack("<2i", MAGIC, VERSION) + SETTINGS.pack(*astuple(header)))
        file.writelines(_dictionary_bytes(dictionary))
        for matrix in (source_rd, target_kd):
            _write_dense(file, matrix)


def _dictionary_bytes(dictionary: Dictionary) -> Iterator[bytes]:
    words, labels = len(dictionary.words), len(dictionary.labels)
    yield struct.pack("<3i2q", words + labels, words, labels, dictionary.tokens, NOT_PRUNED)
    entries: Sequence[bytes] = [*dictionary.words, *dictionary.labels]
    for number, (text, count) in enumerate(zip(entries, dictionary.counts, strict=True)):
        yield text + b"\0" + ENTRY_END.pack(count, WORD if number < words else LABEL)


def _write_dense(file: BinaryIO, matrix: NDArray) -> None:
    file.write(struct.pack("<?2q", False, *matrix.shape))
    file.write(np.ascontiguousarray(matrix, "<f4").data)


def text_vectors(words: Sequence[bytes], vectors_nd: NDArray) -> Iterator[bytes]:
    """The lines of vectors.txt: how many there are and how wide, then each word with the numbers of its vector."""
    yield b"%d %d\n" % vectors_nd.shape
    for word, vector_d in zip(words, vectors_nd, strict=True):
        yield b"%s %s \n" % (word, " ".join(f"{value:.5g}" for value in vector_d.tolist()).encode())
