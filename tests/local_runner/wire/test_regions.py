"""The regions of AWS and their partitions."""

from wildsage.local_runner.wire.regions import DEFAULT_REGION, partitions


def test_regions_belong_to_the_partition_that_aws_operates_them_in():
    found = partitions()
    assert [found[region] for region in (DEFAULT_REGION, "eu-west-1", "cn-north-1", "us-gov-west-1")] == [
        "aws",
        "aws",
        "aws-cn",
        "aws-us-gov",
    ]
    assert "mars-north-1" not in found
