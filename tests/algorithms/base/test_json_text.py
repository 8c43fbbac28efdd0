"""The one reader of JSON that others wrote."""

import pytest

from wildsage.algorithms.base import json_text


@pytest.mark.parametrize("text", ["[" * 100_000, b'{"a":' * 100_000, "[" * 100_000 + "]" * 100_000])
def test_deep_nesting_is_an_error_of_the_text(text):
    with pytest.raises(ValueError, match=r"The value is nested too deeply: line 1 column 1 \(char 0\)$"):
        json_text.parse(text)


def test_what_is_valid_is_read():
    assert json_text.parse(b'{"a": [1, null, "x"]}') == {"a": [1, None, "x"]}
