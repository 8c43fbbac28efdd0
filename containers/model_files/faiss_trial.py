"""Reads an index of faiss once, in a process that may die: `python faiss_trial.py FILE FLAGS`.

faiss believes the sizes in a file. A damaged one can end the process that reads it, take all memory, or hold ids of rows that
do not exist. Status 0: the file is sound. Status 1: the last line of stderr says what is wrong with it.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import faiss
import numpy as np

SPARE_BYTES = 2 << 30
MEMORY_PER_BYTE = 4
"""Memory that reading may take for each byte of the file, beyond SPARE_BYTES."""


def main(path: str, flags: int) -> str | None:
    """Return what is wrong with the file; None if nothing is."""
    _limit_memory(SPARE_BYTES + MEMORY_PER_BYTE * Path(path).stat().st_size)
    try:
        index = faiss.read_index(path, flags)
        if index.d < 1 or index.ntotal < 0:
            return f"it says that it holds {index.ntotal} rows of {index.d} columns"
        return _problem_of_lists(index) if isinstance(index, faiss.IndexIVF) else None
    except (RuntimeError, MemoryError) as error:
        return (str(error).strip() or type(error).__name__).splitlines()[-1]  # a MemoryError has no text


def _limit_memory(further_bytes: int) -> None:
    """Let this process take so much more than it has now, where it may not take less already."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit, most = pages * resource.getpagesize() + further_bytes, resource.getrlimit(resource.RLIMIT_AS)[1]
    if most == resource.RLIM_INFINITY or limit < most:
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))


def _problem_of_lists(index: faiss.IndexIVF) -> str | None:
    lists = index.invlists
    sizes = [lists.list_size(number) for number in range(index.nlist)]
    if sum(sizes) != index.ntotal:
        return f"its lists hold {sum(sizes)} rows, and it says that it holds {index.ntotal}"
    for number, size in enumerate(sizes):
        ids = faiss.rev_swig_ptr(lists.get_ids(number), size) if size else np.empty(0, np.int64)
        if size and not (ids.min() >= 0 and ids.max() < index.ntotal):
            return f"list {number} names a row outside of 0 to {index.ntotal - 1}"
    index.nprobe = 1  # mutants: equivalent: any number of lists shows whether a search works
    index.search(np.zeros((1, index.d), np.float32), 1)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
