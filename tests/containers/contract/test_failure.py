"""The failure text and exit status of each kind of error."""

import pytest

from wildsage.algorithms.base.errors import AlgorithmError, PlatformError, UserError
from wildsage.containers.contract import failure
from wildsage.containers.contract.paths import OptML


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (UserError("k: got 0."), 1, "ClientError: k: got 0."),
        (AlgorithmError("no result"), 2, "AlgorithmError: no result"),
        (PlatformError("disk full"), 3, "InternalServerError: disk full"),
        (
            ZeroDivisionError("division by zero"),
            2,
            "AlgorithmError: ZeroDivisionError: division by zero (the job's log has the trace)",
        ),
    ],
)
def test_category_and_status(error, status, text):
    assert failure.reason(error) == text and failure.exit_status(error) == status


def test_the_reason_is_cut_where_sagemaker_cuts_it(tmp_path):
    failure.write(OptML(tmp_path), UserError("x" * 3000))
    assert len((tmp_path / "output" / "failure").read_text()) == 1024


def test_the_reason_is_written_where_the_folder_is_there_or_not_and_nowhere_without_one(tmp_path):
    folder = OptML(tmp_path)
    for text in ("first", "second"):
        failure.write_text(folder, text)
        assert folder.failure.read_text() == text
    (tmp_path / "file").touch()
    failure.write(OptML(tmp_path / "file"), UserError("the log has it"))


@pytest.mark.parametrize(("characters", "kept"), [(1010, 1023), (1011, 1024), (1012, 1024)])
def test_a_reason_of_exactly_as_many_characters_as_may_be_stays_whole(characters, kept):
    assert len(failure.reason(UserError("x" * characters))) == kept
