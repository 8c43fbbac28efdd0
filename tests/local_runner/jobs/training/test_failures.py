"""Why a training job failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.inputs.workspace import Host
from wildsage.local_runner.jobs.states import MAX_REASON_CHARACTERS
from wildsage.local_runner.jobs.training.failures import EndedHost, failure_reason


def test_the_cause_is_blamed_whichever_host_ended_first(tmp_path):
    hosts = [Host(name, OptML(tmp_path / name)) for name in ("algo-1", "algo-2", "algo-3")]
    for host in hosts:
        host.folder.failure.parent.mkdir(parents=True)
    ended = [EndedHost(hosts[2], 0), EndedHost(hosts[1], 5), EndedHost(hosts[0], 143)]
    assert failure_reason(ended[:1]) is None
    assert failure_reason(ended).startswith("AlgorithmError: algo-2 ended with exit code 5")
    hosts[1].folder.failure.write_text(" \n")
    hosts[0].folder.failure.write_text("ClientError: no rows")
    assert failure_reason(ended) == "ClientError: no rows"


def test_a_lack_of_memory_is_told_in_the_words_of_sagemaker(tmp_path):
    hosts = [Host(name, OptML(tmp_path / name)) for name in ("algo-1", "algo-2")]
    for host in hosts:
        host.folder.failure.parent.mkdir(parents=True)
    hosts[1].folder.failure.write_text("InternalServerError: algo-1 left")
    ended = [EndedHost(hosts[1], 3), EndedHost(hosts[0], 137, "The container reached its limit.")]
    assert failure_reason(ended) == (
        "ClientError: Please use an instance type with more memory, or reduce the size of training data processed on an "
        "instance. algo-1 ended with exit code 137. The container reached its limit."
    )


def test_a_host_that_left_no_reason_because_the_disk_was_full_says_so(tmp_path):
    host = Host("algo-1", OptML(tmp_path / "algo-1"))
    line = f"OSError: [Errno 28] No space left on device: '{host.folder.failure}'"
    reason = failure_reason([EndedHost(host, 1, full_disk=line)])
    assert reason == f"InternalServerError: algo-1 ended with exit code 1. {line}"
    host.folder.failure.parent.mkdir(parents=True)
    host.folder.failure.write_text("ClientError: no rows")
    assert failure_reason([EndedHost(host, 1, full_disk=line)]) == "ClientError: no rows"


@pytest.mark.parametrize(
    ("files", "status", "blamed"),
    [
        (("InternalServerError: algo-2 left", "ClientError: row 7"), 1, "ClientError: row 7"),
        (("AlgorithmError: diverged", "ClientError: row 7"), 1, "ClientError: row 7"),
        (("InternalServerError: algo-2 left", "AlgorithmError: diverged"), 2, "AlgorithmError: diverged"),
        (("InternalServerError: algo-2 left", "diverged"), 2, "AlgorithmError: diverged"),
        (("InternalServerError: algo-2 left", None), 137, "AlgorithmError: algo-2 ended with exit code 137"),
        (("InternalServerError: disk", None), 143, "InternalServerError: disk"),
    ],
)
def test_what_one_host_says_of_another_is_not_the_cause(tmp_path, files, status, blamed):
    hosts = [Host(name, OptML(tmp_path / name)) for name in ("algo-1", "algo-2")]
    for host, text in zip(hosts, files, strict=True):
        host.folder.failure.parent.mkdir(parents=True)
        if text:
            host.folder.failure.write_text(text)
    ended = [EndedHost(hosts[0], 3), EndedHost(hosts[1], status)]
    assert failure_reason(ended).startswith(blamed)
    assert failure_reason(ended[::-1]).startswith(blamed)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host("algo-1", OptML(tmp_path / "algo-1"))
    host.folder.failure.parent.mkdir(parents=True)
    return host


def test_a_host_without_words_is_named_with_its_status_and_where_to_look(host):
    assert failure_reason([EndedHost(host, 1)]) == (
        "AlgorithmError: algo-1 ended with exit code 1 and left no reason in /opt/ml/output/failure. "
        "The job's log may say more: group /aws/sagemaker/TrainingJobs."
    )


def test_hosts_that_were_all_stopped_are_blamed_where_nobody_else_is(host):
    assert failure_reason([EndedHost(host, 143)]).startswith("AlgorithmError: algo-1 ended with exit code 143")


def test_of_several_reasons_of_a_kind_that_of_the_first_host_counts(host, tmp_path):
    second = Host("algo-2", OptML(tmp_path / "algo-2"))
    second.folder.failure.parent.mkdir(parents=True)
    host.folder.failure.write_text("ClientError: first")
    second.folder.failure.write_text("ClientError: second")
    ended = [EndedHost(host, 1), EndedHost(second, 1)]
    assert failure_reason(ended) == "ClientError: first"
    assert failure_reason(ended[::-1]) == "ClientError: second"


def test_a_host_without_memory_is_not_asked_for_another_reason(host):
    host.folder.failure.write_text("ClientError: row 7")
    reason = failure_reason([EndedHost(host, 137, "The container reached its limit.")])
    assert reason.startswith("ClientError: Please use an instance type with more memory")


@pytest.mark.parametrize("length", [MAX_REASON_CHARACTERS, MAX_REASON_CHARACTERS + 1])
def test_paths_are_those_inside_a_container_and_a_long_reason_is_cut(host, length):
    start = f"ClientError: {host.folder.root}/input: "
    inside = "ClientError: /opt/ml/input: "
    host.folder.failure.write_text(f"  {start}{'x' * (length - len(inside))}\n")
    assert failure_reason([EndedHost(host, 1)]) == (inside + "x" * length)[:MAX_REASON_CHARACTERS]


def test_bytes_that_are_not_text_are_replaced(host):
    host.folder.failure.write_bytes(b"ClientError: \xff")
    assert failure_reason([EndedHost(host, 1)]) == "ClientError: \ufffd"


def test_a_reason_of_another_category_is_the_algorithms(host):
    host.folder.failure.write_text("PlatformError: no network")
    assert failure_reason([EndedHost(host, 1)]) == "PlatformError: no network"
    host.folder.failure.write_text("ValueError: no network")
    assert failure_reason([EndedHost(host, 1)]) == "AlgorithmError: ValueError: no network"
