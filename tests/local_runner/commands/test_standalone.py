"""What files are taken for where nobody says what they are."""

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.local_runner.commands import standalone


@pytest.mark.parametrize(("algorithm", "label_size"), [("kmeans", 0), ("pca", 0), ("knn", 1)])
def test_a_csv_begins_with_a_label_where_the_algorithm_learns_from_one(tmp_path, algorithm, label_size):
    (tmp_path / "rows.CSV").write_text("1,2\n")
    assert standalone.content_type_of(tmp_path, algorithm) == f"text/csv;label_size={label_size}"


def test_records_carry_their_own_labels(tmp_path):
    (tmp_path / "rows.pbr").touch()
    assert standalone.content_type_of(tmp_path / "rows.pbr", "knn") == "application/x-recordio-protobuf"


@pytest.mark.parametrize(("name", "content_type"), [("a.txt", "text/plain"), ("a.jsonl", "application/jsonlines")])
def test_text_is_text_for_an_algorithm_that_reads_it(tmp_path, name, content_type):
    (tmp_path / name).touch()
    assert standalone.content_type_of(tmp_path, "blazingtext") == content_type
    with pytest.raises(UserError, match=r"got \.\w+, expected files"):
        standalone.content_type_of(tmp_path, "kmeans")


def test_files_of_several_kinds_are_not_guessed_at(tmp_path):
    for name in ("a.csv", "b.pbr"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"got \.csv, \.pbr, expected files that all end in one of"):
        standalone.content_type_of(tmp_path, "kmeans")
