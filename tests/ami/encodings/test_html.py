"""AJAM's HTML: Asterisk's rows, in a page of our own."""

import html.parser

from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.encodings.html import HtmlForm, error_page


class Elements(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def elements(page: bytes) -> list[tuple[str, dict[str, str | None]]]:
    parser = Elements()
    parser.feed(page.decode())
    parser.close()
    return parser.tags


def test_rows_as_asterisk_writes_them() -> None:
    written = HtmlForm(b"manager").message(
        b"Event: X\r\nA: 1\r\nA: <b>\r\na: 3\r\nlf: one\ntwo\nthree\r\n\r\n"
    )
    assert written == (
        b"<tr><td>Event</td><td>X</td></tr>\n"
        b"<tr><td>A</td><td>1</td></tr>\n"
        b"<tr><td>A-2</td><td>&lt;b&gt;</td></tr>\n"
        b"<tr><td>a</td><td>3</td></tr>\n"
        b"<tr><td>lf</td><td>one</td></tr>\n"
        b"<tr><td>Opaque-data</td><td>two<br>\nthree</td></tr>\n"
        b'<tr><td colspan="2"><hr></td></tr>\r\n'
    )
    assert HtmlForm(b"manager").message(b"\r\n") == b""


def test_the_page_has_a_form_with_asterisks_fields_that_refers_to_itself() -> None:
    form = HtmlForm(b"amanager")
    found = elements(form.document([form.message(b"Response: Success\r\n\r\n")]))
    assert ("form", {"action": "amanager", "method": "post"}) in found
    fields = [(tag, attributes.get("name")) for tag, attributes in found if tag in {"select", "input"}]
    assert fields == [
        ("select", "action"),
        ("input", "action"),
        ("input", "command"),
        ("input", "username"),
        ("input", "secret"),
        ("input", None),
    ]
    assert sum(tag == "td" for tag, _ in found) == 3


def test_an_error_page_has_asterisks_elements_and_escapes_its_text() -> None:
    page = error_page(404, b"Not Found", b"<script>", b"Asterisk")
    assert b"<title>404 Not Found</title>" in page
    assert b"<h1>Not Found</h1>\r\n<p>&lt;script&gt;</p>\r\n<hr />\r\n<address>Asterisk</address>" in page


@given(message=st.binary(max_size=60))
def test_no_message_adds_an_element_of_its_own(message: bytes) -> None:
    form = HtmlForm(b"manager")
    added = elements(form.document([form.message(message)]))[len(elements(form.document([]))) :]
    assert {tag for tag, _ in added} <= {"tr", "td", "hr", "br"}
