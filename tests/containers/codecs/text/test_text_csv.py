"""Rows of CSV, and the numbers that its fields may hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.base.float32 import BEYOND
from wildsage.algorithms.base.spec import Response
from wildsage.containers.codecs.pieces import PIECE_BYTES
from wildsage.containers.codecs.text import text_csv

FITTING = st.floats(-3.4028235e38, 3.4028235e38) | st.sampled_from([math.nan, math.inf, -math.inf])


def decode(text: str | bytes, label_size: int = 0, size: int = 10_000) -> tuple[np.ndarray, np.ndarray | None]:
    content = text.encode() if isinstance(text, str) else text
    batches = list(
        text_csv.decode((content[i : i + size] for i in range(0, len(content), size)), label_size=label_size)
    )
    labels = [batch.labels_nl for batch in batches]
    features = torch.cat([batch.features for batch in batches]).numpy()
    return features, None if labels[0] is None else torch.cat(labels).numpy()


def test_labels_come_first():
    features, labels = decode("1,2,3\n4,5,6\n", label_size=1)
    assert features.tolist() == [[2, 3], [5, 6]]
    assert labels.tolist() == [[1], [4]]
    assert features.dtype == np.float32
    assert decode("1,2,3\n", label_size=2)[1].tolist() == [[1, 2]]
    assert decode("1,2,3\n")[1] is None


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n3,4\n",
        "1,2\n3,4",
        "1,2\r\n3,4\r\n",
        "\ufeff1,2\n3,4\n",
        "\n1,2\n\n  \n3,4\n\n",
        '"1","2"\n3,"4"\n',
        " 1 ,2.0\n+3,0.4e1\n",
        "1.,02\n3,4\n",
        "1\r,2\n3,4\n",
        "0001,2\n3,4\n",
    ],
)
def test_ways_to_write_the_same_rows(text):
    assert decode(text)[0].tolist() == [[1, 2], [3, 4]]


def test_words_for_numbers_that_are_none():
    features, _ = decode("nan,inf\n-Infinity,NaN\n")
    assert np.array_equal(features, [[math.nan, math.inf], [-math.inf, math.nan]], equal_nan=True)


@pytest.mark.parametrize("number", ["1e39", "-1e39", "1e400", "3.4028236e38", "9" * 40])
def test_a_number_beyond_float32_is_shown_as_it_is_written(number):
    for label_size in (0, 1):
        with pytest.raises(BadRecord) as caught:
            decode(f"1,2\n3,4\n{number},5\n", label_size)
        assert str(caught.value).startswith(f"row 3: column 1: got '{number}', expected a number that float32 can hold")


@given(
    st.lists(st.tuples(FITTING, st.floats(width=32), st.integers(-(2**127), 2**127)), min_size=1),
    st.sampled_from([1, 7, 10_000]),
)
def test_numbers_are_read_as_python_reads_them(rows, size):
    text = "".join(",".join(map(repr, row)) + "\n" for row in rows)
    expected = np.array(rows, np.float64).astype(np.float32)
    assert np.array_equal(decode(text, size=size)[0], expected, equal_nan=True)


@given(st.lists(st.tuples(st.integers(0, 10**17), st.integers(0, 255)), min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_whole_numbers_are_read_as_python_reads_them(rows, line_end):
    text = "".join(",".join(map(str, row)) + line_end for row in rows)
    assert np.array_equal(decode(text)[0], np.array(rows, np.float64).astype(np.float32))


@pytest.mark.parametrize("size", [4_096, 10_000_000])
def test_how_the_bytes_arrive_does_not_matter(size):
    table = np.random.default_rng(0).standard_normal((60_000, 4))
    text = "\n".join(",".join(map(repr, row)) for row in table.tolist())
    features, labels = decode(text, label_size=1, size=size)
    assert np.array_equal(np.hstack([labels, features]), table.astype(np.float32))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "State,Income\n1,2\n",
            "row 1: column 1: got 'State', expected a number; is this a header row? CSV channels have none",
        ),
        ("1,2\n1,x\n", "row 2: column 2: got 'x', expected a number."),
        ("1,2\n\n1,2,3\n", "row 2: 3 columns, expected 2 as in the rows before"),
        ("1,2\n3\n", "row 2: 1 columns, expected 2"),
        ("1,2\n1,\n", "row 2: column 2: empty, expected a number"),
        ("1,2,\n", "row 1: column 3: empty"),
        ("1 2\n", "row 1: column 1: got '1 2', expected a number; columns are separated by spaces here"),
        ("1|2\n", "columns are separated by vertical bars here, expected commas"),
        ("1,5;2,5\n", "row 1: column 2: got '5;2', expected a number; columns are separated by semicolons here"),
        (
            ",a,b\n0,1,2\n",
            "row 1: column 1: empty, expected a number; is this DataFrame.to_csv() with its index and header?",
        ),
        (",1,2\n", "row 1: column 1: empty, expected a number"),
        ("1\r2,2\n", "row 1: column 1: got '1\\r2'"),
        ("1,2\n,3\n", "row 2: column 1: empty"),
        ("1_0,2\n", "row 1: column 1: got '1_0'"),
        ("true,null\n", "row 1: column 1: got 'true'"),
        ("0x10\n", "got '0x10'"),
        ("\u0661\n", "got '\u0661'"),
        ('"1,2\n', "row 1: quotes do not match up"),
        (f"{'x' * 41}\n", f"row 1: column 1: got '{'x' * 40}', expected a number; is this a header row?"),
        ("State Name,Income\n", "row 1: column 1: got 'State Name', expected a number; is this a header row?"),
        ("1,2\nState,1\n", "row 2: column 1: got 'State', expected a number."),
        ("1_0,2_0\n", "row 1: column 1: got '1_0', expected a number; is this a header row?"),
        ("1,x 2\n1,2\n", "row 1: column 2: got 'x 2', expected a number; is this a header row?"),
        (",\n", "row 1: column 1: empty, expected a number."),
        ("1,2\n1,,2\n", "row 2: column 2: empty, expected a number."),
        ("1\t2\n", "columns are separated by tabs here, expected commas"),
        ('1,2\n"3"4,5\n', "row 2: quotes do not match up"),
        (f"{BEYOND!r},2\n", "row 1: column 1: got '3.4028235677973366e+38', expected a number that float32 can hold"),
        (b"1,2\n1,\xff2\n", "row 2: byte 0xff at position 3 is not UTF-8; name another encoding"),
    ],
)
def test_wrong_text_is_named_by_row_and_column(text, message):
    with pytest.raises(BadRecord) as caught:
        decode(text)
    assert message in str(caught.value)


def test_a_wrong_row_far_into_the_stream_keeps_its_number():
    text = "1,2\n" * 600_000
    with pytest.raises(BadRecord, match="row 600001: 1 columns, expected 2"):
        decode(text + "1\n")
    with pytest.raises(BadRecord, match="row 600001: 3 columns, expected 2"):
        decode(text + "1,2,3\n" * 600_000, size=1_000_000)


def test_rows_are_as_long_as_those_of_an_earlier_block():
    text = "1,2\n" * (PIECE_BYTES // 4)  # a block ends where the rows become longer
    for longer in ("1,2,3\n", "1,nan,3\n"):
        with pytest.raises(BadRecord, match=f"row {PIECE_BYTES // 4 + 1}: 3 columns, expected 2"):
            decode(text + longer, size=1 << 30)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (b"0,255\n7,13\n", [[0, 255], [7, 13]]),
        (b"999999999999999,1\n", [[999999999999999, 1]]),
        (b"1\n2\n3", [[1], [2], [3]]),
        (b"\n1,2\r\n3,4\r\n", [[1, 2], [3, 4]]),
        (b"1.5,-2e3\n3,4", [[1.5, -2000], [3, 4]]),
        (b"1.5,-2e3", [[1.5, -2000]]),
        (b"1234567890123456,1\n", None),
        (b"1,,2\n", None),
        (b"1,2\n\n3,4\n", None),
        (b"1,2\n3\n", None),
        (b"1.5,x\n", None),
        (b"1.5,\n", None),
        (b"1\r,2\n", None),
        (b"+1.5", None),
        (b" ", None),
    ],
)
def test_plain_numbers_are_read_at_once_and_nothing_else_is(text, rows):
    table_nc = text_csv._plain_numbers(text)
    assert (None if table_nc is None else table_nc.tolist()) == rows


def test_a_block_of_blank_lines_is_passed_over():
    blank = (" " * 1023 + "\n") * (3 * PIECE_BYTES // 1024)
    assert decode(f"1,2\n{blank}3,4\n", size=1 << 20)[0].tolist() == [[1, 2], [3, 4]]
    with pytest.raises(BadRecord, match="row 3: column 1: got 'x'"):
        decode(f"1,2\n{blank}3,4\nx,5\n", size=1 << 20)


def test_infinity_is_left_to_the_checks_of_rows_beside_a_number_that_is_not():
    with pytest.raises(BadRecord, match="row 2: column 2: got '1e39', expected a number that float32 can hold"):
        decode("inf,nan\n-inf,1e39\n")


@pytest.mark.parametrize(("text", "width"), [("1,2\n", "2 columns"), ("1\n", "1 column")])
def test_what_label_size_leaves_is_said_with_the_number_of_columns(text, width):
    with pytest.raises(BadRecord, match=f"row 1: {width}, of which label_size=2 leaves no features"):
        decode(text, label_size=2)
    assert decode("1,2,3\n", label_size=2)[0].tolist() == [[3]]


def test_labels_must_leave_features():
    with pytest.raises(BadRecord, match="row 1: 1 column, of which label_size=1 leaves no features"):
        decode("1\n2\n", label_size=1)


def test_nothing_gives_nothing():
    assert list(text_csv.decode([b"", b"\n\n"], label_size=0)) == []


def test_encode_prints_float32_widened_in_declared_order():
    columns = {"closest": torch.tensor([1.0, 4.0]), "distance": torch.tensor([3.0, 0.1])}
    response = Response("predictions", ("closest", "distance"))
    assert text_csv.encode(columns, response) == b"1.0,3.0\n4.0,0.10000000149011612\n"


def test_encode_puts_many_values_side_by_side():
    columns = {"projection": torch.tensor([[1.0, 2.5]]), "rank": torch.tensor([7])}
    assert text_csv.encode(columns, Response("projections", ("projection", "rank"))) == b"1.0,2.5,7\n"


@pytest.mark.parametrize("body", [b"\r\n", b"\n", b" \n", b" ", b"\r\n\r\n"])
def test_a_lone_blank_line_is_not_a_row(body):
    assert not list(text_csv.decode([body], label_size=0))


@pytest.mark.parametrize("body", [b"1.5,-2\r\n", b"\r\n1.5,-2", b"1.5,-2e0"])
def test_a_lone_row_of_decimals_is_one(body):
    (batch,) = text_csv.decode([body], label_size=0)
    assert batch.features.tolist() == [[1.5, -2.0]]
