"""The loops against Arrow and against exact arithmetic: the same bits, or they give up.

They are tried as machine code, and as Python runs their source.
"""

import importlib.util
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

xgboost = pytest.importorskip("xgboost")
pytest.importorskip("numba")

from wildsage.algorithms.base import compiled  # noqa: E402
from wildsage.algorithms.base.errors import BadRecord  # noqa: E402
from wildsage.algorithms.xgboost.data import csv_text, late_loops, libsvm  # noqa: E402
from wildsage.algorithms.xgboost.data.late_loops import LateLoops, LibsvmRows  # noqa: E402
from wildsage.algorithms.xgboost.data.table import Table  # noqa: E402

DIGITS = st.text("0123456789", max_size=25)
DECIMALS = st.builds(
    lambda sign, whole, point, rest, power: sign + whole + (point and point + rest) + power,
    st.sampled_from(["", "", "-", "+"]),
    DIGITS,
    st.sampled_from([".", ""]),
    DIGITS,
    st.one_of(st.just(""), st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 70))),
)  # fmt: skip
SINGLES = st.floats(width=32, allow_nan=False, allow_infinity=False)
NORMAL = SINGLES.filter(lambda single: single == 0 or abs(single) > 1.2e-38)
CSV_PIECES = st.sampled_from(
    [*'0123456789.-+eE,,,\n\n\r\t ;"#x\0', "\r\n", "nan", "NA", "inf", "1.5", "-2e3", "7,8\n", "é"]
)
LIBSVM_PIECES = st.sampled_from(
    [*"0123456789.-+:: \n\n\r\t\v#qx\0", " 1:2", " 3:-.5", "qid:4", "nan", "1 ", "\n0 ", "2147483648"]
)


class Interpreted:
    """The source of the loops, not compiled, with the arguments of the machine code. No place outside of an array can be written."""

    def __init__(self) -> None:
        path = Path(late_loops.__file__).with_name("loops.py")
        spec = importlib.util.spec_from_file_location("interpreted_loops", path)
        self._source = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self._source)

    def csv(self, text, size, delimiter, first_kn, rest_nd, leading, most, width) -> int:
        first, rest = at(first_kn, np.float32, leading * most), at(rest_nd, np.float32, most * (width - leading))
        with np.errstate(over="ignore"):
            return self._source.csv(at(text, np.uint8, size), size, delimiter, first, rest, leading, most, width)

    def libsvm(self, text, size, labels_n, weights_n, groups_n, starts_n, columns_z, values_z, found_3) -> int:
        read = at(text, np.uint8, size)
        rows, values = (int((read == ord(byte)).sum()) for byte in "\n:")
        kinds = [np.float32, np.float32, np.int64, np.int64, np.int32, np.float32, np.int64]
        addresses = [labels_n, weights_n, groups_n, starts_n, columns_z, values_z, found_3]
        sizes = [rows, rows, rows, rows + 1, values, values, 3]
        with np.errstate(over="ignore"):
            return self._source.libsvm(read, size, *map(at, addresses, kinds, sizes))


def at(address: int, kind: type, count: int) -> np.ndarray:
    """The numbers in memory from an address on."""
    found = (np.ctypeslib.as_ctypes_type(kind) * count).from_address(address)
    return np.frombuffer(found, kind) if count else np.empty(0, kind)


@pytest.fixture(scope="module", params=["machine code", "source"])
def loops(request, loaded_loops) -> Iterator[LateLoops]:
    """Loops that are loaded, and those that stand in the source."""
    if request.param == "machine code":
        yield loaded_loops
        return
    found = LateLoops()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "exact", lambda function: function)
        found._loops = Interpreted()
    yield found


def bits(values) -> list[int]:
    return np.ascontiguousarray(values, np.float32).view(np.uint32).ravel().tolist()


def read(loops: LateLoops, words: list[str], leading: int = 0) -> list[float] | None:
    """One row of words."""
    found = loops.csv(",".join(words).encode() + b"\n", ",", len(words), leading, 0)
    return None if found is None else [*found[0].ravel().tolist(), *found[1].ravel().tolist()]


def nearest(number: Fraction) -> float:
    """The float32 nearest to a number, of two equally near ones the even one, by exact arithmetic."""
    near = np.float32(float(number))
    around = [np.nextafter(near, np.float32(-np.inf)), near, np.nextafter(near, np.float32(np.inf))]
    return float(min(around, key=lambda single: (abs(Fraction(float(single)) - number), bits(single)[0] % 2)))


@given(DECIMALS.filter(lambda word: any(c.isdigit() for c in word.lower().partition("e")[0])))
@example("16777217")
@example("16777217.0")
@example("16777217.0000000001")
@example("0.000000000000000000000000000000000000012345678901234567890")
def test_a_decimal_is_the_nearest_float32(loops, word):
    found = read(loops, [word])
    if found is not None:
        assert found == [nearest(Fraction(word))]


@given(SINGLES, st.integers(-3, 3), st.integers(0, 25))
def test_decimals_beside_the_middle_of_two_float32_are_not_rounded_wrongly(loops, single, step, digits):
    middle = (Fraction(single) + Fraction(float(np.nextafter(np.float32(single), np.float32(0))))) / 2
    scaled = round(middle * 10**digits) + step
    word = f"{scaled}e-{digits}"
    found = read(loops, [word])
    if found is not None:
        assert found == [nearest(Fraction(word))]


@given(st.lists(NORMAL.map(lambda single: str(np.float32(single))), min_size=1))
def test_shortest_spellings_are_read(loops, words):
    assert bits(read(loops, words)) == bits([float(word) for word in words])


@pytest.mark.parametrize("spelled", ["{!r}", "{:.3g}", "{:.4f}", "{:.25f}", "{:.18e}"])
def test_ordinary_numbers_are_read(loops, spelled):
    values = [*np.random.default_rng(0).normal(size=2000).tolist(), 0.0, 1e9, 123456.789]
    words = [spelled.format(value) for value in values]
    assert bits(read(loops, words)) == bits(csv_text._columns(",".join(words).encode(), ",", len(words)))


@pytest.mark.parametrize(
    "word",
    ["-0", "+0", "00", "-0.0", "0e99", "007", ".5", "-.5e1", "5.", "1.e3", "1E+05", "1e-30", "1e38", "3.4028235e38", "16777217",
     "33554434.5", "9007199254740993", "1" * 39, "0." + "0" * 20 + "1" * 20, " 1", "1 ", "\t2\t", ""],
)  # fmt: skip
def test_a_spelling_is_read_as_arrow_reads_it(loops, word):
    by_arrow = csv_text._columns(f"{word},1\n".encode(), ",", 2)
    assert bits(read(loops, [word, "1"])) == bits(by_arrow)


@pytest.mark.parametrize(
    "word",
    ["1e", "1e+", ".", "-", "+", "-+1", "--1", "0x1", "1_0", "1d2", "inf", "nan", "1e39", "3.4028236e38", "1e-46", "1e999", "1 2", "  ", '"1"', "\u0661", "1\r"],
)  # fmt: skip
def test_what_is_not_an_ordinary_number_is_left_to_arrow(loops, word):
    assert read(loops, [word, "1"]) is None


def test_rows_without_columns_are_left_to_arrow(loops):
    assert loops.csv(b"\n", ",", 0, 0, 0) is None


@given(st.lists(CSV_PIECES, max_size=40).map("".join), st.sampled_from(",;\t "), st.integers(1, 3), st.integers(0, 1))
@example("1,2\r\n\r\n3,\n,\n", ",", 2, 1)
@example("1\n\n2", ",", 1, 1)
@example("1,2\n3,4\r", ",", 2, 0)
def test_csv_is_what_arrow_reads_or_is_left_to_it(loops, text, delimiter, width, leading):
    block = text.encode()
    found = loops.csv(block, delimiter, width, leading, 0)
    if found is not None:
        columns = csv_text._columns(block, delimiter, width)
        assert bits(found[0]) == bits(columns[:leading])
        assert bits(found[1].T) == bits(columns[leading:])


@given(st.lists(LIBSVM_PIECES, max_size=40).map("".join))
@example("1:0.5 qid:3 0:1.5 2:-2e1 \n\n 0:2\tqid:3  1:4 \r\n2:1 qid:4\n")
@example("-1 1:2\n+1 2147483647:1")
def test_libsvm_is_what_arrow_reads_or_is_left_to_it(loops, text):
    block = text.encode()
    found = loops.libsvm(block, 0)
    if found is not None:
        assert_alike(found, libsvm._parsed_by_arrow(block))


def assert_alike(one: LibsvmRows, other: Table) -> None:
    features = other.sparse
    assert (len(one.labels), one.width) == features.shape
    np.testing.assert_array_equal(one.starts, features.indptr)
    np.testing.assert_array_equal(one.columns_z, features.indices)
    assert bits(one.values_z) == bits(features.data) and bits(one.labels) == bits(other.labels)
    assert (one.weights is None, one.groups is None) == (other.weights is None, other.groups is None)
    assert one.weights is None or bits(one.weights) == bits(other.weights)
    assert one.groups is None or one.groups.tolist() == other.groups.tolist()


@pytest.mark.parametrize(
    "text", ["1 0:1\n0 1:2\n", "+1 3:1e-3\n-1 7:.5 9:12345678901234567890\n", "1:2 qid:7 0:1 \r\n\n0:3 qid:8\n", "1\n2", "", "\n", "\v1\t0:1\f\v2:3 \f\n"]
)  # fmt: skip
def test_ordinary_libsvm_is_read(loops, text):
    found = loops.libsvm(text.encode(), 0)
    assert found is not None
    assert_alike(found, libsvm._parsed_by_arrow(text.encode()))


@pytest.mark.parametrize(
    "text",
    ["1 0:1 # why", "nan 0:1", "1 0:nan", "1 0:", "1 :2", "1 0: 2", "1 0:1:2", "1 x:2", "1 -1:2", "1 2147483648:1", "1 00000000001:1", "1qid:3",
     "1 qid:", "1 qid:x", "1 qid:-3", "1 0:1 qid:3", "1 qid:3qid:3", "1:2\n1", "1 qid:3\n1", "x", "1 0:1\0", "1 q"],
)  # fmt: skip
def test_other_libsvm_is_left_to_arrow(loops, text):
    assert loops.libsvm(text.encode(), 0) is None


@given(st.lists(st.lists(st.sampled_from(["", "1", "-2.5"]), min_size=1, max_size=4), min_size=1, max_size=9))
def test_rows_of_few_bytes_have_room(loops, rows):
    rows = [row for row in rows if len(row) == len(rows[0])]
    text = "".join(",".join(row) + "\n" for row in rows if any(row) or len(row) > 1)
    found = loops.csv(text.encode(), ",", len(rows[0]), 0, 0)
    assert bits(found[1]) == bits([float(word or "nan") for line in text.splitlines() for word in line.split(",")])


def test_a_block_that_is_left_to_arrow_stands_in_its_place(loops, monkeypatch):
    monkeypatch.setattr(csv_text, "LATE_LOOPS", loops)
    monkeypatch.setattr(csv_text, "BLOCK_BYTES", 4)
    lines = [f"{number},{'nan' if number % 3 == 0 else number}\n" for number in range(100)]
    tables = list(csv_text.read([line.encode() for line in lines], ",", 2, weights=False))
    assert len(tables) == 100
    np.testing.assert_array_equal(np.concatenate([table.labels for table in tables]), np.arange(100))
    with pytest.raises(BadRecord, match=r"invalid value 'x'") as raised:
        list(csv_text.read([line.encode() for line in [*lines, "1,x\n"]], ",", 2, weights=False))
    assert raised.value.row == 101


def test_weights_are_the_second_column(loops, monkeypatch):
    monkeypatch.setattr(csv_text, "LATE_LOOPS", loops)
    (table,) = csv_text.read([b"1,0.5,3\n0,2,4\n"], ",", 3, weights=True)
    assert (table.labels.tolist(), table.weights.tolist(), table.features.tolist()) == ([1, 0], [0.5, 2], [[3], [4]])
