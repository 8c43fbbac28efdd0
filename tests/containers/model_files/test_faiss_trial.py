"""What an index of faiss says of itself, and what is in it. The limit of memory is noted here, not set: it would hold for all tests."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

faiss = pytest.importorskip("faiss")
from wildsage.containers.model_files import faiss_trial  # noqa: E402

ROWS = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)


@pytest.fixture(autouse=True)
def limits(monkeypatch) -> list[tuple[int, tuple[int, int]]]:
    """What would have been limited."""
    set_ = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limit: set_.append((kind, limit)))
    return set_


def flat(rows: int = 60, columns: int = 4) -> faiss.Index:
    index = faiss.IndexFlatL2(columns)
    if rows:
        index.add(ROWS[:rows, :columns])
    return index


def lists(rows: int = 60) -> faiss.IndexIVFFlat:
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(4), 4, 3)
    index.train(ROWS)
    if rows:
        index.add(ROWS[:rows])
    return index


def with_id(place: int, number: int) -> faiss.IndexIVFFlat:
    """An index whose last list names another row."""
    index = lists()
    size = index.invlists.list_size(2)
    faiss.rev_swig_ptr(index.invlists.get_ids(2), size)[place] = number
    return index


def with_total(rows: int) -> faiss.IndexIVFFlat:
    index = lists()
    index.ntotal = rows
    return index


def trial(index: faiss.Index, folder: Path) -> str | None:
    faiss.write_index(index, str(folder / "index"))
    return faiss_trial.main(str(folder / "index"), 0)


@pytest.mark.parametrize(
    "make",
    [flat, lambda: flat(0), lambda: flat(60, 1), lists, lambda: lists(0), lambda: lists(1), lambda: with_id(-1, 59)],
)
def test_a_sound_index_has_no_problem(tmp_path, make):
    assert trial(make(), tmp_path) is None


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: flat(0, 0), "it says that it holds 0 rows of 0 columns"),
        (lambda: with_total(59), "its lists hold 60 rows, and it says that it holds 59"),
        (lambda: with_total(61), "its lists hold 60 rows, and it says that it holds 61"),
        (lambda: with_id(0, 60), "list 2 names a row outside of 0 to 59"),
        (lambda: with_id(-1, -1), "list 2 names a row outside of 0 to 59"),
    ],
)
def test_an_index_that_contradicts_itself_is_described(tmp_path, make, problem):
    assert trial(make(), tmp_path) == problem


def test_what_faiss_says_of_a_file_is_cut_to_its_last_line(tmp_path, monkeypatch):
    (tmp_path / "index").write_bytes(b"IxF2")
    assert "\n" not in faiss_trial.main(str(tmp_path / "index"), 0)
    for error, said in ((RuntimeError("first\nlast\n"), "last"), (MemoryError(), "MemoryError")):

        def fails(*_: object, error: BaseException = error) -> None:
            raise error

        monkeypatch.setattr(faiss, "read_index", fails)
        assert faiss_trial.main(str(tmp_path / "index"), 0) == said


def test_reading_may_take_two_gigabytes_and_four_times_the_file_beyond_what_is_used(tmp_path, limits, monkeypatch):
    read, used = Path.read_text, []
    monkeypatch.setattr(faiss_trial.Path, "read_text", lambda path: used.append((str(path), read(path))) or used[-1][1])
    trial(flat(), tmp_path)
    ((kind, (soft, _)),), ((path, sizes),) = limits, used
    further = (2 << 30) + 4 * (tmp_path / "index").stat().st_size
    assert kind == resource.RLIMIT_AS and path == "/proc/self/statm"
    assert soft == int(sizes.split()[0]) * resource.getpagesize() + further


@pytest.mark.parametrize(("make", "status"), [(flat, 0), (lambda: with_id(0, 60), 1)])
def test_the_program_ends_with_a_status_and_a_reason(tmp_path, make, status):
    faiss.write_index(make(), str(tmp_path / "index"))
    done = subprocess.run(
        [sys.executable, faiss_trial.__file__, tmp_path / "index", "0"], capture_output=True, text=True
    )
    assert done.returncode == status
    assert done.stderr.splitlines()[-1:] == (["list 2 names a row outside of 0 to 59"] if status else [])


@pytest.mark.parametrize(("most", "limited"), [(1000, True), (101, True), (100, False), (99, False), (-1, True)])
def test_a_lower_limit_of_the_users_stands(monkeypatch, limits, most, limited):
    used = resource.getpagesize()
    monkeypatch.setattr(faiss_trial.Path, "read_text", lambda _: "1 0 0")  # one page is used
    monkeypatch.setattr(resource, "getrlimit", lambda _: (most, most if most < 0 else most + used))
    faiss_trial._limit_memory(100)
    assert limits == ([(resource.RLIMIT_AS, (used + 100, most if most < 0 else most + used))] if limited else [])
