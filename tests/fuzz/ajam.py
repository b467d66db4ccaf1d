"""What AJAM reads and writes: parameters and answers."""

from html.parser import HTMLParser
from typing import Final
from xml.etree import ElementTree

from amiproxy.ami.encodings.html import HtmlForm
from amiproxy.ami.encodings.mxml import XmlForm
from amiproxy.ami.encodings.parameters import action_name, as_action, decode
from amiproxy.ami.errors import ProtocolError
from amiproxy.ami.framing import ActionFramer
from amiproxy.ami.message import parse_action
from tests.differential.asterisk_reader import AsteriskReader

_RELAY_ID: Final = b"0123456789abcdef0123456789abcdef"


def ajam_parameters(data: bytes) -> None:
    """Any query or form: it is refused, or Asterisk reads one action of exactly these parameters."""
    parameters = decode(data)
    try:
        raw = as_action(parameters)
    except ProtocolError:
        return
    assert raw.count(b"\r\n") == len(parameters) + 1
    assert ActionFramer().feed(raw) in ([raw], [])
    action = parse_action(raw)
    assert action.name == action_name(parameters)
    try:
        sent = action.serialise(_RELAY_ID)
    except ProtocolError:
        return  # one header too many, with the relay id
    (read,) = AsteriskReader().feed(sent)
    assert not read.refused
    assert read.action == action.name
    assert read.get(b"ActionID") == _RELAY_ID


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)


def ajam_answers(data: bytes) -> None:
    """Whatever an answer has in it: the XML is well-formed, and text adds no element to the page."""
    head, _, rest = data.partition(b"\n")
    xml = XmlForm(head, head[::-1])
    root = ElementTree.fromstring(xml.document([xml.message(rest), xml.message(data)]))
    assert all(element.tag == "response" and len(element) == 1 for element in root)
    html = HtmlForm(b"manager")
    tags = _Tags()
    tags.feed(html.message(data).decode())
    tags.close()
    assert tags.seen <= {"tr", "td", "hr", "br"}
