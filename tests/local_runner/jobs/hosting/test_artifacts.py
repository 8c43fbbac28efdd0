"""Models come from S3 completely or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract import archive
from wildsage.local_runner.inputs.channels import InputError
from wildsage.local_runner.jobs.hosting import artifacts
from wildsage.local_runner.jobs.hosting.artifacts import bring_model
from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.store import ObjectStore


@pytest.fixture
def objects(tmp_path):
    with closing(ObjectStore(tmp_path / "s3")) as objects:
        objects.create_bucket("bucket")
        (tmp_path / "packed").mkdir()
        (tmp_path / "packed" / "weights").write_text("1")
        archive.pack(tmp_path / "packed", tmp_path / "model.tar.gz")
        objects.put_file("bucket", "models/model.tar.gz", tmp_path / "model.tar.gz")
        for key in ("plain/", "plain/weights", "plain/very/deep/vocabulary", "plainer/other"):
            objects.put("bucket", key, [key.encode()])
        yield objects


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_archive_is_unpacked_and_a_prefix_is_copied(objects, tmp_path):
    bring_model("s3://bucket/models/model.tar.gz", tmp_path / "a" / "model", objects)
    assert files(tmp_path / "a" / "model") == ["weights"]
    bring_model("s3://bucket/plain/", tmp_path / "b" / "model", objects)
    assert files(tmp_path / "b" / "model") == ["very/deep/vocabulary", "weights"]
    assert (tmp_path / "b" / "model" / "very" / "deep" / "vocabulary").read_text() == "plain/very/deep/vocabulary"
    (tmp_path / "b" / "model" / "weights").write_text("changed by the container")
    assert objects.get("bucket", "plain/weights").path.read_bytes() == b"plain/weights"


def test_a_container_without_a_model_has_an_empty_folder(objects, tmp_path):
    bring_model(None, tmp_path / "model", objects)
    assert (tmp_path / "model").is_dir() and files(tmp_path / "model") == []


def test_a_folder_that_is_there_is_used_as_it_is(objects, tmp_path):
    (tmp_path / "model").mkdir()
    bring_model("s3://bucket/models/model.tar.gz", tmp_path / "model", objects)
    assert files(tmp_path / "model") == []


def test_nothing_is_left_of_a_model_that_cannot_be_brought(objects, tmp_path):
    objects.put("bucket", "damaged.tar.gz", [b"\x1f\x8b and no more"])
    for uri, error in (
        ("s3://bucket/none.tar.gz", S3Error),
        ("bucket/none.tar.gz", InputError),
        ("s3://bucket/damaged.tar.gz", UserError),
    ):
        with pytest.raises(error):
            bring_model(uri, tmp_path / "place" / "model", objects)
        assert list((tmp_path / "place").iterdir()) == []


def test_an_error_is_told_although_somebody_has_removed_the_folder(objects, tmp_path, monkeypatch):
    def vanish(bucket: str, key: str) -> None:
        shutil.rmtree(tmp_path / "place")
        raise S3Error("NoSuchKey", "It is gone.")

    monkeypatch.setattr(objects, "get", vanish)
    with pytest.raises(S3Error, match="It is gone"):
        bring_model("s3://bucket/models/model.tar.gz", tmp_path / "place" / "model", objects)


@pytest.mark.parametrize("uri", ["s3://bucket/models/model.tar.gz", "s3://bucket/plain/", "s3://bucket/nothing/"])
def test_a_download_may_take_its_time_and_no_more(objects, tmp_path, monkeypatch, uri):
    now = [100.0]
    monkeypatch.setattr(artifacts.time, "monotonic", lambda: now[0])
    bring_model(uri, tmp_path / "in-time" / "model", objects, within_s=60)
    monkeypatch.setattr(objects, "get", late(objects.get, now))
    monkeypatch.setattr(objects, "list", late(objects.list, now))
    with pytest.raises(
        InputError, match=r"Could not download the model data at .* within 60 s: raise ModelDataDownload"
    ):
        bring_model(uri, tmp_path / "late" / "model", objects, within_s=60)
    assert list((tmp_path / "late").iterdir()) == []


def test_an_archive_that_comes_late_is_not_unpacked(objects, tmp_path, monkeypatch):
    now = [100.0]
    objects.put("bucket", "damaged.tar.gz", [b"\x1f\x8b and no more"])
    monkeypatch.setattr(artifacts.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(objects, "get", late(objects.get, now))
    with pytest.raises(InputError, match="within 60 s"):
        bring_model("s3://bucket/damaged.tar.gz", tmp_path / "model", objects, within_s=60)


def test_a_download_is_given_up_before_the_next_object(objects, tmp_path, monkeypatch):
    now, opened = [100.0], []
    monkeypatch.setattr(artifacts.time, "monotonic", lambda: now[0])
    opening = late(objects.open, now)
    monkeypatch.setattr(objects, "open", lambda bucket, key: (opened.append(key), opening(bucket, key))[1])
    with pytest.raises(InputError, match="within 60 s"):
        bring_model("s3://bucket/plain/", tmp_path / "model", objects, within_s=60)
    assert opened == ["plain/very/deep/vocabulary"]


def late(method: Callable[..., Any], now: list[float]) -> Callable[..., Any]:
    """The method, during which a minute and a half second go by."""

    def call(*arguments: Any) -> Any:
        now[0] += 60.5
        return method(*arguments)

    return call
