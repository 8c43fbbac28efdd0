"""Text from outside on a terminal."""

from __future__ import annotations

import pytest

from wildsage.containers.contract.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \u00e9 \u2713\t|", "plain \u00e9 \u2713\t|"),
        ("a\nb\r\n", "a\\x0ab\\x0d\\x0a"),
        ("\x1b]0;title\x07\x1b[2J", "\\x1b]0;title\\x07\\x1b[2J"),
        ("\x9b2J\x7f\x00", "\\x9b2J\\x7f\\x00"),
        ("a\u2028b\u202ec", "a\\u2028b\\u202ec"),
    ],
)
def test_control_characters_are_shown(text, shown):
    assert printable(text) == shown


def test_colours_stay_where_they_are_wanted():
    text = "\x1b[31mred\x1b[0m \x1b[2J"
    assert printable(text, colours=True) == "\x1b[31mred\x1b[0m \\x1b[2J"
    assert printable(text) == "\\x1b[31mred\\x1b[0m \\x1b[2J"
