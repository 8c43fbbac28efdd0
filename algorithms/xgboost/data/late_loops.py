"""The compiled loops, loaded behind the scenes where a process has so much text to read that it pays. Until then Arrow reads.

Loading them takes 70 ms of a core, most of it without Python's lock, and 10 MB beside 60 MB of mapped files.
They then save 2 to 5 ms of a core for each megabyte. See docs/decisions/0017-loops-that-read-text.md.

Axes: n rows · k leading columns, such as the label · d features · z stored values
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.program import JobChannel
from wildsage.algorithms.xgboost.data import content_types
from wildsage.algorithms.xgboost.data.content_types import CSV, LIBSVM

if TYPE_CHECKING:
    from wildsage.algorithms.xgboost.data.machine_code import MachineCode

LOG = logging.getLogger(__name__)

CHANNEL_BYTES = {LIBSVM: 1 << 20, CSV: 1 << 25}
"""Of LIBSVM, one block: the library's own reader takes half as long as Arrow. Arrow reads CSV as fast as pandas does, and so much
of it takes Arrow longer by what loading the loops takes."""
REQUESTS_BYTES = 1 << 22
"""A server that gets large bodies will get more of them."""

GIVEN_UP = -1
LINE_END, COLON = ord("\n"), ord(":")


@dataclass(frozen=True)
class LibsvmRows:
    """The arrays of a CSR matrix of `width` columns, and labels, weights and groups of the rows (n,)."""

    values_z: NDArray[np.float32]
    columns_z: NDArray[np.int32]
    starts: NDArray[np.int64]
    width: int
    labels: NDArray[np.float32]
    weights: NDArray[np.float32] | None
    groups: NDArray[np.int64] | None


class LateLoops:
    """The machine code of the loops, which a thread of its own loads when it is worth it."""

    def __init__(self) -> None:
        self._loops: MachineCode | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._read_bytes = 0

    def csv(
        self, block: bytes | memoryview, delimiter: str, width: int, leading: int, worth_bytes: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """The leading columns (k, n) and the others (n, d) of whole lines; None where Arrow has to read them."""
        loops = self._after(len(block), worth_bytes)
        return _csv(loops, block, delimiter, width, leading) if loops else None

    def libsvm(self, block: bytes, worth_bytes: int) -> LibsvmRows | None:
        """The rows of whole lines; None where Arrow has to read them."""
        loops = self._after(len(block), worth_bytes)
        return _libsvm(loops, block) if loops else None

    def expect(self, channels: Mapping[str, JobChannel]) -> None:
        """Begin to load the loops if the files of these channels are worth it. What is wrong with channels is left for later."""
        with suppress(UserError, OSError, KeyError):
            worth_bytes = CHANNEL_BYTES[content_types.parse(channels["train"].content_type)]
            for channel in channels.values():
                files = (path for path in channel.folder.rglob("*") if path.is_file())
                self._after(sum(path.stat().st_size for path in files), worth_bytes)

    @property
    def expected(self) -> bool:
        """Whether the loops are loaded or will be soon."""
        return self._thread is not None

    def load(self) -> bool:
        """Wait until the loops are loaded. Returns whether they are; where llvmlite is missing they cannot be."""
        with self._lock:
            thread = self._begun()
        thread.join()
        return self._loops is not None

    def _after(self, size: int, worth_bytes: int) -> MachineCode | None:
        """The loops, or None as long as they are not loaded. That begins when `worth_bytes` have been read without them."""
        if self._loops is None and self._thread is None:
            with self._lock:
                self._read_bytes += size
                if self._read_bytes > worth_bytes:
                    self._begun()
        return self._loops

    def _begun(self) -> threading.Thread:
        if self._thread is None:
            self._thread = threading.Thread(target=self._load, name="load-loops")
            self._thread.start()
        return self._thread

    def _load(self) -> None:
        try:
            from wildsage.algorithms.xgboost.data.machine_code import MachineCode

            loops = MachineCode()
        except Exception as error:  # Arrow reads the same, whatever LLVM lacks here
            LOG.info("Arrow reads all text, because the compiled loops cannot be loaded: %s", error)
        else:
            self._loops = loops


LATE_LOOPS = LateLoops()


def _csv(
    loops: MachineCode, block: bytes | memoryview, delimiter: str, width: int, leading: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    if not (delimiter.isascii() and width >= max(leading, 1)):
        return None
    text = _text(block)
    lines = int(np.count_nonzero(text == LINE_END))  # mutants: equivalent: a row has another byte, so there is room
    most = min(lines, math.ceil(len(text) / width))  # a row has a byte or more for each column; the last may end early
    first_kn = np.empty((leading, most), np.float32)
    rest_nd = np.empty((most, width - leading), np.float32)
    rows = loops.csv(
        text.ctypes.data, len(text), ord(delimiter), first_kn.ctypes.data, rest_nd.ctypes.data, leading, most, width
    )
    return None if rows == GIVEN_UP else (first_kn[:, :rows], rest_nd[:rows])


def _libsvm(loops: MachineCode, block: bytes) -> LibsvmRows | None:
    text = _text(block)
    most, most_values = (int(np.count_nonzero(text == byte)) for byte in (LINE_END, COLON))
    labels_n, weights_n = np.empty((2, most), np.float32)
    groups_n = np.empty(most, np.int64)
    starts = np.empty(most + 1, np.int64)
    columns_z, values_z = np.empty(most_values, np.int32), np.empty(most_values, np.float32)
    found_3 = np.empty(3, np.int64)
    arrays = (labels_n, weights_n, groups_n, starts, columns_z, values_z, found_3)
    rows = loops.libsvm(text.ctypes.data, len(text), *(array.ctypes.data for array in arrays))
    if rows == GIVEN_UP:
        return None
    width, weighted, grouped = found_3.tolist()
    stored = starts[rows]
    return LibsvmRows(
        values_z[:stored],
        columns_z[:stored],
        starts[: rows + 1],
        width,
        labels_n[:rows],
        weights_n[:rows] if weighted else None,
        groups_n[:rows] if grouped else None,
    )


def _text(block: bytes | memoryview) -> NDArray[np.uint8]:
    """The bytes of a block, and a line end if its last line lacks it."""
    # mutants: equivalent: where more than the last byte is looked at, a text gets a second line end: a blank line, without a row
    last = block[-1:]
    return np.frombuffer(block if last == b"\n" else bytes(block) + b"\n", np.uint8)
