"""A request out of a file of training data, for each format that a channel may have."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image
from scipy.sparse import csr_array

from wildsage.containers.codecs.images import image_recordio
from wildsage.containers.codecs.records import files
from wildsage.local_runner.console.samples import body_of

ACCOUNT = "382416733822.dkr.ecr.us-east-1.amazonaws.com"
KMEANS, LINEAR, TEXT, SCRIPT = (f"{ACCOUNT}/{name}:1" for name in ("kmeans", "linear-learner", "blazingtext", "my-own"))


@pytest.mark.parametrize(
    ("content", "content_type", "image", "expected"),
    [
        (b"1,2,3\n4,5,6\n", "text/csv;label_size=0", KMEANS, ("text/csv", b"1,2,3")),
        (b"1,2,3\n4,5,6\n", "text/csv; label_size=2", KMEANS, ("text/csv", b"3")),
        (b"1,2,3\n", "text/csv", KMEANS, ("text/csv", b"1,2,3")),
        (b"1,2,3\n", "text/csv", LINEAR, ("text/csv", b"2,3")),
        (b"a,b\n1,2\n", "", SCRIPT, ("text/csv", b"1,2")),
        (b'"x, y",2\n', "csv", SCRIPT, ("text/csv", b'"x, y",2')),
        (b"1 0:2 5:1\n0 1:1\n", "text/libsvm", SCRIPT, ("text/libsvm", b"1 0:2 5:1")),
        (b"__label__4 a good day\n", "text/plain", TEXT, ("application/json", b'{"instances": ["a good day"]}')),
        (
            b'{"source": "a day", "label": 4}\n',
            "application/jsonlines",
            TEXT,
            ("application/json", b'{"instances": ["a day"]}'),
        ),
        (b"some plain words\n", "text/plain", TEXT, ("application/json", b'{"instances": ["some"]}')),
        (b'{"x": 1}\n{"x": 2}\n', "application/jsonlines", SCRIPT, ("application/json", b'{"x": 1}')),
        (b"\xff\xfe", "text/plain", SCRIPT, None),
        (b"words", "text/plain", SCRIPT, None),
        (b"", "text/csv", KMEANS, None),
    ],
)
def test_the_first_row_of_text(content, content_type, image, expected):
    assert body_of(content, content_type, "train/rows.csv" if b"," in content else "train/a", image) == expected


def test_dense_records_become_csv_and_sparse_ones_json():
    dense = bytes(files.encode_dense(np.array([[1.5, 2]], np.float32), np.array([7], np.float32)))
    assert body_of(dense, "application/x-recordio-protobuf", "a", LINEAR) == ("text/csv", b"1.5,2")
    files.write_spmatrix_to_sparse_tensor(file := io.BytesIO(), csr_array(np.array([[0, 2.5]], np.float32)))
    kind, body = body_of(file.getvalue(), "application/x-recordio-protobuf", "a", LINEAR)
    assert kind == "application/json"
    assert json.loads(body) == {"instances": [{"data": {"features": {"keys": [1], "shape": [2], "values": [2.5]}}}]}


def test_pictures_are_sent_as_they_are():
    Image.new("RGB", (9, 9)).save(file := io.BytesIO(), "PNG")
    picture = file.getvalue()
    assert body_of(picture, "image/png", "a.png", SCRIPT) == ("application/x-image", picture)
    assert body_of(image_recordio.encode(picture, [3], 0), "application/x-recordio", "a.rec", SCRIPT) == (
        "application/x-image",
        picture,
    )
