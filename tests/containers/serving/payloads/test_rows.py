"""Rows of a request, whatever pieces a codec gives them in."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from wildsage.algorithms.base.batch import Batch
from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.base.spec import Response
from wildsage.containers import codecs
from wildsage.containers.codecs.media_type import MediaType
from wildsage.containers.codecs.records import recordio
from wildsage.containers.serving import payloads
from wildsage.containers.serving.payloads import rows

CSV, PROTOBUF = (MediaType.parse(name) for name in ("text/csv", "application/x-recordio-protobuf"))
MODEL = SimpleNamespace(feature_dim=2)


@pytest.fixture
def pieces(monkeypatch):
    """Lets the codec give these pieces, each a list of rows."""

    def give(*found: list[list[float]]) -> None:
        batches = [Batch(torch.tensor(one)) for one in found]
        monkeypatch.setattr(codecs, "decode", lambda media_type, chunks, default_label_size: iter(batches))

    return give


def test_the_pieces_of_a_body_are_one_batch(pieces):
    pieces([[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]])
    assert rows.decode(CSV, b"any", MODEL, lone_records=False).features.tolist() == [[1, 2], [3, 4], [5, 6]]


@pytest.mark.parametrize(
    ("found", "row"), [([[[1.0, torch.nan]]], 1), ([[[1.0, 2.0]], [[3.0, 4.0], [torch.inf, 6.0]]], 3)]
)
def test_rows_are_counted_over_all_pieces(pieces, found, row):
    pieces(*found)
    with pytest.raises(BadRecord) as caught:
        rows.decode(CSV, b"any", MODEL, lone_records=False)
    assert caught.value.row == row


def test_rows_have_no_label_and_the_width_of_the_model():
    assert rows.decode(CSV, b"1,2\n3,4\n", MODEL, lone_records=False).features.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(BadRecord, match="row 2: 3 columns, expected 2"):
        rows.decode(CSV, b"1,2\n1,2,3\n", MODEL, lone_records=False)
    with pytest.raises(UserError, match="the body holds no rows"):
        rows.decode(CSV, b"\n", MODEL, lone_records=False)


def test_only_a_lone_record_of_a_transform_gets_a_frame():
    framed = codecs.encode(PROTOBUF, {"a": torch.tensor([1.0])}, Response("predictions", ("a",)))
    record = next(recordio.payloads([framed]))
    assert payloads.with_frame(record) == payloads.with_frame(framed) == framed
    with pytest.raises(UserError, match="no RecordIO header"):
        rows.decode(PROTOBUF, record, MODEL, lone_records=False)
    with pytest.raises(UserError) as caught:
        rows.decode(PROTOBUF, record, MODEL, lone_records=True)
    assert "no RecordIO header" not in str(caught.value), "it has a frame, and no features"
    assert rows.decode(CSV, b"1,2\n", MODEL, lone_records=True).features.tolist() == [[1, 2]]


def test_answers_may_have_every_format_and_csv_is_assumed():
    assert rows.DEFAULT_CONTENT_TYPE == "text/csv" and set(rows.ANSWER_TYPES) == set(codecs.ENCODERS)
    answer = rows.encode(CSV, {"a": torch.tensor([1.0, 2.5])}, Response("predictions", ("a",)))
    assert answer == b"1.0\n2.5\n"
