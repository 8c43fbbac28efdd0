"""Files of other formats are recognised by their first bytes; tests/containers/codecs/test_other_formats.py has real files."""

from __future__ import annotations

import pytest

from wildsage.algorithms.base.errors import BadRecord
from wildsage.algorithms.base.other_formats import (
    FORMATS,
    LONGEST,
    PNG,
    RECORDIO,
    described,
    problem_of,
    recognised,
    reject,
)

GZIP = FORMATS[0]
RECORDS = next(known for known in FORMATS if known.name == RECORDIO)
NDARRAY = next(known for known in FORMATS if known.name == "an MXNet NDArray file")


@pytest.mark.parametrize("known", FORMATS, ids=lambda known: known.magic.hex())
def test_a_file_is_recognised_once_all_of_its_magic_is_there(known):
    assert recognised(known.magic + b" and more") == known
    assert recognised(known.magic) == known
    assert recognised(known.magic[:-1]) is None
    assert recognised(b" " + known.magic) is None


def test_tags_may_be_in_capitals_and_other_magic_may_not():
    for tag in (b"<HTML>", b"<!DocType HTML>", b"<?XML version='1.0'?>"):
        assert recognised(tag) is not None
    assert recognised(b"par1") is recognised(b"pk\x03\x04") is None


def test_a_head_of_the_longest_magic_is_enough_for_every_format():
    assert LONGEST == 15
    assert all(recognised((known.magic + bytes(LONGEST))[:LONGEST]) == known for known in FORMATS)


def test_the_expected_format_is_not_another_one():
    png = b"\x89PNG\r\n\x1a\n"
    assert recognised(png, PNG) is None and problem_of(png, "a picture", PNG) is None
    assert problem_of(png, "text/csv", RECORDIO) == (
        "the data is PNG (it begins with 89 50 4e 47), expected text/csv. Write its content in that format first."
    )


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"", "empty"),
        (b"age,sex,income\n", "text (it begins with 'age,sex,')"),
        (b"a\tb\r\n ~", r"text (it begins with 'a\tb\r\n ~')"),
        (b"a\x1f", "of a format that is not known here (it begins with 61 1f)"),
        (b"\x7f", "of a format that is not known here (it begins with 7f)"),
        (b"abc\x00", "of a format that is not known here (it begins with 61 62 63 00)"),
        (b"\xe9t\xe9 123456", "of a format that is not known here (it begins with e9 74 e9 20 31 32 33 34)"),
        (b"abcdefgh\xff", "text (it begins with 'abcdefgh')"),
        (GZIP.magic + b"\x08\x00", "gzip (it begins with 1f 8b)"),
        (NDARRAY.magic + b"\x01", "an MXNet NDArray file (it begins with 12 01 00 00 00 00 00 00)"),
    ],
)
def test_what_a_file_is_in_words(head, words):
    assert described(head) == words


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("content", [b"", b"1", b"1,2\n" * 20, b"<html", b"PAR"])
def test_a_stream_of_the_right_format_passes_unchanged(content, size):
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    if recognised(content):
        with pytest.raises(BadRecord, match="row 1: the data is HTML"):
            list(reject(chunks, "text/csv"))
    else:
        assert b"".join(reject(chunks, "text/csv")) == content


def test_a_stream_is_read_only_as_far_as_its_head():
    taken = []

    def chunks():
        for number in range(10):
            taken.append(number)
            yield b"1,2,3,4,"

    rest = reject(chunks(), "text/csv")
    assert next(rest) == b"1,2,3,4," * 2 and len(taken) == 2  # 16 bytes: one less would not be enough
    assert b"".join(rest) == b"1,2,3,4," * 8


def test_a_stream_of_the_expected_format_passes():
    content = RECORDS.magic + b"\x01\x00\x00\x00"
    assert b"".join(reject([content], "records", RECORDS.name)) == content
    with pytest.raises(BadRecord, match=f"the data is {RECORDS.name} .*, expected text/csv"):
        list(reject([content], "text/csv"))
