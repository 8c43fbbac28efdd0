"""A channel → the library's matrix, whatever its format and input mode."""

from __future__ import annotations

import itertools
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
from wildsage.algorithms.xgboost import library_errors
from wildsage.algorithms.xgboost.data import csv_text, files, libsvm, matrix
from wildsage.algorithms.xgboost.data.content_types import CSV, LIBSVM, PARQUET, RECORDS
from wildsage.algorithms.xgboost.data.matrix import MatrixSettings
from wildsage.algorithms.xgboost.data.table import Table, labelled
from wildsage.algorithms.xgboost.versions import Version

PIPE = "pipe"
"""Its name in messages, where a file's would stand."""

NO_LABELS = "Got input data without labels. Every record needs one label to train on."


class ChannelReader:
    """Reads channels of one format. `weights` says that CSV has the rows' weights in column 1."""

    def __init__(
        self,
        form: str,
        version: Version,
        weights: bool,
        settings: MatrixSettings,
        records: Records,
        log: Callable[[str], None],
    ) -> None:
        self._form = form
        self._version = version
        self._weights = weights
        self._settings = settings
        self._records = records
        self._log = log

    def read(self, channel: JobChannel, reference: xgboost.DMatrix | None = None) -> xgboost.DMatrix | None:
        """The channel's rows; None where it holds nothing. Bins, if any, are those of the `reference`.

        Raises UserError for what cannot be read.
        """
        if channel.input_mode == "Pipe":
            return self._matrix(self._from_pipe(channel), reference)
        paths = files.below(channel.folder, self._log)
        files.check_first_lines(paths, self._form, self._log)
        if not paths:
            return None
        return self._matrix(self._tables(paths), reference)

    def _tables(self, paths: Sequence[Path]) -> Iterator[Table]:
        if self._form == CSV:
            return self._csv(paths)
        if self._form == PARQUET:
            return _parquet({path.name: path for path in paths})
        if self._form == LIBSVM:
            return self._libsvm(paths)
        return itertools.chain.from_iterable(self._record_tables(path.name, files.chunks(path)) for path in paths)

    def _from_pipe(self, channel: JobChannel) -> Iterator[Table]:
        if self._form == LIBSVM:
            raise UserError("Pipe mode not supported for LibSVM.")
        if not self._version.reads_pipes:
            raise UserError(
                f"Pipe mode for {self._form} is no longer supported. Please use Fast File mode (default) instead. Set "
                "input_mode='File' in your SageMaker Estimator or TrainingInput."
            )
        if self._form == CSV:
            return _located(CSV, PIPE, csv_text.read(self._piped(channel), ",", None, self._weights))
        if self._form == PARQUET:
            content = b"".join(self._piped(channel))
            return _parquet({PIPE: pa.BufferReader(content)} if content else {})
        return self._record_tables(PIPE, channel.pipe())

    def _piped(self, channel: JobChannel) -> Iterator[bytes]:
        return other_formats.reject(channel.pipe(), self._form, files.OWN_FORMAT.get(self._form, ""))

    def _record_tables(self, name: str, chunks: Iterator[bytes]) -> Iterator[Table]:
        return _located(RECORDS, name, _of_records(self._records.decode(chunks)))

    def _matrix(self, tables: Iterable[Table], reference: xgboost.DMatrix | None) -> xgboost.DMatrix | None:
        filled = [table for table in tables if len(table)]
        try:
            return matrix.build(filled, self._settings, reference) if filled else None
        except xgboost.core.XGBoostError as error:
            raise library_errors.blamed(error) from None

    def _csv(self, paths: Sequence[Path]) -> Iterator[Table]:
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
        for path in paths:
            yield from _located(CSV, path.name, csv_text.read(files.chunks(path), delimiter, width, self._weights))

    def _libsvm(self, paths: Sequence[Path]) -> Iterator[Table]:
        parts = (_located(LIBSVM, path.name, libsvm.read(files.chunks(path))) for path in paths)
        tables = itertools.chain.from_iterable(parts)
        return iter(libsvm.shifted(list(tables))) if self._version.shifts_indices else tables


def _located(form: str, source: str, tables: Iterable[Table]) -> Iterator[Table]:
    """The same tables; what is wrong with a row of the `source` is raised as UserError with its place."""
    try:
        yield from tables
    except BadRecord as bad:
        raise UserError(
            f"Failed to load {form.lower()} data with exception:\n{source}, row {bad.row}: {bad.problem}"
        ) from None


def _parquet(sources: Mapping[str, Path | pa.BufferReader]) -> Iterator[Table]:
    """The rows of all files, with columns in the order of the first."""
    names: list[str] = []
    for name, source in sources.items():
        try:
            file = parquet.ParquetFile(source)
            names = names or file.schema_arrow.names
            _check_names(file.schema_arrow.names, names, name)
            yield from _located(PARQUET, name, _row_groups(file, names))
        except (pa.ArrowException, ValueError, OSError) as error:
            if isinstance(error, OSError) and error.errno:
                raise  # of the disk; Arrow's own errors of this class, about damaged bytes, have no number
            raise UserError(f"Failed to load parquet data with exception:\n{name}: {error}") from None


def _check_names(given: Sequence[str], expected: Sequence[str], file: str) -> None:
    if len(given) < 2:
        raise UserError(f"{file}: got {len(given)} columns, expected a label and at least one feature in each row.")
    if sorted(given) != sorted(expected):
        apart = sorted({*given} ^ {*expected}) or ["one of several names"]
        raise UserError(
            f"{file}: got other columns than in the first file, {', '.join(apart)}; expected the same in every file."
        )


def _row_groups(file: parquet.ParquetFile, names: Sequence[str]) -> Iterator[Table]:
    read = 0
    same_order = file.schema_arrow.names == list(names)
    for batch in file.iter_batches():
        given = batch if same_order else batch.select(names)
        columns = [np.asarray(column.cast(pa.float32(), safe=False)) for column in given.columns]
        _check_columns(columns, given, read)
        yield labelled(columns, weights=False)
        read += batch.num_rows


def _check_columns(columns: Sequence[np.ndarray], batch: pa.RecordBatch, rows_before: int) -> None:
    """Raise BadRecord for the first number that float32 cannot hold; nothing in a column is a missing value."""
    for number, values in enumerate(columns):
        if (infinite := beyond(values)).any():
            row = int(infinite.argmax())
            raise BadRecord(rows_before + row + 1, f"column {number + 1}: got {batch[number][row]}, {EXPECTED}.")


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


def _of_records(parts: Iterable[RecordRows]) -> Iterator[Table]:
    rows = 0
    for part in parts:
        _check_finite(part, rows)
        yield _of_rows(part)
        rows += len(part.counts_n)


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
