"""AWS's regions, as botocore knows them."""

from __future__ import annotations

from functools import cache

DEFAULT_REGION = "us-east-1"


@cache
def partitions() -> dict[str, str]:
    """Partition of each region: `aws`, or another, such as `aws-cn`, for the regions that AWS operates apart."""
    from botocore.regions import EndpointResolver  # slow, and the command line needs the default region alone

    from wildsage.local_runner.wire.service_models import LOADER

    found = EndpointResolver(LOADER.load_data("endpoints"))
    return {
        region: partition
        for partition in found.get_available_partitions()
        for region in found.get_available_endpoints("s3", partition)
    }
