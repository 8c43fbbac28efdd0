"""ARNs of a request's region, and the partition that they begin with."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.operations.context import RequestContext


@pytest.mark.parametrize(
    ("region", "partition"), [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
)
def test_arns_name_partition_region_and_account(region, partition):
    context = RequestContext(SimpleNamespace(), region)
    assert context.partition == partition
    assert context.arn("logs", "log-group:g") == f"arn:{partition}:logs:{region}:000000000000:log-group:g"
    kind = Kind("training-job", "TrainingJob", "training job")
    assert (
        context.sagemaker_arn(kind, "My-Job") == f"arn:{partition}:sagemaker:{region}:000000000000:training-job/my-job"
    )


def test_a_request_that_says_nothing_is_of_the_default_region_and_no_known_client():
    context = RequestContext(SimpleNamespace())
    assert (context.region, context.user_agent) == ("us-east-1", "")
