"""What belongs to one request: the region and the client it came from, beside the services of that region."""

from __future__ import annotations

from dataclasses import dataclass

from wildsage.local_runner.jobs.kind import Kind
from wildsage.local_runner.operations.services import Services
from wildsage.local_runner.settings import ACCOUNT
from wildsage.local_runner.wire.regions import DEFAULT_REGION, partitions


@dataclass(frozen=True)
class RequestContext:
    """The view of the local AWS that an operation has while it answers one request.

    `services` are those of the request's region: the resources of other regions are not there.
    """

    services: Services
    region: str = DEFAULT_REGION
    user_agent: str = ""

    def arn(self, service: str, resource: str) -> str:
        """ARN of a resource of any service; `resource` is its last part, such as `log-group:/aws/sagemaker/TrainingJobs`."""
        return f"arn:{self.partition}:{service}:{self.region}:{ACCOUNT}:{resource}"

    def sagemaker_arn(self, kind: Kind, name: str) -> str:
        """ARN of a SageMaker resource."""
        return self.arn("sagemaker", f"{kind.name}/{name.lower()}")

    @property
    def partition(self) -> str:
        """Second part of every ARN: `aws`, or another, such as `aws-cn`, in regions that AWS operates apart."""
        return partitions()[self.region]
