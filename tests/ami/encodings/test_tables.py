"""Messages are cut into rows as Asterisk does it, and their text is made valid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.encodings.tables import OPAQUE, escaped, rows


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"", []),
        (b"\r\n\r\n", []),
        (b"Response: Success\r\nPing:Pong\r\n\r\n", [(b"Response", b"Success"), (b"Ping", b"Pong")]),
        (b"t:  lead \r\nctl: \x01\x1b\r\n", [(b"t", b"lead"), (b"ctl", b"")]),  # as seen on Asterisk 22
        (b": e\r\n", [(b"", b"e")]),
        (b"a: b: c\r\n", [(b"a", b"b: c")]),
        (b"lf: one\ntwo\nthree:four\r\n\r\n", [(b"lf", b"one"), (OPAQUE, b"two\nthree:four")]),
    ],
)
def test_rows(message: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    assert rows(message) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"plain", b"plain"),
        (b"a\nb", b"a\nb"),
        (b"<&>\"'", b"&lt;&amp;&gt;&quot;&apos;"),
        (b"&lt;", b"&amp;lt;"),
        ("zażółć\t".encode(), "zażółć\t".encode()),
        (b"\xe9", "\ufffd".encode()),
        (b"a\x00\x1bb\x0c", "a\ufffd\ufffdb\ufffd".encode()),
        ("\uffff".encode(), "\ufffd".encode()),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd".encode()),  # a surrogate
    ],
)
def test_escaped(text: bytes, expected: bytes) -> None:
    assert escaped(text) == expected


@given(text=st.binary(max_size=40))
def test_escaped_text_is_utf8_without_markup(text: bytes) -> None:
    shown = escaped(text).decode()
    assert not set(shown) & set("<>\"'")
