"""What lies in a checkpoint folder and what lies in S3, before, while and after a job runs."""

import json
import shutil
import time

import pytest

from wildsage.containers.contract.paths import OptML
from wildsage.local_runner.inputs.channels import InputError
from wildsage.local_runner.jobs.training.checkpoints import mirrored
from wildsage.local_runner.s3.store import ObjectStore


@pytest.fixture
def store(tmp_path):
    store = ObjectStore(tmp_path / "s3")
    store.create_bucket("bucket")
    store.put("bucket", "kept/old", [b"old"])
    store.put("bucket", "kept/deep/er", [b"deep"])
    store.put("bucket", "kept-elsewhere/x", [b"x"])
    return store


@pytest.fixture
def hosts(tmp_path):
    hosts = [OptML(tmp_path / name) for name in ("algo-1", "algo-2")]
    for host in hosts:
        host.make_folders()
    return hosts


def content(store: ObjectStore, key: str) -> bytes:
    return store.get("bucket", key).path.read_bytes()


@pytest.mark.parametrize("uri", ["s3://bucket/kept", "s3://bucket/kept/"])
def test_every_host_starts_with_all_and_what_it_writes_is_stored(store, hosts, uri):
    before = store.get("bucket", "kept/old")
    with mirrored(uri, hosts, store):
        for host in hosts:
            config = json.loads(host.checkpoint_config.read_text())
            assert config == {"S3Uri": uri, "LocalPath": str(host.checkpoints)}
            found = {p.relative_to(host.checkpoints).as_posix() for p in host.checkpoints.rglob("*") if p.is_file()}
            assert found == {"old", "deep/er"}
            assert ((host.checkpoints / "old").read_bytes(), (host.checkpoints / "deep" / "er").read_bytes()) == (
                b"old",
                b"deep",
            )
        (hosts[0].checkpoints / "deep" / "er").write_bytes(b"deeper")
        (hosts[1].checkpoints / "new").write_bytes(b"new")
        (hosts[1].checkpoints / ".new.partial").write_bytes(b"half")
        (hosts[1].checkpoints / "old").unlink()
    assert [found.key for found in store.list("bucket", "kept/")] == ["kept/deep/er", "kept/new", "kept/old"]
    assert (content(store, "kept/deep/er"), content(store, "kept/new")) == (b"deeper", b"new")
    assert store.get("bucket", "kept/old").modified_ns == before.modified_ns, "what nobody wrote is not stored again"


@pytest.mark.parametrize("before", [True, False])
def test_a_first_job_has_an_empty_folder_whether_there_was_one_or_not(store, hosts, before):
    for host in hosts:
        shutil.rmtree(host.checkpoints, ignore_errors=True)
        if before:
            host.checkpoints.mkdir()
    with mirrored("s3://bucket/first", hosts, store, inside="/opt/ml/checkpoints"):
        for host in hosts:
            assert list(host.checkpoints.iterdir()) == []
            assert json.loads(host.checkpoint_config.read_text())["LocalPath"] == "/opt/ml/checkpoints"


def test_checkpoints_may_lie_at_the_top_of_a_bucket(store, hosts):
    store.create_bucket("checkpoints")
    store.put("checkpoints", "old", [b"old"])
    store.put("checkpoints", "folder/", [b""])
    with mirrored("s3://checkpoints", hosts[:1], store):
        assert [path.name for path in hosts[0].checkpoints.iterdir()] == ["old"]
        (hosts[0].checkpoints / "new").write_bytes(b"new")
    assert store.get("checkpoints", "new").path.read_bytes() == b"new"


def test_a_job_that_is_still_running_has_its_checkpoints_stored(store, hosts):
    with mirrored("s3://bucket/kept", hosts, store):
        (hosts[0].checkpoints / "new").write_bytes(b"new")
        deadline = time.monotonic() + 240
        while store.find("bucket", "kept/new") is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_checkpoints_of_a_job_that_breaks_are_stored(store, hosts):
    with pytest.raises(RuntimeError), mirrored("s3://bucket/kept", hosts, store):
        (hosts[0].checkpoints / "new").write_bytes(b"new")
        raise RuntimeError
    assert content(store, "kept/new") == b"new"


def test_a_bucket_that_is_not_there_is_named(store, hosts):
    with (
        pytest.raises(InputError, match="Checkpoints at s3://gone/x can be neither read nor written: NoSuchBucket"),
        mirrored("s3://gone/x", hosts, store),
    ):
        pass
