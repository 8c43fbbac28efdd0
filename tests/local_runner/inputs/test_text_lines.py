"""Lines of BlazingText's training data as requests."""

import json

import pytest

from wildsage.local_runner.inputs.text_lines import request_of


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("__label__sea a ship", "a ship"),
        ("__label__sea __label__big a ship", "a ship"),
        ("a __label__sea ship", "a ship"),
        ("a ship", "a"),
        ("  a   ship \n", "a"),
        ("Größe und", "Größe"),
        ('{"source": "a ship", "label": 1}', "a ship"),
        (' {"source": "__label__ stays"}', "__label__ stays"),
    ],
)
def test_a_request_has_the_text_without_labels_or_the_first_word(line, text):
    assert json.loads(request_of(line)) == {"instances": [text]}


@pytest.mark.parametrize("line", ["", "   ", "__label__sea", "{}", '{"source": 7}', '{"source": ""}', '{"text": "a"}'])
def test_a_line_without_text_is_named(line):
    with pytest.raises(ValueError, match="the line holds no text"):
        request_of(line)


def test_a_long_line_is_named_by_its_first_fifty_characters():
    with pytest.raises(ValueError) as caught:
        request_of("__label__" + "x" * 50)
    assert str(caught.value) == f"the line holds no text: {'__label__' + 'x' * 41!r}"


def test_a_line_that_is_not_valid_json_is_rejected():
    with pytest.raises(ValueError):
        request_of("{source")
