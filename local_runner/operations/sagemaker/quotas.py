"""How many instances may run. Each is a process or a container of this machine."""

from __future__ import annotations

from wildsage.local_runner.wire.errors import AwsError

INSTANCES = 100


def check(usage: str, instance_type: str, wanted: int, used: int = 0) -> None:
    """Reject `wanted` instances in addition to `used` ones; `usage` is training job, transform job or endpoint.

    Raises ResourceLimitExceeded in SageMaker's words.
    """
    if used + wanted > INSTANCES:
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{instance_type} for {usage} usage' is {INSTANCES} Instances, with current "
            f"utilization of {used} Instances and a request delta of {wanted} Instances. All instances are processes of "
            "this machine: request fewer.",
        )
