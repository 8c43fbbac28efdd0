"""A job's /opt/ml: what the container finds, and what it cannot spoil."""

import errno
import os
import socket
import tarfile
import threading
from pathlib import Path

import pytest

from wildsage.containers.contract.job import ChannelConfig, TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.inputs import workspace
from wildsage.local_runner.inputs.channels import InputError, InputFile
from wildsage.local_runner.s3.store import ObjectStore


@pytest.fixture
def store(tmp_path):
    store = ObjectStore(tmp_path / "s3")
    store.create_bucket("bucket")
    store.put("bucket", "data/a.csv", [b"1,2"])
    return store


def request(*, hosts: int = 1, mode: str = "File", **channel_fields) -> dict:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/data/"}
    return {
        "AlgorithmSpecification": {"TrainingImage": "x", "TrainingInputMode": mode},
        "HyperParameters": {"k": "3"},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}, **channel_fields}],
        "ResourceConfig": {"InstanceCount": hosts},
    }


def test_every_host_reads_its_own_description(store, tmp_path):
    hosts = workspace.lay_out(request(hosts=11, ContentType="text/csv"), tmp_path / "job", store)
    job = TrainingJob.read(hosts[10].folder)
    assert job.current_host == "algo-11"
    assert job.hosts[:3] == ("algo-1", "algo-10", "algo-11")
    assert dict(job.hyperparameters) == {"k": "3"}
    assert job.channels["train"].content_type == "text/csv"
    assert (hosts[10].folder.channel("train") / "a.csv").read_bytes() == b"1,2"


def test_an_input_file_takes_no_room_and_cannot_be_written_by_a_user(store, tmp_path):
    (host,) = workspace.lay_out(request(), tmp_path / "job", store)
    file = host.folder.channel("train") / "a.csv"
    stored = store.get("bucket", "data/a.csv").path
    if file.stat().st_ino == stored.stat().st_ino:
        assert file.stat().st_mode & 0o222 == 0
        assert os.geteuid() == 0 or not os.access(file, os.W_OK)
    file.unlink()
    assert store.get("bucket", "data/a.csv").path.read_bytes() == b"1,2"


def test_a_replaced_or_deleted_object_stays_for_the_job(store, tmp_path):
    (host,) = workspace.lay_out(request(), tmp_path / "job", store)
    store.put("bucket", "data/a.csv", [b"new"])
    assert (host.folder.channel("train") / "a.csv").read_bytes() == b"1,2"
    assert store.get("bucket", "data/a.csv").path.read_bytes() == b"new"
    store.delete("bucket", "data/a.csv")
    assert (host.folder.channel("train") / "a.csv").read_bytes() == b"1,2"


def test_a_file_may_not_be_written_whatever_the_permissions_of_the_object_were(store, tmp_path, monkeypatch):
    monkeypatch.setattr(workspace, "_clone", lambda source, target: False)
    os.chmod(store.get("bucket", "data/a.csv").path, 0o666)
    (host,) = workspace.lay_out(request(), tmp_path / "job", store)
    status = (host.folder.channel("train") / "a.csv").stat()
    assert status.st_mode & 0o777 == 0o444 and status.st_nlink == 2


def test_between_disks_a_file_is_copied(store, tmp_path, monkeypatch):
    def refuse(source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(workspace, "_clone", lambda source, target: False)
    monkeypatch.setattr(os, "link", refuse)
    (host,) = workspace.lay_out(request(), tmp_path / "job", store)
    file = host.folder.channel("train") / "a.csv"
    assert file.read_bytes() == b"1,2" and file.stat().st_nlink == 1 and file.stat().st_mode & 0o222 == 0


def test_a_file_system_that_cannot_clone_leaves_nothing_of_the_attempt(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    (tmp_path / "source").write_bytes(b"1")
    monkeypatch.setattr(workspace.fcntl, "ioctl", refuse)
    assert not workspace._clone(tmp_path / "source", tmp_path / "target") and not (tmp_path / "target").exists()
    asked: list[int] = []
    monkeypatch.setattr(workspace.fcntl, "ioctl", lambda copy, request, original: asked.append(request))
    assert workspace._clone(tmp_path / "source", tmp_path / "target") and (tmp_path / "target").exists()
    direction_write, size_of_int = 1, 4
    assert asked == [direction_write << 30 | size_of_int << 16 | 0x94 << 8 | 9]  # _IOW of linux/ioctl.h
    with pytest.raises(FileExistsError):
        workspace._clone(tmp_path / "source", tmp_path / "target")


def test_an_object_that_was_deleted_meanwhile_is_named(store, tmp_path):
    stored = store.get("bucket", "data/a.csv")
    store.delete("bucket", "data/a.csv")
    with pytest.raises(InputError, match=r"Object data/a\.csv was deleted while the job downloaded it\."):
        workspace.link_file(InputFile("a.csv", stored), tmp_path / "channel" / "a.csv")


def test_hosts_of_a_job_know_their_network_and_their_machine(store, tmp_path):
    wanted = request(hosts=2)
    wanted["ResourceConfig"]["InstanceType"] = "ml.m5.large"
    for isolated, interface in (
        ((), workspace.LOOPBACK_INTERFACE),
        ((False,), workspace.LOOPBACK_INTERFACE),
        ((True,), "eth0"),
    ):
        hosts = workspace.lay_out(wanted, tmp_path / f"{interface}{len(isolated)}", store, *isolated)
        job = TrainingJob.read(hosts[1].folder)
        assert (job.network_interface, job.instance_type) == (interface, "ml.m5.large")
        assert [host.name for host in hosts] == ["algo-1", "algo-2"]
    assert workspace.LOOPBACK_INTERFACE in {name for _, name in socket.if_nameindex()}


def test_a_job_without_channels_hyperparameters_or_a_count_has_one_host(store, tmp_path):
    plain = {"AlgorithmSpecification": {"TrainingInputMode": "File"}, "ResourceConfig": {}}
    (host,) = workspace.lay_out(plain, tmp_path / "job", store)
    job = TrainingJob.read(host.folder)
    assert (job.current_host, job.hosts, dict(job.hyperparameters), dict(job.channels)) == (
        "algo-1",
        ("algo-1",),
        {},
        {},
    )


def test_a_channel_says_what_the_request_leaves_out():
    wanted = request(mode="Pipe")
    (channel,) = wanted["InputDataConfig"]
    found = workspace.channel_config(wanted, channel)
    assert (found.input_mode, found.distribution, found.record_wrapper) == ("Pipe", "FullyReplicated", "None")
    assert found.content_type is found.compression is None
    source = {"S3DataSource": {**channel["DataSource"]["S3DataSource"], "S3DataDistributionType": "ShardedByS3Key"}}
    own = {"DataSource": source, "InputMode": "File", "RecordWrapperType": "RecordIO", "CompressionType": "Gzip"}
    found = workspace.channel_config(wanted, {**channel, **own})
    assert (found.input_mode, found.distribution) == ("File", "ShardedByS3Key")
    assert (found.record_wrapper, found.compression) == ("RecordIO", "Gzip")


def test_each_host_has_its_share_of_a_channel(store, tmp_path):
    store.put("bucket", "data/b.csv", [b"3,4"])
    wanted = request(hosts=2)
    wanted["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"
    hosts = workspace.lay_out(wanted, tmp_path / "job", store)
    assert [[path.name for path in host.folder.channel("train").iterdir()] for host in hosts] == [["a.csv"], ["b.csv"]]


def test_a_pipe_gives_the_objects_of_its_channel_each_pass_in_the_order_of_its_seed(store, tmp_path):
    for number in range(8):
        store.put("bucket", f"data/{number}", [str(number).encode()])
    orders = []
    for name, fields in (
        ("sorted", {}),
        ("one", {"ShuffleConfig": {"Seed": 1}}),
        ("again", {"ShuffleConfig": {"Seed": 1}}),
    ):
        (host,) = workspace.lay_out(request(mode="Pipe", **fields), tmp_path / name, store)
        try:
            orders.append([host.folder.pipe("train", epoch).read_bytes() for epoch in range(2)])
        finally:
            host.close()
    assert orders[0] == [b"012345671,2"] * 2
    assert orders[1] == orders[2] and orders[1][0] != orders[1][1] and sorted(orders[1][0]) == sorted(orders[0][0])


def test_a_pipe_tells_why_it_did_not_give_all_data(store, tmp_path):
    class Ended:
        def __init__(self, problem: str | None) -> None:
            self.problem = problem

    assert workspace.Host("algo-1", OptML(tmp_path)).problem is None
    host = workspace.Host("algo-1", OptML(tmp_path), [Ended(None), Ended("first"), Ended("second")])
    assert host.problem == "first"


def test_a_channel_has_its_folder_even_without_a_file_for_this_host_and_folders_below_it_as_keys_have(store, tmp_path):
    store.put("bucket", "data/very/deep/b.csv", [b"3,4"])
    wanted = request(hosts=3)
    wanted["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"
    OptML(tmp_path / "job" / "algo-3").channel("train").mkdir(parents=True)  # left by a job that was ended at once
    hosts = workspace.lay_out(wanted, tmp_path / "job", store)
    folders = [host.folder.channel("train") for host in hosts]
    assert (folders[1] / "very" / "deep" / "b.csv").read_bytes() == b"3,4"
    assert folders[2].is_dir() and not list(folders[2].iterdir())


@pytest.mark.parametrize("inner", ["inner", "very/deep/inner"])
def test_a_key_that_is_a_file_and_a_folder_is_rejected(store, tmp_path, inner):
    store.put("bucket", f"data/a.csv/{inner}", [b"x"])
    with pytest.raises(InputError, match="another object uses that name"):
        workspace.lay_out(request(), tmp_path / "job", store)


def test_pipes_of_a_job_that_cannot_be_laid_out_are_closed(store, tmp_path):
    two = request(mode="Pipe")
    missing = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/nothing/"}
    two["InputDataConfig"].append({"ChannelName": "test", "DataSource": {"S3DataSource": missing}})
    with pytest.raises(InputError, match="No S3 objects found"):
        workspace.lay_out(two, tmp_path / "job", store)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("pipe")]


def test_models_of_all_hosts_become_one_archive_and_the_first_hosts_file_stays(tmp_path):
    hosts = [workspace.Host(name, OptML(tmp_path / name)) for name in ("algo-1", "algo-2")]
    for host in hosts:
        host.folder.make_folders()
        (host.folder.model / f"model_{host.name}").write_text(host.name)
        (host.folder.model / "both").write_text(host.name)
    (hosts[1].folder.model / "very" / "deep").mkdir(parents=True)
    (hosts[1].folder.model / "very" / "deep" / "one").write_text("algo-2")
    assert workspace.pack_model(hosts, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        content = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}
    assert content == {
        "both": b"algo-1",
        "model_algo-1": b"algo-1",
        "model_algo-2": b"algo-2",
        "very/deep/one": b"algo-2",
    }
    assert not workspace.pack_output(hosts, tmp_path / "output.tar.gz")
    assert not (tmp_path / "output.tar.gz").exists()


GIB = 1 << 30


@pytest.mark.parametrize(
    ("machines", "fits"),
    [
        ({"VolumeSizeInGB": 1, "InstanceType": "ml.m5.large"}, False),
        ({"VolumeSizeInGB": 1}, False),
        ({"VolumeSizeInGB": 2, "InstanceType": "ml.m5.large"}, True),
        ({"VolumeSizeInGB": 1, "InstanceType": "ml.c5d.xlarge"}, True),
        ({"VolumeSizeInGB": 1, "InstanceType": "ml.g4dn.xlarge"}, True),
        ({"VolumeSizeInGB": 0}, True),
        ({}, True),
    ],
)
def test_the_files_of_a_host_fit_into_its_volume_unless_it_has_disks_of_its_own(tmp_path, machines, fits):
    host = workspace.Host("algo-1", OptML(tmp_path))
    for name, size in (("train", GIB), ("test", 1), ("pipe", 5 * GIB)):
        host.folder.channel(name).mkdir(parents=True)
        (host.folder.channel(name) / "a").touch()
        os.truncate(host.folder.channel(name) / "a", size)  # a hole, which takes no room
    configs = {
        name: ChannelConfig(input_mode="Pipe" if name == "pipe" else "File") for name in ("train", "test", "pipe")
    }
    if not fits:
        with pytest.raises(
            InputError, match=r"algo-1 has 1\.0 GiB, more than its volume: VolumeSizeInGB is 1\. Raise it"
        ):
            workspace._check_volume(machines, host, configs)
        os.truncate(host.folder.channel("test") / "a", 0)  # the volume is exactly full
    workspace._check_volume(machines, host, configs)


def test_a_job_whose_input_does_not_fit_into_its_volume_is_rejected_unless_it_needs_no_disk(store, tmp_path):
    os.truncate(store.get("bucket", "data/a.csv").path, GIB + 1)
    wanted = request()
    wanted["ResourceConfig"]["VolumeSizeInGB"] = 1
    with pytest.raises(InputError, match="more than its volume"):
        workspace.lay_out(wanted, tmp_path / "job", store)
    workspace.lay_out(wanted | {"AlgorithmSpecification": {"TrainingInputMode": "FastFile"}}, tmp_path / "fast", store)
