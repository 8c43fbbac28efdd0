"""What the content type of a channel means."""

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.algorithms.xgboost.data.content_types import CSV, LIBSVM, PARQUET, RECORDS, parse


@pytest.mark.parametrize(
    ("given", "form"),
    [
        (None, LIBSVM), ("csv", CSV), ("text/csv", CSV), (" Text/CSV ; label_size = 1 ; charset=utf8", CSV), ("text/csv;header=x", CSV),
        ("libsvm", LIBSVM), ("text/libsvm", LIBSVM), ("text/x-libsvm; label_size=2", LIBSVM), ("parquet", PARQUET),
        ("application/x-parquet", PARQUET), ("recordio-protobuf", RECORDS), ("application/x-recordio-protobuf", RECORDS),
    ],
)  # fmt: skip
def test_a_content_type_is_a_format(given, form):
    assert parse(given) == form


@pytest.mark.parametrize("given", ["text/csv;label_size=0", "csv; a=1; Label_Size=11"])
def test_csv_has_one_label(given):
    with pytest.raises(UserError) as raised:
        parse(given)
    assert str(raised.value) == (
        f"{given} is not an accepted csv ContentType. Optional parameter label_size must be equal to 1"
    )


@pytest.mark.parametrize("given", ["", "application/json", "text/plain;label_size=1"])
def test_other_types_are_rejected_with_those_that_are_accepted(given):
    with pytest.raises(UserError) as raised:
        parse(given)
    assert str(raised.value) == (
        f"{given} is not an accepted ContentType: csv, libsvm, parquet, recordio-protobuf, text/csv, text/libsvm, text/x-libsvm, "
        "application/x-parquet, application/x-recordio-protobuf."
    )
