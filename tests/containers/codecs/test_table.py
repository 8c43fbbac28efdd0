"""The table of content types: what each reads and writes."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from wildsage.algorithms.base.errors import BadRecord, UserError
from wildsage.algorithms.base.spec import Response
from wildsage.containers import codecs
from wildsage.containers.codecs import MediaType, NotAcceptable, UnsupportedMediaType
from wildsage.containers.codecs.records import record_protobuf

RESPONSE = Response("predictions", ("closest_cluster", "distance_to_cluster"))
COLUMNS = {"distance_to_cluster": torch.tensor([2.5]), "closest_cluster": torch.tensor([4.0])}


def decode(content_type: str, body: bytes, default_label_size: int = 0):
    (batch,) = codecs.decode(MediaType.parse(content_type), [body], default_label_size=default_label_size)
    return batch


@pytest.mark.parametrize("name", codecs.DECODERS)
def test_every_type_reads_one_row(name):
    bodies = {
        codecs.RECORDIO_PROTOBUF: bytes.fromhex(
            "0a23d7ce 18000000 0a16 0a06 76616c756573 120c 120a 0a08 0000803f 00000040"
        ),
        codecs.CSV: b"1,2",
        codecs.JSON: b'{"instances": [{"features": [1, 2]}]}',
        codecs.JSON_LINES: b'{"features": [1, 2]}',
    }
    assert decode(name, bodies[name]).dense().tolist() == [[1, 2]]


@pytest.mark.parametrize("name", codecs.ENCODERS)
def test_every_type_writes_the_declared_order(name):
    body = codecs.encode(MediaType(name), COLUMNS, RESPONSE)
    if name == codecs.CSV:
        assert body == b"4.0,2.5\n"
    else:
        assert body.index(b"closest_cluster") < body.index(b"distance_to_cluster")


@pytest.mark.parametrize(
    ("content_type", "default", "labels"),
    [
        ("text/csv", 1, [[1.0]]),
        ("text/csv", 0, None),
        ("text/csv;label_size=0", 1, None),
        ("text/csv;label_size=2", 0, [[1, 2]]),
    ],
)
def test_label_size_of_the_type_wins_over_the_default(content_type, default, labels):
    batch = decode(content_type, b"1,2,3", default)
    assert (None if batch.labels_nl is None else batch.labels_nl.tolist()) == labels


@pytest.mark.parametrize("text", ["-1", "one", "", "1.5", "²", pytest.param("9" * 5000, id="long")])
def test_a_label_size_that_is_not_a_whole_number(text):
    with pytest.raises(UserError, match=r"parameter label_size: got .* expected a whole number"):
        decode(f"text/csv; label_size={text}", b"1,2")


def test_the_largest_label_size():
    with pytest.raises(BadRecord, match="label_size=1000000 leaves no features"):
        decode("text/csv; label_size=1000000", b"1,2")
    with pytest.raises(UserError, match="label_size: got '1000001', expected a whole number from 0 to 1000000"):
        decode("text/csv; label_size=1000001", b"1,2")


@pytest.mark.parametrize(
    ("accept", "names"),
    [
        ("application/json", ["distance_to_cluster"]),
        ("application/json; verbose=true", ["distance_to_cluster", "closest_cluster"]),
        ("application/json; verbose=True", ["distance_to_cluster", "closest_cluster"]),
        ("application/json; verbose=false", ["distance_to_cluster"]),
    ],
)
def test_columns_that_only_the_verbose_want_follow_the_others_and_missing_ones_are_left_out(accept, names):
    response = Response("predictions", ("distance_to_cluster", "lacking"), verbose=("closest_cluster", "lacking too"))
    (answer,) = json.loads(codecs.encode(MediaType.parse(accept), COLUMNS, response))["predictions"]
    assert list(answer) == names


def test_charset_goes_before_encoding_and_records_have_none():
    assert decode("text/csv; encoding=klingon; charset=latin-1", b"1,2").dense().tolist() == [[1, 2]]
    row = record_protobuf.encode_rows(np.ones((1, 2), np.float32))
    assert decode("application/x-recordio-protobuf; charset=klingon", bytes(row)).dense().tolist() == [[1, 1]]


@pytest.mark.parametrize("parameter", ["charset", "encoding"])
def test_charset(parameter):
    assert decode(f"text/csv; {parameter}=utf-16", "1,2".encode("utf-16")).features.tolist() == [[1, 2]]
    with pytest.raises(UserError, match="Charset 'klingon' is not read"):
        decode(f"application/json; {parameter}=klingon", b"{}")


def test_unknown_types_are_rejected_with_the_list_of_known_ones():
    with pytest.raises(UnsupportedMediaType, match="'image/png': not read here, expected application/x-recordio"):
        decode("image/png", b"")
    with pytest.raises(NotAcceptable, match="'image/png': not written here, expected application/json, "):
        codecs.encode(MediaType("image/png"), COLUMNS, RESPONSE)


def test_framing_does_not_load_the_array_engine():
    code = "import sys, wildsage.containers.codecs.records.recordio; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
