"""Lists of images and their labels."""

from __future__ import annotations

import pytest

from wildsage.algorithms.base.errors import BadRecord
from wildsage.containers.codecs.images import image_list
from wildsage.containers.codecs.images.image_list import Entry


def test_lists_are_read_as_im2rec_and_the_documentation_write_them():
    text = b"5\t1\tyour_image_directory/train_img_dog1.jpg\n\n1000\t0.000000\ta b.jpg\r\n22\t1\t0\t1\tc.png\n"
    assert image_list.decode(text) == [
        Entry((1.0,), "your_image_directory/train_img_dog1.jpg"),
        Entry((0.0,), "a b.jpg"),
        Entry((1.0, 0.0, 1.0), "c.png"),
    ]


@pytest.mark.parametrize("line", [b"5 1 a.jpg", b"a.jpg", b"5\ta.jpg", b"5\tdog\ta.jpg", b"5\t1\t", b"\xff\xfe"])
def test_a_line_that_is_none_is_named(line):
    with pytest.raises(BadRecord) as caught:
        image_list.decode(b"0\t0\tok.jpg\n" + line)
    assert caught.value.row == 2


@pytest.mark.parametrize(
    ("content", "row", "problem"),
    [
        (b"0\t1\ta.jpg\n\n" + b"x" * 61 + b"\n", 3, f"got {'x' * 60!r}, expected index, label and path with tabs"),
        (b"\xff", 1, "the line is not UTF-8."),
        (b"0\t1\ta.jpg\n\n\xff", 3, "the line is not UTF-8."),
        (b"PAR1", 1, "the data is Parquet"),
    ],
)
def test_a_wrong_line_is_shown_with_its_number(content, row, problem):
    with pytest.raises(BadRecord) as caught:
        image_list.decode(content)
    assert caught.value.row == row and caught.value.problem.startswith(problem)


def test_a_list_is_written_as_im2rec_writes_it_and_read_back():
    entries = [Entry((1.0,), "a b.jpg"), Entry((0.5, 2.0), "folder/c.png")]
    assert image_list.encode(entries) == b"0\t1.000000\ta b.jpg\n1\t0.500000\t2.000000\tfolder/c.png\n"
    assert image_list.decode(b"\xef\xbb\xbf" + image_list.encode(entries)) == entries
    assert image_list.decode(b"") == [] and image_list.encode([]) == b""
