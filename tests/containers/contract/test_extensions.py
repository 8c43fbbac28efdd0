"""The content type of files by their extensions."""

from __future__ import annotations

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract.extensions import content_type_of


@pytest.mark.parametrize(
    ("files", "content_type"),
    [
        (["a.csv"], "text/csv;label_size=2"),
        (["a.csv", "folder/b.CSV"], "text/csv;label_size=2"),
        (["a.pbr", "b.protobuf", "c.recordio"], "application/x-recordio-protobuf"),
        (["a.libsvm"], "text/libsvm"),
        (["a.b.parquet"], "application/x-parquet"),
    ],
)
def test_files_of_one_kind_have_its_content_type(files, content_type):
    assert content_type_of("data/", files, [], label_size=2) == content_type


@pytest.mark.parametrize(
    ("files", "got"),
    [
        ([], "an empty folder"),
        (["a"], "none"),
        (["a.csv", "b.parquet"], ".csv, .parquet"),
        (["a.csv", "README"], "none, .csv"),
        (["a.xlsx"], ".xlsx"),
        (["a.txt"], ".txt"),
    ],
)
def test_other_files_and_mixtures_are_named(files, got):
    with pytest.raises(UserError) as caught:
        content_type_of("data/", files, ["text/csv"], label_size=1)
    assert str(caught.value) == (
        f"data/: got {got}, expected files that all end in one of .csv, .libsvm, .parquet, .pbr, .protobuf, .recordio. "
        "Give their type with --content-type."
    )


def test_extensions_of_texts_say_something_to_an_algorithm_that_reads_texts():
    declared = ["text/plain", "application/jsonlines"]
    assert content_type_of("x", ["a.txt"], declared, label_size=0) == "text/plain"
    assert content_type_of("x", ["a.jsonl"], declared, label_size=0) == "application/jsonlines"
    with pytest.raises(UserError, match=r"got \.jsonl, .* \.recordio, \.txt\."):
        content_type_of("x", ["a.jsonl"], ["text/plain"], label_size=0)
