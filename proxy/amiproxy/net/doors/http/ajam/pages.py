"""The six pages of AJAM: what each is called, and in which form it writes an answer."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from amiproxy.ami.encodings.html import HtmlForm
from amiproxy.ami.encodings.mxml import XmlForm
from amiproxy.ami.encodings.parameters import Parameters, last

#: Messages that are written before others are served: a millisecond or two.
_SLICE: Final = 50


class Form(Protocol):
    """Writes messages in one form."""

    def message(self, message: bytes) -> bytes:
        """One message."""

    def document(self, parts: Iterable[bytes]) -> bytes:
        """The whole body, of what ``message`` returned."""


@dataclass(frozen=True, slots=True)
class Page:
    """One of AJAM's paths.  ``form`` makes what writes an answer to these parameters; None: it stays AMI."""

    name: str
    content_type: bytes
    form: Callable[[Parameters], Form] | None

    @property
    def path(self) -> str:
        """Its path behind the prefix."""
        return f"/{self.name}"

    def body(self, parameters: Parameters, answer: bytes) -> bytes:
        """A short answer as the body of a response, at once."""
        if self.form is None:
            return answer
        form = self.form(parameters)
        return form.document([form.message(message) for message in _messages(answer)])

    def write(
        self, parameters: Parameters, answer: bytes, longest: int, done: Callable[[bytes | None], None]
    ) -> None:
        """Call ``done`` with an answer of any length as the body of a response: now, or from the loop.

        None: it is longer than ``longest`` bytes.  Long answers are written in slices.
        """
        if self.form is None:
            done(answer if len(answer) <= longest else None)
            return
        _Writing(self.form(parameters), _messages(answer), longest, done).next()


class _Writing:
    """An answer that is being written."""

    def __init__(
        self, form: Form, messages: Iterator[bytes], longest: int, done: Callable[[bytes | None], None]
    ) -> None:
        self._form = form
        self._messages = messages
        self._left = longest
        self._done = done
        self._parts: list[bytes] = []

    def next(self) -> None:
        for _ in range(_SLICE):
            message = next(self._messages, None)
            if message is None:
                self._done(self._form.document(self._parts))
                return
            part = self._form.message(message)
            self._left -= len(part)
            if self._left < 0:
                self._done(None)
                return
            self._parts.append(part)
        asyncio.get_running_loop().call_soon(self.next)


def _messages(answer: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(answer):
        end = answer.find(b"\r\n\r\n", start)
        end = len(answer) if end < 0 else end + 4
        yield answer[start:end]
        start = end


def _xml(parameters: Parameters) -> Form:
    return XmlForm(last(parameters, b"ajaxdest"), last(parameters, b"ajaxobjtype"))


#: With a cookie, and with a digest: raw, XML and HTML.  Content types are Asterisk's.
RAWMAN: Final = Page("rawman", b"text/plain", None)
MXML: Final = Page("mxml", b"text/xml", _xml)
MANAGER: Final = Page("manager", b"text/html", lambda _: HtmlForm(b"manager"))
ARAWMAN: Final = Page("arawman", b"text/plain", None)
AMXML: Final = Page("amxml", b"text/xml", _xml)
AMANAGER: Final = Page("amanager", b"text/html", lambda _: HtmlForm(b"amanager"))

COOKIE_PAGES: Final = (RAWMAN, MXML, MANAGER)
DIGEST_PAGES: Final = (ARAWMAN, AMXML, AMANAGER)
