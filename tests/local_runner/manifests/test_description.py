"""A workload for launchers without fractions of a processor."""

from dataclasses import replace

import pytest

from wildsage.containers.launchers import place
from wildsage.local_runner.manifests.description import PORT


@pytest.mark.parametrize(("cpus", "whole"), [("0.1", 1), ("1", 1), ("1.1", 2), ("2", 2), ("2.0", 2)])
def test_parts_of_a_processor_are_rounded_up(workload, cpus, whole):
    assert replace(workload, cpus=cpus).whole_cpus == whole


def test_a_host_asks_for_two_processors_and_four_gibibytes_if_nothing_is_said(workload):
    assert (workload.cpus, workload.memory, workload.whole_cpus) == ("2", "4Gi", 2)


def test_the_port_is_the_one_at_which_hosts_meet():
    assert PORT == place.PORT
