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
