"""Blocks of records in any mixture of layouts come back in order; answers are written column by column."""

from __future__ import annotations

import numpy as np
import pytest

from tests.containers.codecs.records.test_bulk_reader import FLOAT64, INT32, row
from wildsage.algorithms.base.errors import BadRecord
from wildsage.containers.codecs.records import message, record_rows
from wildsage.containers.codecs.records.recordio import frame, payloads


def values(rows) -> list[list[float]]:
    stops = np.cumsum(rows.counts_n)
    return [rows.values_z[stop - count : stop].tolist() for stop, count in zip(stops, rows.counts_n, strict=True)]


def mixture(count: int) -> list[bytes]:
    """Rows 0, 1, … in more layouts than are tried on a block, and some that only the reader of single messages reads."""
    writers = [
        lambda n: row([n]),
        lambda n: row([n], FLOAT64),
        lambda n: row([n], INT32),
        lambda n: row([n], shape=1),
        lambda n: row([n], FLOAT64, shape=1),
        lambda n: row([n], INT32, shape=1),
        lambda n: row([n], keys=[0], shape=1),
        lambda n: row([n], FLOAT64, keys=[0], shape=1),
        lambda n: row([n], INT32, keys=[0], shape=1),
        lambda n: row([n]) + b"\x70\x01",
        lambda n: b"\x70\x01" + row([n]),
    ]
    return [writers[n * n % len(writers)](n) for n in range(count)]


@pytest.mark.parametrize("count", [1, 2, 4, 5, 6, 60])
def test_rows_of_any_layouts_come_in_their_order(count):
    (*blocks,) = record_rows.decode([b"".join(map(frame, mixture(count)))])
    assert [value for rows in blocks for value in values(rows)] == [[n] for n in range(count)]


@pytest.mark.parametrize("place", [0, 1, 3, 4, 5, 58, 59])
def test_a_wrong_row_is_named_wherever_it_stands(place):
    messages = mixture(60)
    messages[place] = row([])
    with pytest.raises(BadRecord, match=f"^row {place + 1}: the features have no values"):
        list(record_rows.decode([b"".join(map(frame, messages))]))


def test_the_first_of_two_wrong_rows_is_named():
    messages = mixture(60)
    messages[40], messages[23] = row([1, 2]), row([1, 2]) + b"\x70\x01"
    with pytest.raises(BadRecord, match=r"^row 24: 2 columns, expected 1 as in the rows before"):
        list(record_rows.decode([b"".join(map(frame, messages))]))


def test_rows_are_as_wide_as_the_first_of_all_blocks():
    messages = [row([0]), *[row([n, n]) for n in range(1, 9)]]
    with pytest.raises(BadRecord, match=r"^row 2: 2 columns, expected 1"):
        list(record_rows.decode([b"".join(map(frame, messages))]))


def test_an_answer_has_its_columns_in_order_as_float32():
    columns = {"closest": np.array([1, 2]), "projection": np.array([[0.5, 0.25], [3, 4]], np.float64)}
    found = [message.tensors(memoryview(payload)) for payload in payloads([record_rows.encode(columns)])]
    assert [features for features, _ in found] == [{}, {}]
    assert [[label[name].values.tolist() for name in label] for _, label in found] == [
        [[1], [0.5, 0.25]],
        [[2], [3, 4]],
    ]
    assert [list(label) for _, label in found] == [["closest", "projection"]] * 2
    assert found[0][1]["closest"].values.dtype == np.float32


def test_a_first_record_that_fills_its_block_is_followed_by_others():
    columns = 300_000  # more than a megabyte
    messages = [row([number] * columns) for number in range(3)]
    blocks = list(record_rows.decode([b"".join(map(frame, messages))]))
    assert [rows[0] for block in blocks for rows in values(block)] == [0, 1, 2]
    with pytest.raises(BadRecord, match=r"^row 2: 1 columns, expected 300000"):
        list(record_rows.decode([frame(messages[0]) + frame(row([1]))]))


def test_an_answer_of_no_rows_is_empty():
    assert record_rows.encode({"score": np.empty(0), "all": np.empty((0, 3))}) == b""
