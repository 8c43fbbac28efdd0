"""A job's /opt/ml: what the container finds, and what it cannot spoil."""

import os
import tarfile
import threading

import pytest

from wildsage.containers.contract.job import TrainingJob
from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.inputs import workspace
from wildsage.local_runner.inputs.channels import InputError
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


def test_a_key_that_is_a_file_and_a_folder_is_rejected(store, tmp_path):
    store.put("bucket", "data/a.csv/inner", [b"x"])
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
    workspace.pack_model(hosts, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as tar:
        content = {member.name: tar.extractfile(member).read() for member in tar}
    assert content == {"both": b"algo-1", "model_algo-1": b"algo-1", "model_algo-2": b"algo-2"}
    assert not workspace.pack_output(hosts, tmp_path / "output.tar.gz")
    assert not (tmp_path / "output.tar.gz").exists()


@pytest.mark.parametrize(
    ("machines", "fits"),
    [
        ({"VolumeSizeInGB": 1, "InstanceType": "ml.m5.large"}, False),
        ({"VolumeSizeInGB": 2, "InstanceType": "ml.m5.large"}, True),
        ({"VolumeSizeInGB": 1, "InstanceType": "ml.c5d.xlarge"}, True),
        ({"VolumeSizeInGB": 1, "InstanceType": "ml.g4dn.xlarge"}, True),
        ({}, True),
    ],
)
def test_the_input_of_a_host_fits_into_its_volume(store, tmp_path, machines, fits):
    os.truncate(store.get("bucket", "data/a.csv").path, (1 << 30) + 1)  # a hole, which takes no room
    wanted = request()
    wanted["ResourceConfig"] |= machines
    if fits:
        workspace.lay_out(wanted, tmp_path / "job", store)
        return
    with pytest.raises(InputError, match=r"algo-1 has 1\.0 GiB, more than its volume: VolumeSizeInGB is 1\. Raise it"):
        workspace.lay_out(wanted, tmp_path / "job", store)
    workspace.lay_out(wanted | {"AlgorithmSpecification": {"TrainingInputMode": "FastFile"}}, tmp_path / "fast", store)
