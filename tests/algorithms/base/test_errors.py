"""Errors say who can correct them, and keep the place apart from the problem."""

import pytest

from wildsage.algorithms.base.errors import (
    AlgorithmError,
    BadChannelRow,
    BadRecord,
    LostHost,
    MissingPackage,
    PlatformError,
    UserError,
)


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (UserError("x"), "ClientError"),
        (BadRecord(3, "x"), "ClientError"),
        (BadChannelRow("train", 3, "x"), "ClientError"),
        (MissingPackage("x"), "ClientError"),
        (AlgorithmError("x"), "AlgorithmError"),
        (PlatformError("x"), "InternalServerError"),
        (LostHost("x"), "InternalServerError"),
    ],
)
def test_the_category_is_the_one_that_sagemaker_names(error, category):
    assert error.category == category


def test_a_row_and_its_problem_can_be_had_apart():
    record, row = BadRecord(3, "2 columns."), BadChannelRow("train", 4, "no label.")
    assert (record.row, record.problem, str(record)) == (3, "2 columns.", "row 3: 2 columns.")
    assert (row.channel, row.row, row.problem) == ("train", 4, "no label.")
    assert str(row) == "Channel train, row 4: no label."
