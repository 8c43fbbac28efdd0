"""The share of a channel that each host reads."""

import errno
import threading

import pytest

from wildsage.algorithms.base.errors import UserError
from wildsage.containers.contract.job import ChannelConfig
from wildsage.containers.contract.paths import OptML
from wildsage.containers.launchers import channels, pipes, s3
from wildsage.containers.launchers.s3 import S3Object


@pytest.fixture
def data(tmp_path):
    for name in ("b/2.csv", "a/10.csv", "a/2.csv", "c.csv", ".hidden", "b/.partial"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}\n")
    return tmp_path / "data"


def test_every_file_goes_to_one_host_in_the_order_of_names(data):
    found = channels.items("train", str(data))
    assert [item.name for item in found] == ["a/10.csv", "a/2.csv", "b/2.csv", "c.csv"]
    shares = [channels.share("train", found, rank, 3) for rank in range(3)]
    assert [[item.name for item in one] for one in shares] == [["a/10.csv", "c.csv"], ["a/2.csv"], ["b/2.csv"]]


def test_a_single_file_is_a_channel_even_if_its_name_is_hidden(data):
    assert [item.name for item in channels.items("train", str(data / ".hidden"))] == ["hidden"]


def test_every_host_may_have_one_file(data):
    found = channels.items("train", str(data))
    assert [channels.share("train", found, rank, 4) for rank in range(4)] == [[item] for item in found]


def test_a_host_without_a_file_is_an_error_before_anything_runs(data):
    with pytest.raises(UserError, match=r"Channel test: 4 file\(s\) for 5 hosts.*--whole test"):
        channels.share("test", channels.items("test", str(data)), 4, 5)


def test_an_empty_or_missing_place_is_named(tmp_path):
    with pytest.raises(UserError, match=r"Channel train: .*nowhere does not exist"):
        channels.items("train", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="holds no file"):
        channels.items("train", str(tmp_path))


@pytest.mark.parametrize("mode", ["File", "Pipe"])
def test_files_and_pipes_give_the_same_bytes(data, tmp_path, monkeypatch, mode):
    monkeypatch.setattr(pipes, "ENDING_S", 240)
    folder = OptML(tmp_path / "ml")
    folder.make_folders()
    config = ChannelConfig("text/csv", mode)
    with channels.provided(folder, "train", channels.items("train", str(data)), config):
        if mode == "Pipe":
            read = folder.pipe("train", 0).read_text()
        else:
            files = sorted(path for path in folder.channel("train").rglob("*") if path.is_file())
            read = "".join(path.read_text() for path in files)
    assert "pipe train" not in {thread.name for thread in threading.enumerate()}, "nothing feeds it any more"
    assert read == "a/10.csv\na/2.csv\nb/2.csv\nc.csv\n"


def test_a_pipe_that_lacks_data_fails_the_job(data, tmp_path):
    folder = OptML(tmp_path / "ml")
    folder.make_folders()
    found = channels.items("train", str(data))
    (data / "c.csv").unlink()
    with (
        pytest.raises(UserError, match=r"Channel train: c\.csv could not be read to its end"),
        channels.provided(folder, "train", found, ChannelConfig("text/csv", "Pipe")),
    ):
        folder.pipe("train", 0).read_bytes()


def stored(monkeypatch, *keys: str) -> None:
    """A bucket with these keys."""
    monkeypatch.setattr(s3, "client", lambda: None)
    monkeypatch.setattr(s3, "objects", lambda _client, _address: [S3Object(None, "b", key, 1, "e") for key in keys])


def test_a_key_with_two_slashes_stays_below_the_channel(monkeypatch):
    stored(monkeypatch, "rows//etc/a.csv")
    assert [item.name for item in channels.items("train", "s3://b/rows/")] == ["etc/a.csv"]


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("s3://b/rows", ["rows/a.csv", "rows2/b.csv"]),
        ("s3://b/deep/ro", ["rows/.b/c.csv", "rows/a.csv"]),
        ("s3://b/", ["a.csv"]),
        ("s3://b", ["a.csv"]),
    ],
)
def test_objects_are_named_from_the_folder_in_which_the_prefix_ends(monkeypatch, address, names):
    folder = "deep/" if "deep" in address else ""
    stored(monkeypatch, *(f"{folder}{name}" for name in (*reversed(names), "rows/.hidden")))
    assert [item.name for item in channels.items("train", address)] == names


def test_a_key_that_leads_out_of_the_channel_is_rejected(monkeypatch):
    stored(monkeypatch, "rows/../../a.csv")
    with pytest.raises(UserError, match=r"s3://b/rows/: the key '\.\./\.\./a\.csv' has a part '\.\.'"):
        channels.items("train", "s3://b/rows/")


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (("rows/a", "rows/a/b"), r"s3://b/rows/a/b cannot become the file a/b: File exists"),
        (("rows/a", "rows/a/b/c"), r"s3://b/rows/a/b/c cannot become the file a/b/c: Not a directory"),
        (("rows/a", "rows//a"), r"s3://b/rows/+a cannot become the file a: File exists"),
        (("rows/" + "x" * 300 + "/b",), r"cannot become the file x+/b: File name too long"),
    ],
    ids=["folder", "folders", "two", "long"],
)
def test_a_key_that_no_file_can_have_is_named(monkeypatch, tmp_path, keys, problem):
    stored(monkeypatch, *keys)
    monkeypatch.setattr(S3Object, "download", lambda _object, path: path.write_bytes(b"1"))
    folder, found = OptML(tmp_path), channels.items("train", "s3://b/rows/")
    with (
        pytest.raises(UserError, match=problem),
        channels.provided(folder, "train", found, ChannelConfig("text/csv", "File")),
    ):
        raise AssertionError("The channel cannot be provided.")


def test_a_disk_that_is_full_is_not_the_users_mistake(monkeypatch, tmp_path):
    stored(monkeypatch, "rows/a")

    def fail(_object: S3Object, _path: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(S3Object, "download", fail)
    (item,) = channels.items("train", "s3://b/rows/")
    with pytest.raises(OSError, match="No space left"):
        item.put(tmp_path / "a")
