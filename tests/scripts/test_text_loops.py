"""The compiled loops that are shipped are those of today's source."""

import subprocess
import sys

import pytest

from scripts import text_loops

RUN = "run: python scripts/text_loops.py"


def test_the_compiled_loops_are_those_of_the_source():
    first = text_loops.COMPILED.read_text().partition("\n")[0]
    assert text_loops.source() in first, RUN


@pytest.mark.slow
def test_numba_writes_the_same_again():
    pytest.importorskip("numba")
    written = text_loops.COMPILED.read_text()
    if not written.startswith(text_loops.header()):
        pytest.skip(f"another numba is installed than the one that wrote {text_loops.COMPILED.name}")
    program = "from scripts import text_loops; print(text_loops.compiled(), end='')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=text_loops.ROOT)
    assert done.stdout == written, f"{RUN}\n{done.stderr}"


def test_names_of_numba_and_python_are_left_out():
    text = text_loops.COMPILED.read_text()
    assert "@_ZN" not in text and "@numba_" not in text and "@Py" not in text


def test_what_is_left_out_of_a_text():
    text = (
        "; a remark\n"
        'target triple = "x"\n'
        "define internal range(i32 0, 2) i32 @_ZN3ours5loops5_bitsB2v7B56c(ptr noalias noundef captures(none) %x) #3 {\n"
        "  %a = icmp samesign ult i32 %b, 2, !prof !4\n"
        "  %c = getelementptr inbounds nuw i8, ptr %x, i64 1\n"
        "  br label %d ; preds = %e\n"
        "!4 = distinct !{!4}\n"
    )
    assert text_loops._plain(text) == (
        "define internal i32 @_bits.loop(ptr %x) {\n"
        "  %a = icmp ult i32 %b, 2\n"
        "  %c = getelementptr i8, ptr %x, i64 1\n"
        "  br label %d\n"
    )
