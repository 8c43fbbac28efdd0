"""How many threads faiss uses beside torch."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import faiss
import torch


def of_faiss_after(call: Callable[[], object], torch_has: tuple[int, ...]) -> list[int]:
    """The threads of faiss after a call in a thread of a server, where OpenMP begins with a number of its own; for each number
    of torch's threads."""
    before, found = torch.get_num_threads(), []
    try:
        for threads in torch_has:
            torch.set_num_threads(threads)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(call).result()
                found.append(pool.submit(faiss.omp_get_max_threads).result())
        return found
    finally:
        torch.set_num_threads(before)
