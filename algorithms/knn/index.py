"""Building a faiss index.

Axes: r rows · d columns
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.knn.candidates import follow_torch
from wildsage.algorithms.knn.hyperparameters import FLAT, LISTS

PQ_BITS = 8
PQ_CENTERS = 1 << PQ_BITS
NUMBERS_AT_ONCE = 1 << 22


def lists_for(rows: int) -> int:
    """faiss_index_ivf_nlists=auto: the square root of the number of sampled rows [contract: knn, Hyperparameters]."""
    return max(1, math.isqrt(rows))


def padded_to(columns: int, parts: int) -> int:
    """`columns`, rounded up to a multiple of `parts`."""
    return -(-columns // parts) * parts


def empty(kind: str, d: int, metric: int, lists: int, pq_m: int) -> faiss.Index:
    """An index of `d` columns without rows."""
    if kind == FLAT:
        return faiss.IndexFlatIP(d) if metric == faiss.METRIC_INNER_PRODUCT else faiss.IndexFlatL2(d)
    centers = empty(FLAT, d, metric, lists, pq_m)
    if kind == LISTS:
        index = faiss.IndexIVFFlat(centers, d, lists, metric)
    else:
        index = faiss.IndexIVFPQ(centers, d, lists, pq_m, PQ_BITS, metric)
    centers.this.disown()
    index.own_fields = True
    return index


def fill(index: faiss.Index, rows_rd: Tensor, nprobe: int, run: RunContext) -> None:
    """Train an index on the rows (r, d) and add them. Memory: the index beside the rows. Raises UserError for too few rows."""
    follow_torch()
    x_rd = rows_rd.numpy()
    if isinstance(index, faiss.IndexIVF):
        _check_rows(index, len(x_rd))
        index.nprobe = min(nprobe, index.nlist)
    began_s = time.monotonic()
    run.log("Training index...")
    index.train(x_rd)
    run.log(f"...Finished training index in {round(time.monotonic() - began_s)} second(s)")
    began_s = time.monotonic()
    run.log("Adding data to index...")
    index.add(x_rd)
    run.log(f"...Finished adding data to index in {round(time.monotonic() - began_s)} second(s)")


def _check_rows(index: faiss.IndexIVF, rows: int) -> None:
    needed = max(index.nlist, PQ_CENTERS) if isinstance(index, faiss.IndexIVFPQ) else index.nlist
    if rows < needed:
        raise UserError(
            f"{type(index).__name__} with faiss_index_ivf_nlists = {index.nlist} needs {needed} rows to train on, but the "
            f"sample holds {rows}. Take fewer lists, more data or faiss.Flat."
        )


def is_finite(index: faiss.Index) -> bool:
    """Whether no number of an index is NaN or infinite. Reads it once, a few megabytes at a time."""
    return all(
        bool(np.isfinite(numbers[start : start + NUMBERS_AT_ONCE]).all())
        for numbers in _numbers(index)
        for start in range(0, len(numbers), NUMBERS_AT_ONCE)
    )


def _numbers(index: faiss.Index) -> Iterator[NDArray[np.float32]]:
    """All float32 numbers of an index: its rows, or the centers of its lists and the rows or code books of these."""
    if isinstance(index, faiss.IndexFlat):
        yield faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d)
    elif isinstance(index, faiss.IndexIVF):
        yield from _numbers(faiss.downcast_index(index.quantizer))
        if isinstance(index, faiss.IndexIVFPQ):
            yield faiss.vector_to_array(index.pq.centroids)
        else:
            lists: Any = faiss.downcast_InvertedLists(index.invlists)
            for number in range(index.nlist):
                if size := lists.list_size(number):
                    codes = faiss.rev_swig_ptr(lists.get_codes(number), size * index.code_size)
                    yield codes.view(np.float32)
