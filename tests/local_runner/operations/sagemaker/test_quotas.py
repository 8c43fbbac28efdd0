"""Instances there may be at most, whoever asks for them."""

from __future__ import annotations

import pytest

from wildsage.local_runner.operations.sagemaker import quotas
from wildsage.local_runner.wire.errors import AwsError

LIMIT = "The account-level service limit 'ml.c4.xlarge for {} usage' is 100 Instances, with current utilization of"


@pytest.mark.parametrize(("wanted", "used"), [(100, 0), (1, 99), (0, 100)])
def test_a_hundred_instances_are_not_too_many(wanted, used):
    quotas.check("endpoint", "ml.c4.xlarge", wanted, used)


@pytest.mark.parametrize(("wanted", "used"), [(101, 0), (1, 100)])
def test_one_more_is(wanted, used):
    with pytest.raises(AwsError, match=LIMIT.format("endpoint")) as caught:
        quotas.check("endpoint", "ml.c4.xlarge", wanted, used)
    assert f"utilization of {used} Instances and a request delta of {wanted} Instances" in str(caught.value)
    assert caught.value.code == "ResourceLimitExceeded"


def test_nothing_runs_unless_it_is_said():
    with pytest.raises(AwsError, match="utilization of 0 Instances and a request delta of 101 Instances"):
        quotas.check("training job", "ml.c4.xlarge", 101)
