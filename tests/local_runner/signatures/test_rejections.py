"""What a rejection says before it is put in the words of a protocol."""

from __future__ import annotations

from wildsage.local_runner.signatures.rejections import NotSigned, WrongTime


def test_a_rejection_has_a_text_and_details_if_they_are_given():
    late = WrongTime("too late", RequestTime="1", ServerTime="2")
    assert (str(late), late.details) == ("too late", {"RequestTime": "1", "ServerTime": "2"})
    assert (str(NotSigned()), NotSigned().details) == ("", {})
