"""Exposition: all metrics as the text that Prometheus fetches, written in slices.

With ten thousand users the text is a megabyte and takes half a second, which must not delay events.
So families are written in parts of a few samples, and the loop does its other work between them.
A counter read late in the text may be ahead of one read early, but no counter is ever lower than in
an earlier text.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from amiproxy.net.loop import gently
from amiproxy.steps import Steps

#: The last line of an OpenMetrics text.
_END: Final = b"# EOF\n"
_PRINTABLE: Final = re.compile(r"[ -~]*")

Encoder = Callable[[Collector], bytes]


class _Part(Collector):
    """One part of a family, as a collector of its own, because encoders take only collectors."""

    def __init__(self, part: Metric) -> None:
        self._part = part

    def collect(self) -> Iterator[Metric]:
        yield self._part


class Exposition:
    """The text of a collector whose consecutive families of the same name are parts of one family.

    One text is written at a time.  All requests that arrive meanwhile share the next one.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._turn = asyncio.Lock()
        self._begun = 0
        self._asking = 0
        #: Number and body of the last text by content type; kept only while requests are waiting.
        self._written: dict[str, tuple[int, bytes]] = {}

    async def text_for(self, accept: str) -> tuple[bytes, str]:
        """As ``text``, whatever a client has sent as its Accept header."""
        # The encoder copies the requested version into the content type, and raises if it is not a number.
        try:
            return await self.text(accept if _PRINTABLE.fullmatch(accept) else "")
        except (TypeError, ValueError):
            return await self.text("")

    async def text(self, accept: str, slices: gently.SliceRunner | None = None) -> tuple[bytes, str]:
        """The text (UTF-8) and its content type, chosen by this Accept header.

        Raises TypeError or ValueError for a header that the Prometheus client library cannot parse.
        """
        encoder, content_type = choose_encoder(accept)
        asked = self._begun
        self._asking += 1
        try:
            async with self._turn:
                number, body = self._written.get(content_type, (0, b""))
                if number <= asked:
                    self._begun += 1
                    number = self._begun
                    body = await gently.in_loop(writing(self._collector, encoder), slices)
                    self._written[content_type] = number, body
                return body, content_type
        finally:
            self._asking -= 1
            if not self._asking:
                self._written.clear()


def writing(collector: Collector, encoder: Encoder) -> Steps[bytes]:
    """The encoded text of all families, produced in steps."""
    written: list[bytes] = []
    before, ends = "", False
    for part in collector.collect():
        text = encoder(_Part(part))
        if text.endswith(_END):
            text, ends = text.removesuffix(_END), True
        # The HELP and TYPE lines of a family appear once.
        written.append(_without_head(text) if part.name == before else text)
        before = part.name
        yield
    return b"".join([*written, _END] if ends else written)


def _without_head(text: bytes) -> bytes:
    while text.startswith(b"#"):
        _, _, text = text.partition(b"\n")
    return text
