"""The machine code of the loops, and processors and versions of LLVM for which there is none."""

import logging
import sys

import numpy as np
import pytest

pytest.importorskip("xgboost")
pytest.importorskip("llvmlite")
from wildsage.algorithms.xgboost.data import machine_code
from wildsage.algorithms.xgboost.data.late_loops import LateLoops
from wildsage.algorithms.xgboost.data.machine_code import MachineCode


def test_both_loops_are_called_with_addresses():
    code = MachineCode()
    text, first, rest = np.frombuffer(b"1,2\n3,4\n", np.uint8), np.zeros(2, np.float32), np.zeros(2, np.float32)
    assert code.csv(text.ctypes.data, len(text), ord(","), first.ctypes.data, rest.ctypes.data, 1, 2, 2) == 2
    assert (first.tolist(), rest.tolist()) == ([1, 3], [2, 4])
    text, found = np.frombuffer(b"1 2:3\n", np.uint8), np.zeros(3, np.int64)
    arrays = [np.zeros(2, kind) for kind in (np.float32, np.float32, np.int64, np.int64, np.int32, np.float32)]
    assert code.libsvm(text.ctypes.data, len(text), *(array.ctypes.data for array in [*arrays, found])) == 1
    assert (arrays[0][0], arrays[4][0], arrays[5][0], found.tolist()) == (1, 2, 3, [3, 0, 0])


def test_processors_of_another_byte_order_leave_all_to_arrow(monkeypatch):
    monkeypatch.setattr(sys, "byteorder", "big")
    assert not LateLoops().load()


def test_a_text_that_this_llvm_cannot_read_leaves_all_to_arrow(monkeypatch, tmp_path, caplog):
    (tmp_path / "loops.ll").write_text("define of tomorrow")
    monkeypatch.setattr(machine_code, "TEXT", tmp_path / "loops.ll")
    late = LateLoops()
    with caplog.at_level(logging.INFO):
        assert not late.load()
    assert "the compiled loops cannot be loaded" in caplog.text
