"""A channel of rows as a stream of checked batches: every row has feature_dim columns, every number is finite."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wildsage.algorithms.base.batch import Batch, rebatch
from wildsage.algorithms.base.errors import NO_DATA, BadRecord, UserError
from wildsage.algorithms.base.hyperparameters import AUTO
from wildsage.containers import codecs
from wildsage.containers.codecs.media_type import MediaType
from wildsage.containers.contract.job_log import JobLog
from wildsage.containers.input.row_checks import check
from wildsage.containers.input.sources import Source, Sources

TRAIN = "train"


@dataclass
class ReadCounts:
    """Counts of what has been read since the channel was opened, and since the current pass began (`pass_…`)."""

    passes: int = 0
    rows: int = 0
    batches: int = 0
    pass_rows: int = 0
    pass_batches: int = 0
    pass_bytes: int = 0
    most_rows: int = 0
    most_batches: int = 0
    pass_start_s: float = 0.0

    def begin_pass(self) -> None:
        """Reset the counts of the pass."""
        self.pass_rows = self.pass_batches = self.pass_bytes = 0
        self.pass_start_s = time.time()

    def add(self, rows: int) -> None:
        """Count a batch of so many rows."""
        self.rows += rows
        self.batches += 1
        self.pass_rows += rows
        self.pass_batches += 1

    def end_pass(self) -> None:
        """Count the pass, and keep the largest pass."""
        self.passes += 1
        self.most_rows = max(self.most_rows, self.pass_rows)
        self.most_batches = max(self.most_batches, self.pass_batches)

    def require_rows(self, channel: str) -> None:
        """Raise UserError where a whole pass over the training channel had no rows.

        One host without data fails the job, whatever the others hold [contract: container, section 2].
        """
        if channel == TRAIN and not self.pass_rows:
            raise UserError(f"{NO_DATA} Channel {channel} has no data for this host.")


class RowStream:
    """A `Stream` over a channel. It holds one batch and one chunk in memory. `counts` says what has been read."""

    def __init__(
        self,
        name: str,
        sources: Sources,
        media_type: MediaType,
        feature_dim: int | str,
        folder: Path,
        log: JobLog,
        *,
        type_assumed: bool = False,
        host: str = "",
    ) -> None:
        """`feature_dim` may be auto: then all rows must be as wide as the first. `type_assumed`: the user gave no type.

        `host` is named in errors, where other hosts have rows of their own.
        """
        self.name = name
        self.counts = ReadCounts()
        self._folder = folder
        self._log = log
        self._sources = sources
        self._media_type = media_type
        self._type_assumed = type_assumed
        self._host = host
        self._begins: list[tuple[int, Source]] = []
        self._feature_dim = None if feature_dim == AUTO else int(feature_dim)

    # mutants: equivalent: rows have the same order in every pass
    def batches(self, rows: int, epoch: int = 0) -> Iterator[Batch]:
        """Yield one pass in batches of `rows`.

        Raises UserError naming channel, file and row of the first row that cannot be used, and where train has no rows.
        """
        self.counts.begin_pass()
        try:
            for batch in rebatch(self._pieces(rows), rows):
                self.counts.add(len(batch))
                yield batch
        finally:
            self._end_pass()
        self.counts.require_rows(self.name)

    def _end_pass(self) -> None:
        """Log the pass as the original's data pipeline does. It calls batches examples."""
        counts = self.counts
        stats = {
            "data_pipeline": str(self._folder),
            "epoch": counts.passes,
            "duration": round((time.time() - counts.pass_start_s) * 1000),
            "num_examples": counts.pass_batches,
            "num_bytes": counts.pass_bytes,
        }
        self._log.tensorio("epoch_stats", stats)
        counts.end_pass()

    def _pieces(self, rows: int) -> Iterator[Batch]:
        self._begins = []
        rows_before = 0
        for source in self._sources.next_pass():
            self._begins.append((rows_before, source))
            row = 1
            try:
                for piece in codecs.decode(self._media_type, self._counted(source), default_label_size=1):
                    self._feature_dim = self._feature_dim or piece.width
                    check(piece, row, self._feature_dim, self._width_hint(piece))
                    row += len(piece)
                    yield piece
            except BadRecord as bad:
                raise UserError(self._located(bad, source, rows)) from None
            rows_before += row - 1

    def place(self, row: int) -> str:
        """File and row of the `row`-th row of the current pass, which counts from 1 over all files."""
        before, source = next((before, source) for before, source in reversed(self._begins) if before < row)
        return self._place(source, row - before)

    def _place(self, source: Source, row: int) -> str:
        """`Channel train, part-1.csv, row 3`; the rows of a pipe are those of all its objects."""
        host = f" of host {self._host}" if self._host else ""
        if source.pipe:
            return f"Channel {self.name}{host}, row {row} of all objects in pipe {source.path.name}"
        return f"Channel {self.name}{host}, {source.path.name}, row {row}"

    def _counted(self, source: Source) -> Iterator[bytes]:
        for chunk in source.chunks():
            self.counts.pass_bytes += len(chunk)
            yield chunk

    def _width_hint(self, piece: Batch) -> str:
        """The usual cause of a CSV that is a column short or has one too many: its label, or the index of a DataFrame."""
        if self._media_type.name != codecs.CSV or self._feature_dim is None:
            return ""
        if piece.width == self._feature_dim - 1 and piece.labels_nl is not None:
            return "; the first column was taken as the label: for data without labels use text/csv;label_size=0"
        if piece.width == self._feature_dim + 1 and _counts_rows(piece):
            return "; the first column counts the rows: is it the index of a DataFrame? Write to_csv(index=False)"
        return ""

    def _located(self, bad: BadRecord, source: Source, rows: int) -> str:
        """The original's words for a CSV that cannot be parsed, then the row and its problem."""
        place = f"{self._place(source, bad.row)}: {bad.problem}"
        if self._type_assumed and bad.row == 1:
            place += (
                f" The channel has no ContentType, so {self._media_type.name} was assumed; "
                "set its ContentType, such as text/csv."
            )
        if self._media_type.name != codecs.CSV:
            return place
        first = (bad.row - 1) // rows * rows + 1
        return f"Unable to parse csv: rows {first}-{first + rows - 1}, file {source.path}. {place}"


def _counts_rows(piece: Batch) -> bool:
    """Whether the first column of the lines is 0, 1, 2, …"""
    rows_nd = piece.dense()
    first_n = rows_nd[:, 0] if piece.labels_nl is None else piece.labels_nl[:, 0]
    return bool((first_n.diff() == 1).all()) and len(first_n) > 1
