"""Plain values in the types of a wire format."""

from datetime import UTC, datetime

import pytest
from botocore.model import ShapeResolver

from wildsage.local_runner.wire.values import CBOR, JSON, XML, serialize, without_nulls

SHAPES = ShapeResolver(
    {
        "Answer": {
            "type": "structure",
            "members": {
                "Name": {"shape": "Text"},
                "Renamed": {"shape": "Text", "locationName": "onTheWire"},
                "Times": {"shape": "Times"},
                "Blobs": {"shape": "Blobs"},
                "Share": {"shape": "Double"},
                "Rate": {"shape": "Float"},
                "Count": {"shape": "Integer"},
                "Flag": {"shape": "Flag"},
            },
        },
        "Times": {"type": "list", "member": {"shape": "Time"}},
        "Blobs": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Blob"}},
        "Text": {"type": "string"},
        "Time": {"type": "timestamp"},
        "Blob": {"type": "blob"},
        "Double": {"type": "double"},
        "Float": {"type": "float"},
        "Integer": {"type": "integer"},
        "Flag": {"type": "boolean"},
    }
)
ANSWER = SHAPES.get_shape_by_name("Answer")


@pytest.mark.parametrize(
    ("notation", "time", "blob"),
    [
        (JSON, 1.235, "AAE="),
        (XML, "1970-01-01T00:00:01Z", "AAE="),
        (CBOR, datetime(1970, 1, 1, 0, 0, 1, 234_567, UTC), b"\x00\x01"),
    ],
    ids=["JSON", "XML", "CBOR"],
)
def test_times_and_bytes_are_written_as_the_format_has_them(notation, time, blob):
    values = {"Times": [1.234567], "Blobs": {"a": b"\x00\x01"}}
    assert serialize(values, ANSWER, notation) == {"Times": [time], "Blobs": {"a": blob}}


def test_members_have_the_names_of_the_wire_and_absent_ones_are_left_out():
    values = {"Name": "x", "Renamed": "y", "Count": None, "Unknown": 1}
    assert serialize(values, ANSWER, JSON) == {"Name": "x", "onTheWire": "y"}


def test_what_is_empty_or_zero_is_not_absent():
    values = {"Name": "", "Times": [], "Blobs": {}, "Count": 0, "Flag": False}
    assert serialize(values, ANSWER, JSON) == values


def test_a_whole_number_of_a_fraction_is_a_fraction():
    found = serialize({"Share": 1, "Rate": 2, "Count": 3}, ANSWER, JSON)
    assert [type(found[name]) for name in ("Share", "Rate", "Count")] == [float, float, int]


def test_null_is_absent_in_members_at_every_depth_and_stays_in_lists():
    given = {"a": None, "b": [{"c": None, "d": 0}, None], "e": {"f": None}, "g": ""}
    assert without_nulls(given) == {"b": [{"d": 0}, None], "e": {}, "g": ""}
