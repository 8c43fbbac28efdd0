"""CSV at its edges: delimiters, blocks, widths, and which row and column a message names. Most rows are in test_readers.py."""

import re

import numpy as np
import pytest

pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.xgboost.data import csv_text
from wildsage.algorithms.xgboost.data.csv_text import delimiter_of, parse_request

EXPECTED = "expected a number that float32 can hold, of at most 3.4e38."


@pytest.mark.parametrize(
    ("line", "delimiter"),
    [
        ("1", ","), ("abc", ","), ("1e5", ","), ("1.5", ","), ("1 2", " "), ("1 2,3", ","), ("a,b;c", ","),
        ("1;" * 255 + "1\n", ";"),
        ("1;" * 256 + "1," * 1000, ";"),
    ],
)  # fmt: skip
def test_the_delimiter_is_guessed_from_the_first_512_characters(line, delimiter):
    assert delimiter_of(line) == delimiter


def test_an_empty_line_has_no_delimiter():
    with pytest.raises(UserError, match=r"^Could not determine delimiter on line :\nCould not determine delimiter$"):
        delimiter_of("")


@pytest.mark.parametrize(
    ("guess", "delimiter"),
    [("a", ";"), ("5", ";"), (".", ";"), ("-", ";"), ("+", ";"), ("|", "|"), (" ", " ")],
)
def test_what_is_part_of_numbers_is_not_a_delimiter(monkeypatch, guess, delimiter):
    monkeypatch.setattr(csv_text.csv.Sniffer, "sniff", lambda *_: type("Dialect", (), {"delimiter": guess}))
    assert delimiter_of("1;2|3\t4") == delimiter
    assert delimiter_of("12") == (delimiter if guess in "| " else ",")


def read(content: bytes, width: int | None = None, weights: bool = False, size: int = 1 << 20):
    """All rows of a text that comes in pieces."""
    pieces = (content[start : start + size] for start in range(0, len(content), size))
    return list(csv_text.read(pieces, ",", width, weights))


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize("content", [b"\r\n\n1,2,3\n4,5,6\n", b"1,2,3\r\n4,5,6", b"1,2,3\n\n4,5,6\n\n"])
def test_the_first_row_says_how_wide_all_are(content):
    (table,) = read(content)
    assert (table.labels.tolist(), table.features.tolist(), table.weights) == ([1, 4], [[2, 3], [5, 6]], None)
    (weighted,) = read(content, weights=True)
    assert (weighted.weights.tolist(), weighted.features.tolist()) == ([2, 5], [[3], [6]])


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n\n"])
def test_a_text_without_rows_has_the_width_that_is_given(content):
    (table,) = read(content, 3)
    assert (len(table), table.width, len(table.labels)) == (0, 2, 0)


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize(
    ("text", "row", "problem"),
    [
        (b"1,2\n3,1e39\n", 2, f"column 2: got '1e39', {EXPECTED}"),
        (b"1,2\n\n-inf,4\n", 2, f"column 1: got '-inf', {EXPECTED}"),
        (b'1,2\r\n\r\n"3",2\r\n4, 1e99 \r\n', 3, f"column 2: got '1e99', {EXPECTED}"),
        (b"1," + b"9" * 60 + b"\n", 1, f"column 2: got '{'9' * 50}', {EXPECTED}"),
    ],
)
def test_a_number_that_float32_cannot_hold_is_named_as_it_is_written(text, row, problem):
    with pytest.raises(BadRecord) as raised:
        read(text, 2)
    assert (raised.value.row, raised.value.problem) == (row, problem)


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (b"y,a\n1,2\n", " Is it a header row? CSV channels have none."),
        (b",y\n0,1\n", " Is it DataFrame.to_csv() with its index and header? Write to_csv(index=False, header=False)."),
        (b"1,2\ny,a\n", ""),
        (b"1,2,3\n", ""),
    ],
)
def test_words_in_the_first_row_are_likely_a_header(text, advice):
    with pytest.raises(BadRecord) as raised:
        read(text, 2)
    assert re.sub(r"^[^.]*\.", "", raised.value.problem) == advice


@pytest.mark.parametrize(("size", "blocks"), [((1 << 20) - 4, 1), (1 << 20, 1), ((1 << 20) + 4, 2)])
def test_a_stream_is_read_in_blocks_of_a_mebibyte(size, blocks):
    tables = read(b"1,2\n" * (size // 4), size=1 << 18)
    assert len(tables) == blocks and sum(len(table) for table in tables) == size // 4


@pytest.mark.usefixtures("both_readers")
def test_a_later_block_has_no_header(monkeypatch):
    monkeypatch.setattr(csv_text, "BLOCK_BYTES", 4)
    with pytest.raises(BadRecord) as raised:
        read(b"1,2\n3,4\ny,a\n", 2, size=4)
    assert raised.value.row == 3 and "header" not in raised.value.problem


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (b"1,2", [[1, 2]]),
        (b"\n1;2\n", [[1, 2]]),
        (b"7", [[7]]),
        (b"1,", [[1, np.nan]]),
        (b"1,nan", [[1, np.nan]]),
        (b"1 2\n3 4", [[1, 2], [3, 4]]),
        (b"1,2\n3,", [[1, 2], [3, np.nan]]),
        (b"3.4028235e38,-3.4028235e38", [[3.4028235e38, -3.4028235e38]]),
        (b"1;" * 255 + b"1", [[1] * 256]),
        (b"1;2|3", None),
        (b"1,2\n3", None),
        (b"1,2\n3,4,5", None),
        (b"1,3.4028236e38", None),
        (b"1,-3.4028236e38", None),
        (b"1e999,2", None),
    ],
)
def test_rows_of_a_request(body, rows):
    if rows is None:
        with pytest.raises((BadRecord, ValueError)):
            parse_request(body)
        return
    found = parse_request(body)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array(rows, np.float32))


def test_the_number_of_a_request_that_is_too_large_is_named():
    with pytest.raises(BadRecord) as raised:
        parse_request(b"1,2, 1e39 ,1e40")
    assert (raised.value.row, raised.value.problem) == (1, f"column 3: got '1e39', {EXPECTED}")


@pytest.mark.parametrize(
    ("text", "size", "blocks"),
    [
        (b"", 1, []),
        (b"1\n2\n3", 1, [b"1\n", b"2\n", b"3"]),
        (b"1\n2\n3", 2, [b"1\n2\n", b"3"]),
        (b"11\n2\n3", 2, [b"11\n", b"2\n3"]),
        (b"1\n2\n3", 5, [b"1\n2\n3"]),
        (b"123\n4", 1, [b"123\n", b"4"]),
    ],
)
def test_a_text_is_cut_after_lines_of_so_many_bytes_and_the_rest_of_a_line(text, size, blocks):
    assert [bytes(block) for block in csv_text._cut(text, size)] == blocks


@pytest.mark.usefixtures("both_readers")
@pytest.mark.parametrize("cores", [1, 3])
def test_rows_of_a_large_request_keep_their_order_over_the_cores(monkeypatch, cores):
    monkeypatch.setattr(csv_text, "REQUEST_BLOCK_BYTES", 20)
    monkeypatch.setattr(csv_text, "CACHED_BYTES", 100)
    monkeypatch.setattr(csv_text.os, "sched_getaffinity", lambda _: range(cores))
    sizes: list[int] = []
    rows = csv_text._rows
    monkeypatch.setattr(csv_text, "_rows", lambda block, *more: (sizes.append(len(block)), rows(block, *more))[1])
    content = "".join(f"{row},{-row}\n" for row in range(100)).encode()
    np.testing.assert_array_equal(parse_request(content)[:, 1], -np.arange(100))
    assert len(sizes) == -(-len(content) // (cores * 100)) * cores and max(sizes) <= 100 + len("99,-99\n")
    with pytest.raises(BadRecord, match="row 101") as raised:
        parse_request(content + b"x,1\n")
    assert raised.value.row == 101


def test_the_delimiter_of_a_request_is_that_of_its_first_512_characters():
    with pytest.raises(BadRecord, match="invalid value ','"):
        parse_request(b"1;" * 256 + b",")
    with pytest.raises(BadRecord, match="invalid value '1;1;"):
        parse_request(b"1;" * 255 + b"1,")
