"""A channel → the library's matrix, whatever its format and input mode."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import xgboost
from pyarrow import parquet
from scipy.sparse import csr_matrix

from wildsage.algorithms.base import other_formats
from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.base.float32 import EXPECTED, beyond
from wildsage.algorithms.base.program import JobChannel, RecordRows, Records
from wildsage.algorithms.xgboost.data import csv_text, files, library_text, libsvm
from wildsage.algorithms.xgboost.data.content_types import CSV, LIBSVM, PARQUET
from wildsage.algorithms.xgboost.data.table import GrowingRows, Table, labelled, stacked
from wildsage.algorithms.xgboost.versions import Version

NO_LABELS = "Got input data without labels. Every record needs one label to train on."


class ChannelReader:
    """Reads channels of one format. `weights` says that CSV has the rows' weights in column 1."""

    def __init__(
        self,
        form: str,
        version: Version,
        weights: bool,
        threads: int | None,
        records: Records,
        log: Callable[[str], None],
    ) -> None:
        self._form = form
        self._version = version
        self._weights = weights
        self._threads = threads
        self._records = records
        self._log = log

    def read(self, channel: JobChannel) -> xgboost.DMatrix | None:
        """The channel's rows; None where it holds nothing. Raises UserError for what cannot be read."""
        if channel.input_mode == "Pipe":
            return self._from_pipe(channel)
        paths = files.below(channel.folder, self._log)
        files.check_first_lines(paths, self._form, self._log)
        if not paths:
            return None
        if self._form == LIBSVM:
            return self._libsvm(paths)
        return self._matrix(self._table(paths))

    def _table(self, paths: Sequence[Path]) -> Table | None:
        if self._form == CSV:
            return self._csv(paths)
        if self._form == PARQUET:
            return self._parquet(paths)
        return _stacked_records([self._records_of(path.name, files.chunks(path)) for path in paths])

    def _from_pipe(self, channel: JobChannel) -> xgboost.DMatrix | None:
        if self._form == LIBSVM:
            raise UserError("Pipe mode not supported for LibSVM.")
        if not self._version.reads_pipes:
            raise UserError(
                f"Pipe mode for {self._form} is no longer supported. Please use Fast File mode (default) instead. Set "
                "input_mode='File' in your SageMaker Estimator or TrainingInput."
            )
        if self._form == CSV:
            rows = csv_text.read_into(None, io.BufferedReader(_Stream(self._piped(channel))), ",", None)
            return self._matrix(labelled(rows.take(), self._weights) if rows else None)
        if self._form == PARQUET:
            content = b"".join(self._piped(channel))
            return self._matrix(_parquet_rows({"pipe": pa.BufferReader(content)}) if content else None)
        return self._matrix(_stacked_records([self._records_of("pipe", channel.pipe())]))

    def _piped(self, channel: JobChannel) -> Iterator[bytes]:
        return other_formats.reject(channel.pipe(), self._form, files.OWN_FORMAT.get(self._form, ""))

    def _records_of(self, name: str, chunks: Iterator[bytes]) -> list[Table]:
        """The rows of one file or pipe, block by block. Raises UserError naming the row of it that cannot be used."""
        rows = 0
        tables = []
        try:
            for part in self._records.decode(chunks):
                _check_finite(part, rows)
                tables.append(_of_rows(part))
                rows += len(part.counts_n)
        except BadRecord as bad:
            raise UserError(
                f"Failed to load recordio-protobuf data with exception:\n{name}, row {bad.row}: {bad.problem}"
            ) from None
        return tables

    def _matrix(self, table: Table | None) -> xgboost.DMatrix | None:
        if table is None or not len(table):
            return None
        return table.matrix(self._threads)

    def _csv(self, paths: Sequence[Path]) -> Table | None:
        """The delimiter of the first file's first line counts for all."""
        with paths[0].open("rb") as stream:
            line = csv_text.first_line(stream)
        delimiter = csv_text.delimiter_of(line)
        self._log(f"INFO:root:Determined delimiter of CSV input is '{delimiter}'")
        width = line.count(delimiter) + 1
        if width < 2 + self._weights:
            raise UserError(
                f"{paths[0].name}: got {width} columns, expected a label and at least one feature in each row."
            )
        rows: GrowingRows | None = None
        for path in paths:
            try:
                with path.open("rb") as stream:
                    rows = csv_text.read_into(rows, stream, delimiter, width)
            except csv_text.InfiniteField as field:
                shown = field.shown_from(path, delimiter)
                raise UserError(f"Failed to load csv data with exception:\n{path.name}, {shown}") from None
            except UserError as error:
                with path.open("rb") as stream:
                    advice = csv_text.header_advice(error, csv_text.first_line(stream), delimiter)
                raise UserError(f"{error}{advice} File {path.name}.") from None
        return labelled(rows.take(), self._weights) if rows else None

    def _parquet(self, paths: Sequence[Path]) -> Table:
        return _parquet_rows({path.name: path for path in paths})

    def _libsvm(self, paths: Sequence[Path]) -> xgboost.DMatrix:
        """Read by the library where it reads all there is; else row by row, which says what is wrong.

        The library's reader is the fastest there is, but takes anything for a number.
        """
        matrix = library_text.libsvm(paths, self._version.shifts_indices, self._threads)
        if matrix is not None:
            return matrix
        tables = []
        for path in paths:
            try:
                tables.append(libsvm.read(files.chunks(path)))
            except BadRecord as bad:
                raise UserError(
                    f"Failed to load libsvm data with exception:\n{path.name}, row {bad.row}: {bad.problem}"
                ) from None
        table = stacked(tables)
        return (libsvm.shifted(table) if self._version.shifts_indices else table).matrix(self._threads)


def _parquet_rows(sources: Mapping[str, Path | pa.BufferReader]) -> Table:
    rows: GrowingRows | None = None
    for name, source in sources.items():
        read = 0
        try:
            for batch in parquet.ParquetFile(source).iter_batches():
                _check_columns(batch, read)
                rows = rows or GrowingRows(batch.num_columns)
                rows.add([np.asarray(column.cast(pa.float32())) for column in batch.columns], batch.num_rows)
                read += batch.num_rows
        except BadRecord as bad:
            raise UserError(
                f"Failed to load parquet data with exception:\n{name}, row {bad.row}: {bad.problem}"
            ) from None
        except (pa.ArrowException, ValueError) as error:
            raise UserError(f"Failed to load parquet data with exception:\n{name}: {error}") from None
    return labelled(rows.take(), False) if rows else Table(np.empty((0, 0), np.float32))


def _check_columns(batch: pa.RecordBatch, rows_before: int) -> None:
    """Raise BadRecord for the first number that float32 cannot hold; nothing in a column is a missing value."""
    for number, column in enumerate(batch.columns, start=1):
        values = np.asarray(column)
        if values.dtype.kind == "f" and (infinite := beyond(values)).any():
            row = int(infinite.argmax())
            raise BadRecord(rows_before + row + 1, f"column {number}: got {values[row]}, {EXPECTED}.")


def _check_finite(part: RecordRows, rows_before: int) -> None:
    """Raise BadRecord for the first number that float32 cannot hold, and for a label that is not finite."""
    if (infinite := beyond(part.values_z)).any():
        entry = int(infinite.argmax())
        row = int(np.searchsorted(np.cumsum(part.counts_n), entry, side="right"))
        column = entry % part.width if part.keys_z is None else int(part.keys_z[entry])
        raise BadRecord(rows_before + row + 1, f"column {column + 1}: got {part.values_z[entry]}, {EXPECTED}.")
    if part.labels_nl is not None and (wrong := beyond(part.labels_nl[:, 0]) | np.isnan(part.labels_nl[:, 0])).any():
        row = int(wrong.argmax())
        raise BadRecord(rows_before + row + 1, f"label {part.labels_nl[row, 0]}, {EXPECTED}.")


def _stacked_records(parts: Iterable[list[Table]]) -> Table | None:
    tables = [table for part in parts for table in part]
    if not tables:
        return None
    if all(isinstance(table.features, np.ndarray) for table in tables):
        return Table(
            np.concatenate([table.features for table in tables]), np.concatenate([table.labels for table in tables])
        )
    return stacked([_as_sparse(table) for table in tables])


def _of_rows(part: RecordRows) -> Table:
    if part.labels_nl is None:
        raise UserError(NO_LABELS)
    labels = part.labels_nl[:, 0].astype(np.float32)
    return Table(features_of(part), labels)


def features_of(part: RecordRows) -> np.ndarray | csr_matrix:
    """Records as (n, d) float32, or as sparse rows."""
    values = part.values_z.astype(np.float32, copy=False)
    if part.keys_z is None:
        return values.reshape(-1, part.width)
    starts = np.concatenate([[0], np.cumsum(part.counts_n)])
    return csr_matrix((values, part.keys_z, starts), shape=(len(part.counts_n), part.width))


def _as_sparse(table: Table) -> Table:
    return table if isinstance(table.features, csr_matrix) else Table(csr_matrix(table.features), table.labels)


class _Stream(io.RawIOBase):
    """Chunks as a file that is read once."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._held:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._held = memoryview(chunk)
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count
