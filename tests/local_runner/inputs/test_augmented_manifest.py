"""Augmented manifests, from the S3 objects to the reader of the FIFO."""

import json

import pytest

from wildsage.containers.codecs.records import recordio
from wildsage.local_runner.inputs import augmented_manifest, workspace
from wildsage.local_runner.inputs.channels import InputError
from wildsage.local_runner.s3.store import ObjectStore

ENTRIES = [
    {"source-ref": "s3://images/a.jpg", "class": 0, "class-metadata": {"confidence": 0.9}},
    {"source-ref": "s3://images/b.jpg", "class": [1, 0, 1]},
    {"source-ref": "s3://images/a.jpg", "class": "2"},
]
RECORDS = [[b"image a", b"0"], [b"image b", b"[1, 0, 1]"], [b"image a", b"2"]]


@pytest.fixture
def store(tmp_path):
    store = ObjectStore(tmp_path / "s3")
    store.create_bucket("images")
    for name in "ab":
        store.put("images", f"{name}.jpg", [f"image {name}".encode()])
    store.put("images", "train.manifest", ["\n".join(map(json.dumps, ENTRIES)).encode()])
    return store


def channel(**fields) -> dict:
    source = {
        "S3DataType": "AugmentedManifestFile",
        "S3Uri": "s3://images/train.manifest",
        "AttributeNames": ["source-ref", "class"],
    }
    wrapper = fields.pop("RecordWrapperType", "RecordIO")
    shuffle = {"ShuffleConfig": fields.pop("ShuffleConfig")} if "ShuffleConfig" in fields else {}
    return {
        "ChannelName": "train",
        "RecordWrapperType": wrapper,
        "DataSource": {"S3DataSource": source | fields},
        **shuffle,
    }


def first_pass(store, tmp_path, hosts=1, passes=1, **fields) -> list[bytes]:
    request = {
        "AlgorithmSpecification": {"TrainingImage": "x", "TrainingInputMode": "Pipe"},
        "InputDataConfig": [channel(**fields)],
        "ResourceConfig": {"InstanceCount": hosts},
    }
    laid_out = workspace.lay_out(request, tmp_path / "job", store)
    try:
        return [host.folder.pipe("train", n).read_bytes() for host in laid_out for n in range(passes)]
    finally:
        for host in laid_out:
            host.close()


def payloads(content: bytes) -> list[bytes]:
    return list(recordio.payloads([content]))


def test_each_attribute_is_a_record_in_the_order_of_the_names(store, tmp_path):
    (content,) = first_pass(store, tmp_path)
    assert payloads(content) == [part for record in RECORDS for part in record]


def test_lines_are_dealt_out_to_hosts(store, tmp_path):
    one, two = first_pass(store, tmp_path, hosts=2, S3DataDistributionType="ShardedByS3Key")
    assert payloads(one) == RECORDS[0] + RECORDS[2] and payloads(two) == RECORDS[1]


def test_a_shuffle_keeps_a_line_together(store, tmp_path):
    orders = [payloads(content) for content in first_pass(store, tmp_path, passes=8, ShuffleConfig={"Seed": 1})]
    pairs = [[order[i : i + 2] for i in (0, 2, 4)] for order in orders]
    assert all(sorted(order) == sorted(RECORDS) for order in pairs)
    assert len({json.dumps([label.decode() for _, label in order]) for order in pairs}) > 1


def test_without_a_wrapper_text_is_a_line(store, tmp_path):
    (content,) = first_pass(store, tmp_path, RecordWrapperType="None", AttributeNames=["class"])
    assert content == b"0\n[1, 0, 1]\n2\n"


def test_objects_can_be_wrapped_without_a_manifest(store, tmp_path):
    plain = {"S3DataType": "S3Prefix", "S3Uri": "s3://images/b"}
    (content,) = first_pass(store, tmp_path, **plain)
    assert payloads(content) == [b"image b"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no lines."),
        ("{", "line 1: not valid JSON"),
        ('{"class": 1}', "line 1: missing source-ref, which AttributeNames lists."),
        ("[1]", "line 1: missing source-ref, class"),
        ('{"source-ref": 5, "class": 1}', "line 1: source-ref is 5, expected an S3 URI such as s3://bucket/key."),
        (
            '{"source-ref": "s3://images/none.jpg", "class": 1}',
            "NoSuchKey (404): The specified key does not exist: s3://images/none.jpg "
            "(source-ref of Augmented manifest s3://images/train.manifest, line 1)",
        ),
        ("%PDF-1.7", "the data is PDF"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_why(store, text, problem):
    store.put("images", "train.manifest", [text.encode()])
    with pytest.raises(InputError) as caught:
        augmented_manifest.lines(channel(), store, 1)
    assert problem in str(caught.value)
