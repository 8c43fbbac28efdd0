"""The user's code is brought from where it lies: a folder, a file or an archive, here or in S3."""

from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract import archive
from wildsage.containers.contract.paths import OptML
from wildsage.containers.frameworks import source


@pytest.fixture
def opt_ml(tmp_path) -> OptML:
    return OptML(tmp_path / "ml")


@pytest.fixture
def target(opt_ml):
    return opt_ml.code


@pytest.fixture
def folder(tmp_path):
    """A folder of code, and beside it an archive of the same."""
    found = tmp_path / "source"
    (found / "package").mkdir(parents=True)
    (found / "train.py").write_text("train")
    (found / "package" / "own.py").write_text("own")
    archive.pack(found, tmp_path / "source.tar.gz")
    return found


def content(target) -> dict[str, str]:
    return {path.relative_to(target).as_posix(): path.read_text() for path in target.rglob("*") if path.is_file()}


WHOLE = {"train.py": "train", "package/own.py": "own"}


@pytest.mark.parametrize("scheme", ["", "file://"])
@pytest.mark.parametrize(
    ("name", "expected"), [("", WHOLE), (".tar.gz", WHOLE), ("/train.py", {"train.py": "train"})], ids=repr
)
def test_folders_archives_and_files_of_this_machine(folder, target, opt_ml, scheme, name, expected):
    source.bring(f"{scheme}{folder}{name}", target, opt_ml)
    assert content(target) == expected


def test_code_is_added_to_what_is_there(folder, target, opt_ml):
    target.mkdir(parents=True)
    (target / "data.txt").write_text("data")
    source.bring(str(folder), target, opt_ml)
    assert content(target) == {**WHOLE, "data.txt": "data"}


def test_a_path_of_the_container_is_one_of_the_jobs_folder(folder, target, opt_ml):
    inside = opt_ml.root / "input" / "data" / "code"
    inside.mkdir(parents=True)
    (inside / "train.py").write_text("from the channel")
    for uri in ("/opt/ml/input/data/code", "file:///opt/ml/input/data/code/train.py"):
        source.bring(uri, target, opt_ml)
        assert content(target) == {"train.py": "from the channel"}


def test_code_that_lies_where_it_belongs_stays_as_it_is(target, opt_ml):
    target.mkdir(parents=True)
    (target / "train.py").write_text("train")
    for uri in ("/opt/ml/code", "/opt/ml/code/train.py", f"file://{target}", f"{target}/../code"):
        source.bring(uri, target, opt_ml)
        assert content(target) == {"train.py": "train"}


def test_a_place_without_code_is_named(target, opt_ml):
    with pytest.raises(UserError, match=r"^The code at file:///nowhere/at does not exist\. sagemaker_submit_directory"):
        source.bring("file:///nowhere/at", target, opt_ml)


def test_an_object_that_was_brought_already_is_not_fetched(folder, target, opt_ml, tmp_path, monkeypatch):
    monkeypatch.setattr(boto3, "client", None)
    target.mkdir(parents=True)
    (tmp_path / "source.tar.gz").rename(target / "code.tar.gz")
    source.bring("s3://bucket/some/code.tar.gz", target, opt_ml)
    (target / "code.tar.gz").unlink()
    assert content(target) == WHOLE


class Bucket:
    """A client of S3 that has one object."""

    def __init__(self, key: str, path) -> None:
        self._key, self._path = key, path

    def download_file(self, bucket: str, key: str, target: str) -> None:
        if (bucket, key) != ("bucket", self._key):
            raise ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadObject")
        with open(target, "wb") as file:
            file.write(self._path.read_bytes())


@pytest.mark.parametrize(
    ("key", "name", "expected"),
    [
        ("some/source.tar.gz", ".tar.gz", WHOLE),
        ("train.py", "/train.py", {"train.py": "train"}),
        ("folder/", "/train.py", {"folder": "train"}),
    ],
)
def test_objects_of_s3_are_fetched(folder, target, opt_ml, monkeypatch, key, name, expected):
    place = folder.parent / f"source{name}"
    monkeypatch.setattr(boto3, "client", lambda service: {"s3": Bucket(key, place)}[service])
    source.bring(f"s3://bucket/{key}", target, opt_ml)
    assert content(target) == expected


def test_an_object_that_cannot_be_fetched_is_named(folder, target, opt_ml, monkeypatch):
    monkeypatch.setattr(boto3, "client", lambda service: Bucket("other", folder / "train.py"))
    with pytest.raises(UserError, match=r"^The code at s3://bucket/code cannot be downloaded: .*\(404\)"):
        source.bring("s3://bucket/code", target, opt_ml)
