"""The compiled loops, loaded behind the scenes once a process has read so much text that it pays. Until then Arrow reads.

Loading them takes about half a second of a core and 100 MB, and a few seconds more on a machine that has not yet compiled them.
They then save 4 to 5 ms of a core for each megabyte. See docs/decisions/0017-loops-that-read-text.md.

Axes: n rows · k leading columns, such as the label · d features · z stored values
"""

from __future__ import annotations

import importlib
import logging
import threading
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from wildsage.algorithms.xgboost.data.table import Table

LOG = logging.getLogger(__name__)

CHANNEL_BYTES = 1 << 28
"""Reading so much with Arrow has taken more than loading the loops does; a job reads nothing after its channels."""
REQUESTS_BYTES = 1 << 22
"""A server that gets large bodies will get more of them."""

LINE_END, COLON = ord("\n"), ord(":")


class LateLoops:
    """The module `loops`, imported in a thread of its own when it is worth it."""

    def __init__(self) -> None:
        self._loops: ModuleType | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._read_bytes = 0

    def csv(
        self, block: bytes | memoryview, delimiter: str, width: int, leading: int, worth_bytes: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """The leading columns (k, n) and the others (n, d) of whole lines; None where Arrow has to read them."""
        loops = self._after(len(block), worth_bytes)
        return _csv(loops, block, delimiter, width, leading) if loops else None

    def libsvm(self, block: bytes, worth_bytes: int) -> Table | None:
        """The rows of whole lines; None where Arrow has to read them."""
        loops = self._after(len(block), worth_bytes)
        return _libsvm(loops, block) if loops else None

    def load(self) -> bool:
        """Wait until the loops are loaded. Returns whether they are; where numba is missing they cannot be."""
        with self._lock:
            thread = self._begun()
        thread.join()
        return self._loops is not None

    def _after(self, size: int, worth_bytes: int) -> ModuleType | None:
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
            loops = importlib.import_module(f"{__package__}.loops")
            _csv(loops, b"1,2\n", ",", 2, 1)  # the first call compiles
            _libsvm(loops, b"1 2:3\n")
        except Exception as error:  # Arrow reads the same, whatever numba lacks here
            LOG.info("Arrow reads all text, because the compiled loops cannot be loaded: %s", error)
        else:
            self._loops = loops


LATE_LOOPS = LateLoops()


def _csv(
    loops: ModuleType, block: bytes | memoryview, delimiter: str, width: int, leading: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    if not (delimiter.isascii() and width >= leading):
        return None
    text = _text(block)
    most = int(np.count_nonzero(text == LINE_END))
    first_kn = np.empty((leading, most), np.float32)
    rest_nd = np.empty((most, width - leading), np.float32)
    rows = loops.csv(text, ord(delimiter), first_kn, rest_nd)
    return None if rows == loops.GIVEN_UP else (first_kn[:, :rows], rest_nd[:rows])


def _libsvm(loops: ModuleType, block: bytes) -> Table | None:
    text = _text(block)
    most, most_values = (int(np.count_nonzero(text == byte)) for byte in (LINE_END, COLON))
    labels_n, weights_n = np.empty((2, most), np.float32)
    groups_n = np.empty(most, np.int64)
    starts_n = np.empty(most + 1, np.int64)
    columns_z, values_z = np.empty(most_values, np.int32), np.empty(most_values, np.float32)
    rows, width, weighted, grouped = loops.libsvm(text, labels_n, weights_n, groups_n, starts_n, columns_z, values_z)
    if rows == loops.GIVEN_UP:
        return None
    stored = starts_n[rows]
    return Table(
        csr_matrix((values_z[:stored], columns_z[:stored], starts_n[: rows + 1]), shape=(rows, width)),
        labels_n[:rows],
        weights_n[:rows] if weighted else None,
        groups_n[:rows] if grouped else None,
    )


def _text(block: bytes | memoryview) -> NDArray[np.uint8]:
    """The bytes of a block, and a line end if its last line lacks it."""
    return np.frombuffer(block if block[-1:] == b"\n" else bytes(block) + b"\n", np.uint8)
