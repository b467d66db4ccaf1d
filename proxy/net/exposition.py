"""Exposition: all metrics as the text that Prometheus fetches, written in slices.

With ten thousand users it is a megabyte, half a second's work, which must not hold up events.
So families come in parts of a few samples, and the loop does everything else between them.  A counter
read late in the text may have counted more than one read early; none is ever less than in a text before.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from proxy.net import gently
from proxy.steps import Steps

#: What OpenMetrics ends with.
_END: Final = b"# EOF\n"

Encoder = Callable[[Collector], bytes]


class _Part(Collector):
    """One part of a family, for an encoder, which knows only whole collectors."""

    def __init__(self, part: Metric) -> None:
        self._part = part

    def collect(self) -> Iterator[Metric]:
        yield self._part


class Exposition:
    """The text of a collector, of which consecutive families of one name are parts of one family.

    One text is written at a time.  Whoever asks meanwhile is given the next, all of them the same.
    """

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._turn = asyncio.Lock()
        self._begun = 0
        self._asking = 0
        #: By content type: the number of the text, and the text.  Only while somebody asks.
        self._written: dict[str, tuple[int, bytes]] = {}

    async def text(self, accept: str, slices: gently.Slices | None = None) -> tuple[bytes, str]:
        """The text and its content type, for this Accept header.

        Raises TypeError or ValueError for a header that the client library cannot read.
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
                    body = await gently.between(writing(self._collector, encoder), slices)
                    self._written[content_type] = number, body
                return body, content_type
        finally:
            self._asking -= 1
            if not self._asking:
                self._written.clear()


def writing(collector: Collector, encoder: Encoder) -> Steps[bytes]:
    """What the encoder would write of all families, in steps."""
    written: list[bytes] = []
    before, ends = "", False
    for part in collector.collect():
        text = encoder(_Part(part))
        if text.endswith(_END):
            text, ends = text.removesuffix(_END), True
        # The head of a family stands once.
        written.append(_without_head(text) if part.name == before else text)
        before = part.name
        yield
    return b"".join([*written, _END] if ends else written)


def _without_head(text: bytes) -> bytes:
    while text.startswith(b"#"):
        _, _, text = text.partition(b"\n")
    return text
