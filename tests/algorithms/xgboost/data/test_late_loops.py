"""When the compiled loops are loaded, and what passes between them and the readers. What they read is tried in test_loops.py."""

import logging
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("xgboost")
from wildsage.algorithms.base.program import JobChannel
from wildsage.algorithms.xgboost.data import csv_text, late_loops, libsvm
from wildsage.algorithms.xgboost.data.content_types import CSV, LIBSVM
from wildsage.algorithms.xgboost.data.late_loops import LateLoops


def test_loops_are_loaded_once_enough_has_been_read(monkeypatch):
    begun = []
    monkeypatch.setattr(LateLoops, "_load", lambda self: begun.append(self))
    late = LateLoops()
    assert late.csv(b"1,2\n", ",", 2, 1, 8) is None and late.libsvm(b"1 2\n", 8) is None
    assert not begun
    assert late.csv(b"5,6\n", ",", 2, 1, 8) is None and late.csv(b"7,8\n", ",", 2, 1, 8) is None
    late.load()  # waits
    assert begun == [late]


def test_requests_are_worth_it_sooner_than_csv_channels(monkeypatch):
    asked = []
    monkeypatch.setattr(LateLoops, "_after", lambda _self, size, worth_bytes: asked.append(worth_bytes))
    csv_text.parse_request(b"1,2\n3,4")
    list(csv_text.read([b"1,2\n3,4"], ",", 2, weights=False))
    libsvm.parse(b"1 2:3\n")
    assert asked == [late_loops.REQUESTS_BYTES, late_loops.CHANNEL_BYTES[CSV], late_loops.CHANNEL_BYTES[LIBSVM]]


def channel(folder: Path, content_type: str | None, *sizes: int) -> JobChannel:
    """A channel with files of these sizes, the last in a folder of its own."""
    for number, size in enumerate(sizes):
        path = folder / (f"{number}" if number < len(sizes) - 1 else f"deep/{number}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1" * size)
    return JobChannel(content_type, "File", "FullyReplicated", {}, folder, lambda: iter(()))


@pytest.mark.parametrize(
    ("content_type", "sizes", "begins"),
    [
        (None, (1 << 19, 1 << 19), False),
        (None, (1 << 19, (1 << 19) + 1), True),
        ("text/x-libsvm", (1 << 21,), True),
        ("text/csv", (1 << 21,), False),
        ("text/csv", (1 << 25, 1), True),
        ("application/x-parquet", (1 << 25, 1), False),
        ("image/png", (1 << 21,), False),
        (None, (), False),
    ],
)
def test_loops_are_loaded_before_the_files_that_are_worth_it(monkeypatch, tmp_path, content_type, sizes, begins):
    begun = []
    monkeypatch.setattr(LateLoops, "_load", lambda self: begun.append(self))
    late = LateLoops()
    late.expect({"train": channel(tmp_path, content_type, *sizes)})
    assert late.expected is begins


def test_loops_are_loaded_once_a_server_has_got_four_mebibytes(monkeypatch):
    monkeypatch.setattr(LateLoops, "_load", lambda self: None)
    late = LateLoops()
    assert late.csv(b"1\n" * (1 << 21), ",", 1, 0, late_loops.REQUESTS_BYTES) is None and not late.expected
    assert late.csv(b"1\n", ",", 1, 0, late_loops.REQUESTS_BYTES) is None and late.expected


def test_a_job_without_its_channel_is_left_for_later():
    late = LateLoops()
    late.expect({})
    assert not late.expected


def test_loops_that_two_ask_for_at_a_time_are_loaded_once(monkeypatch):
    begun: list[LateLoops] = []
    asked = threading.Barrier(2, timeout=240)
    thread = threading.Thread

    def slow(**options) -> threading.Thread:
        """A thread that takes its time to be made."""
        begun.append(options["target"])
        time.sleep(0.1)
        return thread(**options)

    monkeypatch.setattr(LateLoops, "_load", lambda self: None)
    late = LateLoops()

    def ask() -> None:
        asked.wait()
        late.load()

    askers = [thread(target=ask) for _ in range(2)]
    monkeypatch.setattr(late_loops.threading, "Thread", slow)
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(begun) == 1


@pytest.mark.parametrize("kind", [bytes, memoryview])
@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize(("leading", "first", "rest"), [
    (0, [], [[1, 2, 3], [4, 5, 6]]), (1, [[1, 4]], [[2, 3], [5, 6]]), (3, [[1, 4], [2, 5], [3, 6]], [[], []]),
])  # fmt: skip
def test_leading_columns_of_csv_stand_apart(loaded_loops, kind, end, leading, first, rest):
    found = loaded_loops.csv(kind(b"1;2;3\n\n4;5;6" + end), ";", 3, leading, 0)
    assert [part.tolist() for part in found] == [first, rest]


@pytest.mark.parametrize(("delimiter", "width", "leading"), [("\u00a0", 2, 0), (",", 0, 0), (",", 1, 2)])
def test_what_the_loops_cannot_be_asked_for_is_left_to_arrow(loaded_loops, delimiter, width, leading):
    assert loaded_loops.csv(b"1,2\n", delimiter, width, leading, 0) is None


@pytest.mark.parametrize("text", ["1,2\n,\n", ",\n,\n,", "1,2\n3,4"])
def test_rows_of_few_bytes_have_room(loaded_loops, text):
    assert len(loaded_loops.csv(text.encode(), ",", 2, 1, 0)[1]) == text.count(",")


@pytest.fixture
def behind(monkeypatch) -> list[np.ndarray]:
    """What lies behind each array that is made: ones, as long as nothing is written there."""
    found: list[np.ndarray] = []

    def empty(shape, kind) -> np.ndarray:
        size = int(np.prod(shape))
        whole = np.ones(size + 8, kind)
        found.append(whole[size:])
        return whole[:size].reshape(shape)

    monkeypatch.setattr(late_loops.np, "empty", empty)
    return found


@pytest.mark.parametrize("text", [b",,,\n7\n", b",,,\n7", b",,,\n,,,\n7,7,7", b",,,\n,,,\n", b"7,7\n"])
@pytest.mark.parametrize("leading", [0, 1, 4])
def test_a_row_that_ends_early_has_room_too(loaded_loops, behind, text, leading):
    """The loops write its first values before they give up."""
    found = loaded_loops.csv(text, ",", 4, leading, 0)
    assert (found is None) == (b"7" in text) and len(behind) == 2
    assert all((array == 1).all() for array in behind)


@pytest.mark.parametrize("text", [b"7 0:7\n7 0:7", b"7:7 qid:7 0:7 1:7", b"7 0:7\nx", b"7\n\n7", b"7 0:7 0:x"])
def test_rows_of_libsvm_have_room(loaded_loops, behind, text):
    found = loaded_loops.libsvm(text, 0)
    assert (found is None) == (b"x" in text) and behind
    assert all((array == 1).all() for array in behind)


@pytest.mark.parametrize("end", [b"\n", b"", b"\n\n"])
def test_libsvm_is_the_arrays_of_a_sparse_matrix(loaded_loops, end):
    found = loaded_loops.libsvm(b"1:5 qid:7 0:2 3:4\n\n0:6 qid:8" + end, 0)
    assert (found.values_z.tolist(), found.columns_z.tolist(), found.starts.tolist()) == ([2, 4], [0, 3], [0, 2, 2])
    assert (found.width, found.labels.tolist(), found.weights.tolist(), found.groups.tolist()) == (
        4,
        [1, 0],
        [5, 6],
        [7, 8],
    )
    plain = loaded_loops.libsvm(b"1 0:2" + end, 0)
    assert (plain.weights, plain.groups) == (None, None)
    assert loaded_loops.libsvm(b"x" + end, 0) is None


@pytest.mark.parametrize(("end", "rows"), [("\n" * 300_000, 1), ("1\n" * 300_000, None)])
def test_the_room_for_rows_is_bounded_by_the_text_not_by_lines_times_columns(loaded_loops, end, rows):
    """Lines times columns would be 335 GiB."""
    found = loaded_loops.csv(("1," * 300_000 + "1\n" + end).encode(), ",", 300_001, 0, 0)
    assert found is None if rows is None else found[1].shape == (rows, 300_001) and (found[1] == 1).all()


def test_without_llvm_arrow_reads(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    monkeypatch.delitem(sys.modules, "wildsage.algorithms.xgboost.data.machine_code", raising=False)
    late = LateLoops()
    with caplog.at_level(logging.INFO):
        assert not late.load()
    assert late.csv(b"1,2\n", ",", 2, 1, 0) is None
    assert "the compiled loops cannot be loaded" in caplog.text
