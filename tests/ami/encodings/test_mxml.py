"""AJAM's XML: Asterisk's form, and always well-formed."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.encodings.mxml import XmlForm


def test_a_document_as_asterisk_writes_it() -> None:
    form = XmlForm()
    elements = [
        form.message(b"Response: Success\r\nActionID: 8\r\nMessage: Done\r\n\r\n"),
        form.message(b"Event: UserEvent\r\nPrivilege: user,all\r\nA: 1\r\nA: 2\r\nq: '\"<>&\r\n\r\n"),
        form.message(b"Event: X\r\nlf: one\ntwo\nthree:four\r\n\r\n"),
        form.message(b"\r\n"),
    ]
    assert form.document(elements) == (
        b"<ajax-response>\n"
        b"<response type='object' id='unknown'><generic response='Success' actionid='8' message='Done'"
        b" /></response>\n"
        b"<response type='object' id='unknown'><generic event='UserEvent' privilege='user,all' a='1' a-2='2'"
        b" q='&apos;&quot;&lt;&gt;&amp;' /></response>\n"
        b"<response type='object' id='unknown'><generic event='X' lf='one' opaque_data='two\nthree:four'"
        b" /></response>\n"
        b"</ajax-response>\n"
    )


def test_an_empty_answer_is_an_empty_document() -> None:
    assert XmlForm().document([]) == b"<ajax-response>\n</ajax-response>\n"


@pytest.mark.parametrize(
    ("header", "attribute"),
    [
        (b"Event", b"event"),
        (b"x y", b"x_y"),
        (b"a.b", b"a_b"),
        (b"9x", b"_9x"),
        (b"", b"_"),
        ("é".encode(), b"__"),
        (b"-", b"_"),
    ],
)
def test_names_of_attributes(header: bytes, attribute: bytes) -> None:
    assert b"<generic " + attribute + b"='1' />" in XmlForm().message(header + b": 1\r\n\r\n")


def test_no_attribute_repeats_where_asterisks_would() -> None:
    written = XmlForm().message(b"A: 1\r\nA: 2\r\na: 3\r\na.b: 4\r\na-b: 5\r\nA-2: 6\r\n\r\n")
    assert b"<generic a='1' a-2='2' a-3='3' a_b='4' a_b-2='5' a_2='6' />" in written
    ElementTree.fromstring(written)


@pytest.mark.parametrize(
    ("target", "kind", "head"),
    [
        (b"box", b"Ping", b"<response type='object' id='box'><Ping "),
        (b"x'><b", b"", b"<response type='object' id='x&apos;&gt;&lt;b'><generic "),
        (b"", b"x y", b"<response type='object' id='unknown'><generic "),
        (b"t" * 101, b"k" * 101, b"<response type='object' id='unknown'><generic "),
        (b"t" * 100, b"k" * 100, b"<response type='object' id='" + b"t" * 100 + b"'><" + b"k" * 100 + b" "),
        (b"\xff", b"k\n", b"<response type='object' id='\xef\xbf\xbd'><generic "),
        (b"", "é".encode(), b"<response type='object' id='unknown'><generic "),
        (b"", b"9", b"<response type='object' id='unknown'><generic "),
    ],
)
def test_target_and_type(target: bytes, kind: bytes, head: bytes) -> None:
    assert XmlForm(target, kind).message(b"Ping: Pong\r\n\r\n").startswith(head + b"ping='Pong'")


_LINES = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from(
            [b"A: 1", b"a: 2", b"A-2: x", b"no colon", b": v", b"\x01: \x1b", b"<: >", b"xml: '"]
        ),
    ),
    max_size=12,
).map(lambda lines: b"\r\n".join([*lines, b"", b""]))


@given(message=_LINES, target=st.binary(max_size=8), kind=st.binary(max_size=8))
def test_a_document_is_always_well_formed(message: bytes, target: bytes, kind: bytes) -> None:
    form = XmlForm(target, kind)
    document = form.document([form.message(message), form.message(message)])
    root = ElementTree.fromstring(document)
    assert root.tag == "ajax-response"
    assert all(element.tag == "response" and len(element) == 1 for element in root)
