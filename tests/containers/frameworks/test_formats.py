"""Arrays in bodies and answers of scripts."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import scipy.sparse

from wildsage.containers.frameworks import formats
from wildsage.containers.frameworks.formats import UnsupportedType


@pytest.mark.parametrize(
    ("media_type", "base"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("Text/CSV ; charset=utf-8;a=b", "text/csv"),
        ("*/*", "*/*"),
    ],
)
def test_parameters_and_case_of_a_media_type_do_not_count(media_type, base):
    assert formats.base_type(media_type) == base


def npy(array, **options) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def test_every_type_of_body_becomes_its_array():
    assert formats.decode("[[1, 2.5]]", None).tolist() == [[1, 2.5]]
    assert formats.decode("1,2\n3,4\n", "text/csv; header=absent").tolist() == [[1, 2], [3, 4]]
    assert formats.decode(npy(np.array([7], np.int16)), "application/x-npy").dtype == np.int16
    matrix = scipy.sparse.csr_matrix([[0, 5]])
    stream = io.BytesIO()
    scipy.sparse.save_npz(stream, matrix)
    assert formats.decode(stream.getvalue(), "application/x-npz").toarray().tolist() == [[0, 5]]


@pytest.mark.parametrize("body", [npy(np.array([object()]), allow_pickle=True), b"no array"])
def test_nothing_is_unpickled(body):
    with pytest.raises(ValueError):
        formats.decode(body, "application/x-npy")


def test_other_types_are_rejected_with_advice():
    with pytest.raises(UnsupportedType) as caught:
        formats.decode(b"", "image/png; a=b")
    assert str(caught.value).startswith(
        "Content type image/png; a=b is not supported by this framework.\n\nPlease impl"
    )
    with pytest.raises(UnsupportedType, match="Content type image/png, text/html is not supported"):
        formats.encode([1], "image/png, text/html")


def test_the_first_type_that_can_be_written_is_the_answers():
    rows = np.array([[1.5, 2], [3, 4]])
    assert formats.encode(rows, "application/json") == ("[[1.5, 2.0], [3.0, 4.0]]", "application/json")
    assert formats.encode(rows, "image/png, TEXT/CSV;q=0.1, application/json") == ("1.5,2.0\n3.0,4.0\n", "text/csv")
    content, media_type = formats.encode(rows, "application/x-npy,text/csv")
    assert media_type == "application/x-npy" and np.array_equal(np.load(io.BytesIO(content)), rows)


def test_arrays_within_other_values_are_lists_and_what_json_lacks_is_named():
    text, _ = formats.encode({"a": np.arange(2), "b": [np.float32(0.5)]}, "application/json")
    assert json.loads(text) == {"a": [0, 1], "b": [0.5]}
    with pytest.raises(TypeError, match="Object of type object is not JSON serializable"):
        formats.encode([object()], "application/json")


def test_no_answer_is_pickled():
    with pytest.raises(ValueError):
        formats.encode(np.array([object()]), "application/x-npy")
