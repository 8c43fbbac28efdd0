"""Compiles the loops of XGBoost's readers to LLVM's language: `python scripts/text_loops.py` after a change of loops.py.

numba does it, for no processor in particular. What is left out of its text afterwards: names of numba's own, hints that change
nothing in what a loop computes, and words that only the newest LLVM knows. So every llvmlite from 0.45 on reads the file.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llvmlite.binding import ModuleRef

ROOT = Path(__file__).parents[1]
LOOPS = ROOT / "algorithms" / "xgboost" / "data" / "loops.py"
COMPILED = LOOPS.with_suffix(".ll")
ANY_PROCESSOR = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
HEADER = "; Written by scripts/text_loops.py, numba {}, from loops.py, sha256 {}. Do not edit.\n"

LEFT_OUT_LINES = re.compile(r"!|attributes |; |source_filename|target |$|.*@llvm\.lifetime\.")
LEFT_OUT_WORDS = (
    re.compile(r"(, )?![a-z.]+ ![0-9]+"),
    re.compile(r" #[0-9]+"),
    re.compile(r" +; preds = .*"),
    re.compile(r"\b(captures|dereferenceable|initializes|range)\((\([^)]*\)|[^()])*\) ?"),
    re.compile(r"\b(noalias|nonnull|noundef|readonly|writable|writeonly|(local_)?unnamed_addr|dead_on_unwind) "),
    re.compile(r"\b(samesign|nneg|disjoint) "),
    re.compile(r"(?<=getelementptr )(inbounds )?nuw "),
    re.compile(r"(?<=trunc )(nuw )?(nsw )?"),
)
OWN_NAME = re.compile(r"_ZN\w*?5loops\d+([a-z_]+?)B\d\w*")


def header() -> str:
    """The first line, by which the file is known to be that of today's loops and numba."""
    return HEADER.format(version("numba"), source())


def source() -> str:
    """The SHA-256 of loops.py."""
    return hashlib.sha256(LOOPS.read_bytes()).hexdigest()


def compiled() -> str:
    """Both loops as functions of C, in LLVM's language."""
    os.environ.update(ANY_PROCESSOR)
    import numba
    from numba import types

    from wildsage.algorithms.xgboost.data import loops

    whole, text, singles, integers, indices = (
        types.int64,
        *map(types.CPointer, (types.uint8, types.float32, types.int64, types.int32)),
    )
    arguments: dict[Any, tuple] = {
        loops.csv: (text, whole, whole, singles, singles, whole, whole, whole),
        loops.libsvm: (text, whole, singles, singles, integers, integers, indices, singles, integers),
    }
    by_numba = {
        loop.py_func.__name__: numba.cfunc(whole(*kinds), error_model="numpy")(loop.py_func).inspect_llvm()
        for loop, kinds in arguments.items()
    }
    return header() + _plain(_optimized(by_numba))


def _optimized(texts: Mapping[str, str]) -> str:
    """One module whose functions of these names can be called. Now LLVM sees that nothing in them raises, and drops what would."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    module, *others = (_with_one_door(llvm.parse_assembly(text), name) for name, text in texts.items())
    for other in others:
        module.link_in(other)
    machine = llvm.Target.from_triple(module.triple).create_target_machine(cpu="generic", opt=3)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    return str(module)


def _with_one_door(module: ModuleRef, name: str) -> ModuleRef:
    """The module, of which only the function for callers in C can be called, by this name."""
    for found in itertools.chain(module.functions, module.global_variables):
        if found.name.startswith("cfunc."):
            found.name = name
        elif not found.is_declaration:
            found.linkage = "internal"
    return module


def _plain(text: str) -> str:
    lines = [line for line in text.splitlines() if not LEFT_OUT_LINES.match(line)]
    text = OWN_NAME.sub(r"\1.loop", "\n".join(lines) + "\n")
    for words in LEFT_OUT_WORDS:
        text = words.sub("", text)
    return text


def main() -> None:
    """Write the file."""
    COMPILED.write_text(compiled())


if __name__ == "__main__":
    main()
