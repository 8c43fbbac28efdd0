"""Whole numbers from outside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildsage.containers.contract.whole_number import LARGEST, shortened, whole_number

ODD = (
    "",
    "-5",
    "+5",
    " 5",
    "5 ",
    "5\n",
    "0x5",
    "5_0",
    "\u0665",
    "\u00b2",
    "\u096b",
    "5.0",
    "1e3",
    "NaN",
    "9" * 20,
    "9" * 5000,
)


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("base", [10, 16])
def test_what_else_int_takes_is_an_error(text, base):
    if base == 16 and text == "1e3":
        assert whole_number(text, base=16) == 0x1E3
        return
    with pytest.raises(ValueError, match="expected a whole number from 0 to"):
        whole_number(text, base=base)


@given(st.integers(0, LARGEST), st.sampled_from([10, 16]))
def test_each_number_is_read(number, base):
    assert whole_number(f"{number:x}" if base == 16 else str(number), base=base) == number


def test_the_bound_belongs_to_the_range():
    assert whole_number("10", most=10) == 10
    with pytest.raises(ValueError, match=r"got '11', expected a whole number from 0 to 10$"):
        whole_number("11", most=10)


def test_the_largest_number_is_read_and_the_next_is_not():
    assert (
        whole_number("9223372036854775807") == LARGEST == 9223372036854775807 == whole_number(f"{LARGEST:x}", base=16)
    )
    assert whole_number("0" * 18 + "7") == 7
    for text, base in ((str(LARGEST + 1), 10), (f"{LARGEST + 1:x}", 16), ("0" * 19 + "7", 10)):
        with pytest.raises(ValueError, match=f"got '{text}', expected"):
            whole_number(text, base=base)


def test_a_message_shows_the_beginning_of_a_long_text():
    assert shortened("a\x1b[2J") == r"'a\x1b[2J'"
    assert shortened("9" * 40) == repr("9" * 40)
    assert shortened("9" * 41) == f"'{'9' * 40}' and 1 characters more"
    assert shortened("abc", 2) == "'ab' and 1 characters more"
