"""Content types with parameters, and the choice among those that a caller accepts."""

from __future__ import annotations

import pytest

from wildsage.containers.codecs.media_type import MediaType, NotAcceptable, UnsupportedMediaType, accepted

JSON, LINES, CSV = "application/json", "application/jsonlines", "text/csv"
OFFERED = (JSON, LINES, CSV)


@pytest.mark.parametrize(
    ("text", "name", "parameters"),
    [
        ("text/csv", "text/csv", {}),
        ("text/csv; label_size=1", "text/csv", {"label_size": "1"}),
        (" Text/CSV ;Label_Size = 1 ; charset=UTF-8;", "text/csv", {"label_size": "1", "charset": "UTF-8"}),
        ('application/JSON; note="a;b"', "application/json", {"note": "a;b"}),
    ],
)
def test_parse(text, name, parameters):
    media_type = MediaType.parse(text)
    assert (media_type.name, dict(media_type.parameters)) == (name, parameters)


@pytest.mark.parametrize("text", ["", "csv", "text/", "/csv", "text csv/x", "; label_size=1"])
def test_what_is_not_a_media_type_is_rejected(text):
    with pytest.raises(UnsupportedMediaType, match="expected a media type"):
        MediaType.parse(text)


def test_str_is_read_back():
    text = "text/csv; label_size=1; charset=utf-8"
    assert str(MediaType.parse(text)) == text


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("text/csv", CSV),
        ("Application/JsonLines", LINES),
        ("application/*", JSON),
        ("text/*", CSV),
        ("image/png, text/csv;q=0.2, application/jsonlines;q=0.7", LINES),
        ("text/csv, application/json", CSV),
        ("text/csv;q=0, */*;q=0.1", JSON),
        ("text/csv;q=-1, application/jsonlines;q=0.001", LINES),
        ("text/csv;q=0.5, application/jsonlines;q=0.5", CSV),
        *((f"application/jsonlines;q=0.9, text/csv;q={odd}", CSV) for odd in ("nan", "inf", "-inf", "high", "")),
        *((f"application/jsonlines, text/csv;q={odd}", LINES) for odd in ("5", "inf", "high")),
        ("text/html, image/gif, *; q=.2, */*; q=.2", JSON),
        (", text/csv,", CSV),
    ],
)
def test_accepted(header, chosen):
    assert accepted(header, OFFERED, default=JSON).name == chosen


def test_parameters_of_the_chosen_range_stay():
    chosen = accepted("application/json; verbose=true; q=0.5", OFFERED, default=JSON)
    assert dict(chosen.parameters) == {"verbose": "true"}


@pytest.mark.parametrize(
    "header", ["image/png", "text/csv;q=0", "text/csv;q=-1", "image/*", "app/*", "text/cs", "nonsense"]
)
def test_nothing_acceptable(header):
    with pytest.raises(NotAcceptable, match="expected application/json, application/jsonlines, text/csv"):
        accepted(header, OFFERED, default=JSON)
