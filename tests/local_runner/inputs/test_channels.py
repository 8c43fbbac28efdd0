"""Which objects a channel holds on which host, under which names."""

import gzip
import json

import pytest

from wildsage.local_runner.inputs.channels import InputError, channel_files, local_name, split_uri
from wildsage.local_runner.s3.store import ObjectStore


@pytest.fixture
def store(tmp_path):
    store = ObjectStore(tmp_path / "s3")
    store.create_bucket("bucket")
    for key in ("data", "data/", "data/a.csv", "data/deep/b.csv", "data2/c.csv", "other/d.csv"):
        store.put("bucket", key, [key.encode()])
    return store


def channel(uri: str, kind: str = "S3Prefix", distribution: str = "FullyReplicated") -> dict:
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": distribution}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}}


def names(store, uri: str, hosts: int = 1, **fields: str) -> list[list[str]]:
    return [[file.name for file in files] for files in channel_files(channel(uri, **fields), store, hosts)]


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("data/", ["a.csv", "deep/b.csv"]),
        ("data/deep", ["b.csv"]),
        ("data/a.csv", ["a.csv"]),
        ("dat", ["data", "data/a.csv", "data/deep/b.csv", "data2/c.csv"]),
        ("", ["data", "data/a.csv", "data/deep/b.csv", "data2/c.csv", "other/d.csv"]),
    ],
)
def test_names_are_those_below_the_prefix(store, prefix, expected):
    assert names(store, f"s3://bucket/{prefix}") == [expected]


def test_shards_cover_every_object_once(store):
    shards = names(store, "s3://bucket/", hosts=2, distribution="ShardedByS3Key")
    assert [len(shard) for shard in shards] == [3, 2]
    assert sorted(shards[0] + shards[1]) == names(store, "s3://bucket/")[0]
    assert names(store, "s3://bucket/data/a.csv", hosts=2, distribution="ShardedByS3Key") == [["a.csv"], []]


def test_replicas_are_whole(store):
    assert names(store, "s3://bucket/data/", hosts=3) == [["a.csv", "deep/b.csv"]] * 3


def test_a_manifest_names_exact_keys(store):
    manifest = json.dumps([{"prefix": "s3://bucket/data"}, "2/c.csv", "/a.csv"]).encode()
    store.put("bucket", "manifest", [manifest])
    assert names(store, "s3://bucket/manifest", kind="ManifestFile") == [["2/c.csv", "_/a.csv"]]
    store.put("bucket", "manifest", [json.dumps([{"prefix": "s3://bucket/data/"}, "deep/b.csv", "a.csv"]).encode()])
    assert names(store, "s3://bucket/manifest", kind="ManifestFile") == [["a.csv", "deep/b.csv"]]


def test_no_object_leaves_the_channels_folder(store):
    store.put("bucket", "data/../../escape", [b"x"])
    with pytest.raises(InputError, match="would be a file outside the channel"):
        names(store, "s3://bucket/data/")


@pytest.mark.parametrize("key", ["data/a\0b", "data/" + "é" * 128], ids=["NUL", "long"])
def test_an_object_whose_name_no_file_can_have_is_named(store, key):
    store.put("bucket", key, [b"x"])
    with pytest.raises(InputError, match="cannot be that of a file: expected parts of at most 255 bytes without NUL"):
        names(store, "s3://bucket/data/")


@pytest.mark.parametrize(
    ("key", "name"), [("v//a.csv", "_/a.csv"), ("v///a.csv", "_/_/a.csv"), ("v/x//a", "x/_/a"), ("v/./a", "_/a")]
)
def test_keys_that_are_no_paths_have_a_name_all_the_same(store, key, name):
    store.put("bucket", key, [b"x"])
    assert names(store, "s3://bucket/v/") == [[name]]


def test_hidden_objects_are_no_data(store):
    store.put("bucket", "other/.d.csv", [b"x"])
    store.put("bucket", "hidden/.only", [b"x"])
    store.put("bucket", "manifest", [json.dumps([{"prefix": "s3://bucket/other/"}, ".d.csv", "d.csv"]).encode()])
    assert names(store, "s3://bucket/other/", hosts=2, distribution="ShardedByS3Key") == [["d.csv"], []]
    assert names(store, "s3://bucket/manifest", kind="ManifestFile") == [["d.csv"]]
    with pytest.raises(InputError, match="no object has this prefix, hidden objects not counted"):
        names(store, "s3://bucket/hidden/")


def test_files_come_in_the_order_in_which_a_folder_lists_them(store):
    """Without its last `/` a prefix is a folder to some keys and the beginning of a name to others."""
    assert names(store, "s3://bucket/data") == [["a.csv", "data", "data2/c.csv", "deep/b.csv"]]


@pytest.mark.parametrize("uri", ["bucket/key", "https://bucket/key", "s3:///key", "s3:bucket"])
def test_an_address_is_an_s3_address(uri):
    with pytest.raises(InputError, match="expected s3://bucket/key"):
        split_uri(uri)


def test_a_missing_object_of_a_manifest_is_named_once_with_its_manifest(store):
    store.put("bucket", "manifest", [json.dumps([{"prefix": "s3://bucket/"}, "nope.csv"]).encode()])
    with pytest.raises(InputError) as caught:
        names(store, "s3://bucket/manifest", kind="ManifestFile")
    assert str(caught.value) == (
        "Data download failed:NoSuchKey (404): The specified key does not exist: s3://bucket/nope.csv "
        "(named by manifest s3://bucket/manifest)"
    )


@pytest.mark.parametrize("uri", ["s3://bucket/none", "s3://nowhere/none"])
def test_a_missing_manifest_is_named_once(store, uri):
    with pytest.raises(InputError) as caught:
        names(store, uri, kind="ManifestFile")
    assert str(caught.value).count(uri) == 1


def test_a_manifest_of_another_format_is_named(store):
    store.put("bucket", "manifest", [gzip.compress(b"[]")])
    with pytest.raises(InputError, match=r"Manifest s3://bucket/manifest: the data is gzip .*, expected a manifest"):
        names(store, "s3://bucket/manifest", kind="ManifestFile")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a", "a"),
        ("a//b/", "a/_/b/_"),
        ("./...", "_/..."),
        ("x" * 255 + "/" + "y" * 255, "x" * 255 + "/" + "y" * 255),
        ("ä" * 127 + "x", "ä" * 127 + "x"),
    ],
    ids=range(5),
)
def test_a_key_is_a_path_below_the_folder_of_its_channel(name, path):
    assert local_name(name) == path


@pytest.mark.parametrize("name", ["..", "a/../b", "a/..", "x" * 256, "short/" + "ä" * 128, "a\0b"], ids=range(6))
def test_a_key_that_cannot_be_a_path_there_is_named(name):
    with pytest.raises(InputError, match="Object name "):
        local_name(name)
