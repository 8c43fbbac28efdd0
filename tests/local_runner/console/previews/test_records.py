"""Previews of RecordIO and of pictures."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy.sparse import csr_array

from wildsage.containers.codecs.images import encoded, image_recordio
from wildsage.containers.codecs.records import files, record_rows, recordio
from wildsage.local_runner.console.previews.kinds import NoPreview, PicturesPreview, TablePreview
from wildsage.local_runner.console.previews.pictures import LARGE, SMALL


def picture(width: int, height: int, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 30, 30)).save(file, kind)
    return file.getvalue()


def size_of(png: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(png), formats=["PNG"]).size


def test_dense_rows_are_a_table_with_the_label_first(show):
    rows = files.encode_dense(np.array([[1.5, 2], [3, 4]], np.float32), np.array([0, 1], np.float32))
    assert show("a.pbr", bytes(rows)) == TablePreview(["label", "0", "1"], [["0", "1.5", "2"], ["1", "3", "4"]])


def test_sparse_rows_name_their_columns(show):
    file = io.BytesIO()
    files.write_spmatrix_to_sparse_tensor(file, csr_array(np.array([[0, 2.5, 0, 1]], np.float32)))
    assert show("a", file.getvalue()) == TablePreview(["0"], [["1:2.5 3:1"]])


@pytest.mark.parametrize(("entries", "end"), [(24, "23:1"), (25, "23:1 …")])
def test_a_sparse_row_shows_its_first_entries(show, entries, end):
    file = io.BytesIO()
    files.write_spmatrix_to_sparse_tensor(file, csr_array(np.ones((1, entries), np.float32)))
    ((cell,),) = show("a", file.getvalue()).rows
    assert cell == " ".join(f"{key}:1" for key in range(23)) + f" {end}"


def test_a_column_of_many_numbers_shows_the_first(show):
    answers = record_rows.encode({"projection": np.arange(25.0).reshape(1, 25)})
    assert show("a.out", answers).rows == [[", ".join(str(number) for number in range(24))]]


def test_answers_are_a_table_of_their_columns(show):
    answers = record_rows.encode({"closest_cluster": np.array([3.0]), "distance_to_cluster": np.array([0.5])})
    assert show("a.out", answers) == TablePreview(["closest_cluster", "distance_to_cluster"], [["3", "0.5"]])


def test_many_rows_show_the_first_of_them(show):
    shown = show("a", bytes(files.encode_dense(np.ones((5_000, 100), np.float32))))
    assert (len(shown.rows), shown.rows[0][-1], shown.note) == (
        50,
        "… 100 in all",
        "This is the beginning.",
    )


@pytest.mark.parametrize(("columns", "more"), [(40, []), (41, ["… 41 in all"])])
def test_forty_columns_of_a_dense_row_are_shown(show, columns, more):
    shown = show("a", bytes(files.encode_dense(np.ones((1, columns), np.float32))))
    assert shown.rows == [["1"] * 40 + more]
    assert shown.columns == [str(number) for number in range(columns)] and shown.note == ""


@pytest.mark.parametrize(("count", "note"), [(50, ""), (51, "This is the beginning.")])
def test_fifty_rows_are_shown(show, count, note):
    shown = show("a", bytes(files.encode_dense(np.ones((count, 1), np.float32))))
    assert (shown.rows, shown.note) == ([["1"]] * 50, note)


def test_damaged_records_have_no_preview(show):
    assert isinstance(show("a", recordio.frame(b"\xff" * 40)), NoPreview)
    assert isinstance(show("b", recordio.MAGIC_BYTES + b"\xff\xff\xff\x1f" + b"x" * 100), NoPreview)


def test_rows_before_a_cut_record_are_shown(show):
    whole = bytes(files.encode_dense(np.ones((3, 4), np.float32)))
    assert len(show("a", whole[:-5]).rows) == 2


def test_image_records_are_thumbnails_with_their_labels(show):
    records = [
        image_recordio.encode(picture(600, 300, kind), [label], label) for label, kind in enumerate(("PNG", "JPEG"))
    ]
    shown = show("train.rec", b"".join(records))
    assert isinstance(shown, PicturesPreview) and shown.note == ""
    assert [(one.width, one.height, one.labels) for one in shown.pictures] == [(600, 300, (0.0,)), (600, 300, (1.0,))]
    assert all(size_of(one.png) == (SMALL, SMALL // 2) for one in shown.pictures)


def test_a_damaged_picture_among_others_is_left_out(show):
    cut = image_recordio.encode(picture(9, 9)[:40], [7], 0)
    shown = show(
        "a.rec", image_recordio.encode(picture(9, 9), [1], 0) + cut + image_recordio.encode(picture(9, 9), [2], 1)
    )
    assert [one.labels for one in shown.pictures] == [(1.0,), (2.0,)]
    assert shown.note == "2 of the records at the beginning."


@pytest.mark.parametrize(("count", "note"), [(24, ""), (25, "24 of the records at the beginning.")])
def test_of_many_pictures_the_first_24_are_shown(show, count, note):
    shown = show("a.rec", b"".join(image_recordio.encode(picture(8, 8), [number], number) for number in range(count)))
    assert [one.labels for one in shown.pictures] == [(float(number),) for number in range(24)]
    assert shown.note == note


def test_large_pictures_among_records_share_the_pixels_of_one(show, monkeypatch):
    small, large = (image_recordio.encode(picture(side, side), [0], 0) for side in (10, 90))
    for most_pixels, count in ((8_199, 2), (8_200, 3), (16_299, 3), (16_300, 4)):
        monkeypatch.setattr(encoded, "MOST_PIXELS", most_pixels)
        assert len(show("a.rec", small + large * 9).pictures) == count


def test_a_picture_is_encoded_anew_and_small(show):
    (shown,) = show("cat.jpg", picture(2_000, 1_000, "JPEG")).pictures
    assert (shown.width, shown.height, size_of(shown.png)) == (2_000, 1_000, (LARGE, LARGE // 2))


def test_a_picture_with_more_pixels_than_endpoints_take_has_no_preview(show, monkeypatch):
    monkeypatch.setattr(encoded, "MOST_PIXELS", 10_000)
    assert "expected at most" in show("a.png", picture(101, 100)).note
    assert "cannot be decoded" in show("b.png", picture(90, 90)[:60]).note
