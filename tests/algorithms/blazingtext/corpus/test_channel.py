"""Channels as lines of fastText's form, in every format."""

import gzip
import json

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.base.program import JobChannel
from wildsage.algorithms.blazingtext.corpus import channel as channels
from wildsage.algorithms.blazingtext.corpus.channel import TextChannel
from wildsage.containers.codecs.records import recordio
from wildsage.containers.programs import RecordCodec

JSON_LINES = "application/jsonlines"


@pytest.fixture(params=["File", "Pipe"])
def lines_of(request, tmp_path, monkeypatch):
    """`lines_of(content, content_type)`: what a channel with that content gives, from a file or from a pipe."""
    monkeypatch.setattr(channels, "CHUNK_BYTES", 1 << 20)

    def read(content: bytes, content_type: str | None = None, checked: bool = True) -> bytes:
        (tmp_path / "text").write_bytes(content)
        pieces = [content[i : i + 7] for i in range(0, len(content), 7)] if request.param == "Pipe" else []
        job_channel = JobChannel(content_type, request.param, "FullyReplicated", {}, tmp_path, lambda: iter(pieces))
        channel = TextChannel("train", job_channel, True, RecordCodec())
        return b"".join(channel.checked_blocks() if checked else channel.blocks())

    return read


@pytest.mark.parametrize("content_type", [None, "text/plain", "Text/Plain; charset=utf-8"])
def test_text_stays_as_it_is(lines_of, content_type):
    assert lines_of(b"__label__a one two\n\nthree", content_type) == b"__label__a one two\n\nthree\n"
    assert lines_of(b"") == b""
    assert lines_of(b"\xef\xbb\xbfone\n\xef\xbb\xbftwo\n") == b"one\n\xef\xbb\xbftwo\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"source": "one two", "label": 1}, b"__label__1 one two\n"),
        ({"label": "a b\tc", "source": "one\ntwo"}, b"__label__a_b_c one two\n"),
        ({"source": "one", "label": ["x", 2, "__label__y"]}, b"__label__x __label__2 __label__y one\n"),
        ({"source": "one"}, b"one\n"),
        ({"source": "one", "label": []}, b"one\n"),
        ({"source": "", "label": 0}, b"__label__0 \n"),
    ],
    ids=str,
)
def test_json_lines_become_labelled_lines(lines_of, line, expected):
    text = json.dumps(line).encode()
    assert lines_of(text + b"\n\n  \n" + text, JSON_LINES) == expected * 2


def test_records_of_an_augmented_manifest_are_texts_and_labels_in_turn(lines_of):
    parts = [b"one two", b"1", b"three\nfour", b'["a", "b c"]', b"five", b"not json", b"six", b'"sea"']
    content = b"".join(map(recordio.frame, parts))
    expected = b"__label__1 one two\n__label__a __label__b_c three four\n__label__not_json five\n__label__sea six\n"
    for content_type in (JSON_LINES, "text/plain"):
        assert lines_of(content, content_type) == expected
    assert lines_of(recordio.frame(b"x" * 60) + recordio.frame(b"1"), JSON_LINES) == b"__label__1 " + b"x" * 60 + b"\n"


PLACE = "Channel train, (text|the pipe), line"


@pytest.mark.parametrize(
    ("content", "content_type", "problem"),
    [
        (b'{"source": "a"}\n[1]\n', JSON_LINES, r" 2: got \[1\], expected"),
        (b'{"source": 1}\n', JSON_LINES, r' 1: got {"source": 1}, expected'),
        (b'\n{"source": "a", "label": null}\n', JSON_LINES, r" 2: label null, expected an integer, a text, or a list of them"),
        (b'{"source": "a", "label": [1, 1.5]}\n', JSON_LINES, r" 1: label \[1, 1\.5\], expected"),
        (b'{"source": "a", "label": true}\n', JSON_LINES, r" 1: label true, expected"),
        (b'{"source": "a", "label": ' + b"[" * 3000 + b"\n", JSON_LINES, " 1: not valid JSON, expected"),
        (b'{"key": "' + b"x" * 90 + b'"}\n', JSON_LINES, r' 1: got {"key": "x{51}, expected {"source"'),
        (b' \n{"label": 1, "source": "a"}\n', None, " 1: JSON in a channel of content type text/plain, expected content type app"),
        (b'{"source": "a"}\n', "text/plain", " 1: JSON in a channel of content type text/plain"),
        (b"\xfe\xffa", None, " 1: the text is UTF-16, expected UTF-8. Convert it: iconv -f UTF-16"),
        ("a b".encode("utf-16-le").join([b"\xff\xfe", b""]), None, " 1: the text is UTF-16"),
        (gzip.compress(b"a", mtime=0), JSON_LINES, " 1: the data is gzip"),
        (recordio.frame(b"a") + recordio.frame(b"1") + recordio.frame(b"b"), JSON_LINES, " 2: a source without a label"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(lines_of, content, content_type, problem):
    with pytest.raises(UserError, match=PLACE + problem):
        lines_of(content, content_type)


@pytest.mark.parametrize("content", [b'{"other": 1}\n', b'x {"source": 1}\n'])
def test_text_that_only_looks_like_json_is_text(lines_of, content):
    assert lines_of(content, "text/plain") == content


def test_a_byte_that_is_not_utf_8_is_named_by_its_line_of_all_blocks(lines_of, monkeypatch):
    monkeypatch.setattr(channels.blocks, "BLOCK_BYTES", 10)
    content = b"one\ntwo\nthree\nfour\ncaf\xe9\n"
    with pytest.raises(UserError, match="Channel train, line 5 of all its files: byte 0xe9 is not UTF-8"):
        lines_of(content)
    assert lines_of(content, checked=False) == content
    with pytest.raises(UserError, match="Channel train, line 2 of all its files: byte 0xe9 is not UTF-8"):
        lines_of(b"\ncaf\xe9\n")


def channel_of(folder, content_type: str | None = None, mode: str = "File") -> TextChannel:
    return TextChannel(
        "validation", JobChannel(content_type, mode, "", {}, folder, lambda: iter(())), True, RecordCodec()
    )


def test_files_are_read_by_name_without_hidden_ones(tmp_path):
    for name in ("b", "a/z", "a.txt", ".hidden", "a/.hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    assert [path.relative_to(tmp_path).as_posix() for path in channel_of(tmp_path).paths()] == ["a.txt", "a/z", "b"]
    assert b"".join(channel_of(tmp_path).blocks()) == b"a.txt\na/z\nb\n"
    assert channel_of(tmp_path, mode="Pipe").paths() == []


def test_large_files_are_read_in_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(channels, "CHUNK_BYTES", 5)
    (tmp_path / "text").write_bytes(b"one two three\nfour\n")
    assert b"".join(channel_of(tmp_path).blocks()) == b"one two three\nfour\n"


def test_another_content_type_is_rejected(tmp_path):
    with pytest.raises(UserError) as raised:
        channel_of(tmp_path, "text/csv; label_size=1")
    assert str(raised.value) == (
        "Channel validation: content type text/csv is not supported, expected text/plain or application/jsonlines."
    )
