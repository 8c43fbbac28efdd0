"""What a container gets of which nothing is said."""

from __future__ import annotations

from pathlib import Path

from wildsage.local_runner.backends import Launch


def test_a_container_is_the_only_host_reaches_the_network_and_runs_what_its_image_says():
    launch = Launch("image", Path("/opt/ml"), {}, {}, print)
    assert (launch.host, launch.network_isolation) == ("algo-1", False)
    assert {launch.entrypoint, launch.arguments, launch.checkpoints, launch.tensorboard} == {None}
