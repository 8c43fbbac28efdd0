"""A job for any launcher."""

import pytest

from wildsage.local_runner.manifests.description import VolumeClaim, Workload


@pytest.fixture
def workload():
    """Three hosts that train k-means on a volume."""
    arguments = ("train", "--channel", "train=/data/rows of users", "--hp", "k=3", "--model", "/data/model")
    return Workload(
        "first", "registry/kmeans:cpu", "kmeans", 3, arguments, claim=VolumeClaim("rows", "/data"), secret="keys"
    )
