"""Building an index: which kind, with what settings, from how many rows, and whether its numbers are finite."""

import gc
import logging
import math
import re
import time

import faiss
import numpy as np
import pytest
import torch

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.run import RunContext
from wildsage.algorithms.knn import index
from wildsage.algorithms.knn.hyperparameters import FLAT, LISTS, QUANTISED

ROWS = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))


class Told(RunContext):
    """A run that remembers its log."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.lines: list[str] = []

    def log(self, text, level="INFO"):
        self.lines.append(text)


def built(kind: str, lists: int = 3, rows: torch.Tensor = ROWS, nprobe: int = 2) -> faiss.Index:
    found = index.empty(kind, rows.shape[1], faiss.METRIC_L2, lists, 2)
    index.fill(found, rows, nprobe, RunContext())
    return found


def test_the_lists_of_auto_are_the_whole_root_of_the_rows():
    assert [index.lists_for(rows) for rows in (0, 1, 3, 4, 15, 16, 10_000)] == [1, 1, 1, 2, 3, 4, 100]


def test_faiss_does_not_say_which_of_its_builds_fit_the_processor():
    log = logging.getLogger("faiss")
    assert not log.isEnabledFor(logging.INFO) and log.isEnabledFor(logging.WARNING)


@pytest.mark.parametrize(("columns", "parts", "padded"), [(1, 1, 1), (7, 1, 7), (7, 4, 8), (8, 4, 8), (9, 4, 12)])
def test_columns_are_padded_to_the_next_multiple(columns, parts, padded):
    assert index.padded_to(columns, parts) == padded


@pytest.mark.parametrize(
    ("metric", "flat"),
    [(faiss.METRIC_L2, faiss.IndexFlatL2), (faiss.METRIC_INNER_PRODUCT, faiss.IndexFlatIP)],
)
def test_each_kind_has_its_metric_also_in_the_centers_of_its_lists(metric, flat):
    whole, lists = (index.empty(kind, 4, metric, 5, 2) for kind in (FLAT, LISTS))
    assert isinstance(whole, flat) and isinstance(lists, faiss.IndexIVFFlat)
    assert isinstance(faiss.downcast_index(lists.quantizer), flat)
    assert {each.metric_type for each in (whole, lists)} == {metric}
    assert (lists.nlist, lists.d, lists.ntotal) == (5, 4, 0)


def test_a_code_has_a_byte_for_each_part():
    codes = index.empty(QUANTISED, 8, faiss.METRIC_L2, 5, 4)
    assert isinstance(codes, faiss.IndexIVFPQ)
    assert (codes.nlist, codes.d, codes.pq.M, codes.pq.nbits, codes.code_size) == (5, 8, 4, 8, 4)


@pytest.mark.parametrize("kind", [LISTS, QUANTISED])
def test_an_index_owns_the_centers_of_its_lists(kind):
    found = index.empty(kind, 4, faiss.METRIC_L2, 3, 2)
    gc.collect()
    assert found.own_fields and found.quantizer.d == 4


@pytest.mark.parametrize("kind", [FLAT, LISTS, QUANTISED])
def test_filling_trains_the_index_and_adds_every_row(kind):
    assert built(kind).is_trained and built(kind).ntotal == 300


def test_no_more_lists_are_looked_into_than_there_are():
    assert [built(LISTS, nprobe=nprobe).nprobe for nprobe in (1, 3, 4)] == [1, 3, 3]


def test_filling_tells_what_it_does_and_how_long_it_took():
    run, began_s = Told(), time.monotonic()
    index.fill(index.empty(FLAT, 4, faiss.METRIC_L2, 1, 1), ROWS, 1, run)
    took = [int(re.sub(r".* in (\d+) second\(s\)", r"\1", line)) for line in run.lines[1::2]]
    assert run.lines == [
        "Training index...", f"...Finished training index in {took[0]} second(s)",
        "Adding data to index...", f"...Finished adding data to index in {took[1]} second(s)",
    ]  # fmt: skip
    assert max(took) <= math.ceil(time.monotonic() - began_s)


def test_faiss_builds_with_the_threads_of_torch():
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            built(FLAT)
            assert faiss.omp_get_max_threads() == threads
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("kind", "lists", "needed"), [(LISTS, 20, 20), (LISTS, 300, 300), (QUANTISED, 3, 256), (QUANTISED, 260, 260)]
)
def test_lists_and_codes_need_a_row_for_each_of_their_centers(kind, lists, needed):
    assert built(kind, lists, ROWS[:needed]).ntotal == needed
    with pytest.raises(UserError, match=f"faiss_index_ivf_nlists = {lists} needs {needed} rows .* holds {needed - 1}"):
        built(kind, lists, ROWS[: needed - 1])


def numbers_of(found: faiss.Index) -> list[np.ndarray]:
    """Views of all that an index holds in float32, by faiss's own accessors."""
    if isinstance(found, faiss.IndexFlat):
        return [faiss.rev_swig_ptr(found.get_xb(), found.ntotal * found.d)]
    views = numbers_of(faiss.downcast_index(found.quantizer))
    if isinstance(found, faiss.IndexIVFPQ):
        return [*views, faiss.rev_swig_ptr(found.pq.centroids.data(), found.pq.centroids.size())]
    lists = found.invlists
    sizes = [lists.list_size(number) for number in range(found.nlist)]
    codes = [
        faiss.rev_swig_ptr(lists.get_codes(number), sizes[number] * found.code_size) for number in range(len(sizes))
    ]
    return [*views, *(each.view(np.float32) for each in codes)]


@pytest.mark.parametrize("kind", [FLAT, LISTS, QUANTISED])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_found_wherever_it_lies(kind, wrong, monkeypatch):
    """The first and the last of each array, where arrays are read seven numbers at a time."""
    monkeypatch.setattr(index, "NUMBERS_AT_ONCE", 7)
    found = built(kind)
    assert index.is_finite(found)
    for view in numbers_of(found):
        for place in (0, -1):
            right, view[place] = float(view[place]), wrong
            assert not index.is_finite(found)
            view[place] = right
    assert index.is_finite(found)


def test_an_empty_list_does_not_hide_those_after_it():
    found = built(LISTS, lists=2, rows=torch.tensor([[0.0, 0.0], [9.0, 9.0]]))
    found.reset()
    rows = np.array([[9.0, 9.0]], np.float32)
    for nearest in (rows, rows * 0):
        found.reset()
        found.add(nearest)
        assert index.is_finite(found)
        numbers_of(found)[-1 if found.invlists.list_size(1) else 1][0] = np.nan
        assert not index.is_finite(found)
