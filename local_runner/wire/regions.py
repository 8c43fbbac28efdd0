"""AWS's regions, as botocore knows them."""

from __future__ import annotations

from functools import cache

DEFAULT_REGION = "us-east-1"


@cache
def partitions() -> dict[str, str]:
    """Partition of each region: `aws`, or another, such as `aws-cn`, for the regions that AWS operates apart."""
    import botocore.session  # slow, and the command line needs the default region alone

    session = botocore.session.get_session()
    return {
        region: partition
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("s3", partition)
    }
