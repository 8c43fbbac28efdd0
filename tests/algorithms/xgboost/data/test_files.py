"""Files of a channel: which are read and in which order, and their first lines."""

import pytest

pytest.importorskip("xgboost")
from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost.data import files
from wildsage.algorithms.xgboost.data.content_types import CSV, LIBSVM, PARQUET, RECORDS
from wildsage.algorithms.xgboost.data.files import below, check_first_lines, chunks


def write(folder, *names: str, content: str = "1,2\n"):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def test_files_that_hold_something_are_read_by_name_down_to_the_third_folder(tmp_path):
    write(tmp_path, "b", "a/z", "a/b/y", "a.csv")
    write(tmp_path, "empty", content="")
    said: list[str] = []
    assert [path.relative_to(tmp_path).as_posix() for path in below(tmp_path, said.append)] == [
        "a.csv",
        "a/b/y",
        "a/z",
        "b",
    ]
    assert said == []
    write(tmp_path, "a/b/c/x", "a/b/c/d/w")
    assert [path.name for path in below(tmp_path, said.append)] == ["a.csv", "y", "z", "b"]
    assert said == [f"WARNING:root:Folder depth exceeded 3: deeper files of {tmp_path} are not read."]


@pytest.mark.parametrize("hidden", [".x", "a/.x", "a/b/c/.x"])
def test_a_hidden_file_is_rejected(tmp_path, hidden):
    write(tmp_path, "a/b/y", hidden)
    with pytest.raises(UserError, match=r"Hidden file found in the data path! Remove that before training\."):
        below(tmp_path, print)


def test_links_to_folders_are_followed(tmp_path):
    write(tmp_path, "elsewhere/rows")
    (tmp_path / "channel").mkdir()
    (tmp_path / "channel" / "link").symlink_to(tmp_path / "elsewhere")
    assert below(tmp_path / "channel", print) == [tmp_path / "channel" / "link" / "rows"]


def test_a_file_comes_in_chunks(tmp_path, monkeypatch):
    assert files.CHUNK_BYTES == 1 << 20
    monkeypatch.setattr(files, "CHUNK_BYTES", 4)
    (tmp_path / "rows").write_bytes(b"abcdefghij")
    assert list(chunks(tmp_path / "rows")) == [b"abcd", b"efgh", b"ij"]


def first_line(folder, text: str, form: str, name: str = "rows") -> list[str]:
    (folder / name).write_text(text)
    said: list[str] = []
    check_first_lines([folder / name], form, said.append)
    return said


@pytest.mark.parametrize(
    "line",
    [
        "1 0:2",
        "1",
        "-1.5e3:2 0:1 7:nan",
        "1:0.5 qid:3 1:2",
        "1 0:2 # why",
        "1  0:2\t3:4",
        " 1 0:2",
        "",
        "1 0:2\nnonsense",
    ],
)
def test_a_first_line_of_libsvm_is_taken(tmp_path, line):
    assert first_line(tmp_path, line, LIBSVM) == []


@pytest.mark.parametrize("line", ["1,2", "x 0:1", "1 0", "1 0:1:2", "0:", "a:1 0:2", "1 :2"])
def test_another_is_not_libsvm(tmp_path, line):
    with pytest.raises(UserError) as raised:
        first_line(tmp_path, f"{line}\n1 0:2\n", LIBSVM)
    assert str(raised.value) == (
        f"First line '{line}...' of file 'rows' is not 'LIBSVM' format. Please ensure the file is in 'LIBSVM' format."
    )


def test_a_first_line_of_csv_has_a_delimiter(tmp_path):
    assert first_line(tmp_path, "1;2;3\n", CSV) == ["INFO:root:Determined delimiter of CSV input is ';'"]
    for line in ("\n1,2\n", "1,\0\n"):
        with pytest.raises(UserError, match="is not 'CSV' format"):
            first_line(tmp_path, line, CSV)
    with pytest.raises(UserError) as raised:
        first_line(tmp_path, "\0" + "x" * 80 + "\n", CSV)
    assert str(raised.value).startswith("First line '\0" + "x" * 49 + "...' of file")


def test_files_that_begin_with_an_underscore_are_not_looked_at(tmp_path):
    assert first_line(tmp_path, "nonsense", LIBSVM, "_SUCCESS") == []


def test_every_file_is_looked_at(tmp_path):
    write(tmp_path, "a")
    write(tmp_path, "b", content="\n")
    with pytest.raises(UserError, match="of file 'b' is not 'CSV' format"):
        check_first_lines([tmp_path / "a", tmp_path / "b"], CSV, lambda _: None)


@pytest.mark.parametrize(("content", "own"), [(b"PAR1\x15\x04", PARQUET), (b"\x0a\x23\xd7\xce\x01\0\0\0", RECORDS)])
def test_a_format_is_its_own_and_no_others(tmp_path, content, own):
    (tmp_path / "rows").write_bytes(content)
    check_first_lines([tmp_path / "rows"], own, print)
    for form in {CSV, LIBSVM, PARQUET, RECORDS} - {own}:
        with pytest.raises(UserError, match="rows: the data is "):
            check_first_lines([tmp_path / "rows"], form, print)
