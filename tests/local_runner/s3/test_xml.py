"""XML documents: what is written can be read, and what S3 writes otherwise than XML 1.0 allows."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildsage.local_runner.s3.errors import S3Error
from wildsage.local_runner.s3.xml import NAMESPACE, Markup, document, escaped, markup, parse

READABLE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff"))


@given(READABLE | st.sampled_from(["\t", "\n", "\r", "\r\n", "]]>", "\x7f\x80"]))
def test_text_is_read_as_it_was_written(text):
    root = ElementTree.fromstring(document("Root", {"Key": text}))
    assert (root.findtext(f"{{{NAMESPACE}}}Key") or "") == text


def test_what_means_something_in_xml_is_escaped():
    assert escaped('<a b="c">&amp;\'\t') == "&lt;a b=&quot;c&quot;&gt;&amp;amp;'\t"


@pytest.mark.parametrize(
    ("character", "reference"),
    [
        ("\0", "&#x0;"),
        ("\x01", "&#x1;"),
        ("\x08", "&#x8;"),
        ("\n", "&#10;"),
        ("\x0b", "&#xb;"),
        ("\r", "&#13;"),
        ("\x0e", "&#xe;"),
        ("\x1f", "&#x1f;"),
        ("\ufffe", "&#xfffe;"),
        ("\uffff", "&#xffff;"),
    ],
)
def test_a_control_character_is_a_reference_as_in_s3(character, reference):
    assert escaped(f"a{character}b") == f"a{reference}b"


@pytest.mark.parametrize("character", ["\t", " ", "\x7f", "\x80", "\ufffd", "\U00010000"])
def test_other_characters_stand_for_themselves(character):
    assert escaped(character) == character


def test_lists_repeat_their_element_and_none_omits_it():
    content = {
        "Name": "b",
        "Absent": None,
        "Entry": [{"Size": 1}, {"Size": 0}],
        "Empty": [],
        "Flag": [True, False, None],
    }
    assert markup(content) == (
        "<Name>b</Name><Entry><Size>1</Size></Entry><Entry><Size>0</Size></Entry><Flag>true</Flag><Flag>false</Flag>"
    )


def test_markup_is_not_escaped_again():
    assert markup({"Entry": [Markup("<Key>&amp;</Key>")]}) == "<Entry><Key>&amp;</Key></Entry>"


def test_an_element_may_have_attributes():
    assert markup({'Grantee type="User"': {"ID": "i"}}) == '<Grantee type="User"><ID>i</ID></Grantee>'


def test_a_document_names_its_namespace_unless_it_has_none():
    assert document("Root", "text") == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Root xmlns="http://s3.amazonaws.com/doc/2006-03-01/">text</Root>'
    )
    assert document("Error", {}, namespace="").endswith(b"\n<Error></Error>")


def test_a_request_is_read_with_its_namespace_or_without_one():
    for body in (f'<Delete xmlns="{NAMESPACE}"><Key>a</Key></Delete>', "<Delete><Key>a</Key></Delete>"):
        assert parse(body.encode(), "Delete").findtext("Key") == "a"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "could not be read"),
        (b"<Delete>", "could not be read"),
        (b"<Delete>\xff</Delete>", "could not be read"),
        (b"<!DOCTYPE d><Delete/>", "a document type is not allowed"),
        (b"<Other/>", "is a Other, expected a Delete"),
    ],
)
def test_what_is_not_the_document_is_malformed(body, text):
    with pytest.raises(S3Error, match=text) as caught:
        parse(body, "Delete")
    assert caught.value.code == "MalformedXML"
