"""Building a faiss index.

Axes: r rows · d columns
"""

from __future__ import annotations

import math
import time

import faiss
from torch import Tensor

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.knn.candidates import follow_torch

FLAT, LISTS, QUANTISED = "faiss.Flat", "faiss.IVFFlat", "faiss.IVFPQ"
PQ_BITS = 8
PQ_CENTERS = 1 << PQ_BITS


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
