"""The loops of `loops.py` as machine code, which LLVM makes of `loops.ll`: Python's lock is free while they run.

LLVM's own rules keep the order of operations and round each of them as IEEE 754 says, for whichever processor it compiles.
"""

from __future__ import annotations

import sys
from ctypes import CFUNCTYPE, c_int64, c_void_p
from pathlib import Path

import llvmlite.binding as llvm

TEXT = Path(__file__).with_name("loops.ll")
CSV = CFUNCTYPE(c_int64, c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_int64, c_int64, c_int64)
LIBSVM = CFUNCTYPE(c_int64, c_void_p, c_int64, *[c_void_p] * 7)
OPTIMIZE_LITTLE = 1  # mutants: equivalent: it changes how fast the code is, not what it computes
"""The text is optimized already. Without optimization, machine code is four times as slow; with more, it is not faster."""


class MachineCode:
    """`csv` and `libsvm`, to be called with the addresses of arrays. Raises RuntimeError for a text that this LLVM cannot read,
    and on a processor whose numbers begin with their highest byte, since the text holds its table of powers as bytes."""

    def __init__(self) -> None:
        if sys.byteorder != "little":
            raise RuntimeError(f"{TEXT.name} is for little-endian processors, and this one is {sys.byteorder}-endian.")
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        processor = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
        # mutants: equivalent: any model of addresses will do for so little code
        machine = llvm.Target.from_default_triple().create_target_machine(*processor, opt=OPTIMIZE_LITTLE, jit=True)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(TEXT.read_text()), machine)  # owns the code
        self._engine.finalize_object()  # mutants: equivalent: so does asking for an address
        self.csv = CSV(self._engine.get_function_address("csv"))
        self.libsvm = LIBSVM(self._engine.get_function_address("libsvm"))
