"""NatsParser: cuts what an engine sends into messages and commands, and gives them to nats-py's client.

nats-py's own parser trusts what the sender of a message chooses: its headers, and the subject for the answer.
Some of those end its task that reads, so that the connection is deaf until its pings are overdue, and any
process of the fleet could do that to any other.  Its parser also handles all that was read before anything
else in the process gets its turn.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from nats.aio.client import Client
from nats.errors import ProtocolError
from nats.protocol.parser import Parser

#: Longest line in bytes.  Lines with two subjects are shorter than 4 KiB at the engine; INFO may be longer.
_LONGEST_LINE: Final = 64 << 10
#: Largest message that a nats-server can be configured to pass on, in bytes.
_LARGEST: Final = 64 << 20
#: Seconds after which everything else in the process gets its turn.
_SLICE: Final = 0.001
_LINE_END: Final = b"\r\n"


class NatsParser(Parser):
    """Of one connection.  ``parse`` raises ProtocolError for what no nats-server says, and nothing else."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.perf_counter) -> None:
        super().__init__(client)
        self._client = client
        self._clock = clock

    def reset(self) -> None:
        """Forget everything that was read."""
        self.buf = bytearray()

    async def parse(self, data: bytes = b"") -> None:
        """Handle what is complete with these bytes."""
        buffer, clock = self.buf, self._clock
        buffer.extend(data)
        until = clock() + _SLICE
        while True:
            end = buffer.find(_LINE_END)
            if end < 0:
                if len(buffer) > _LONGEST_LINE:
                    raise ProtocolError
                return
            line = bytes(buffer[:end])
            begin = end + len(_LINE_END)
            if line.startswith((b"MSG ", b"HMSG ")):
                words, head, size = _sizes(line)
                stop = begin + size
                if len(buffer) < stop + len(_LINE_END):
                    return
                headers, body = bytes(buffer[begin : begin + head]), bytes(buffer[begin + head : stop])
                del buffer[: stop + len(_LINE_END)]
                sid, reply = int(words[1]), words[2] if len(words) > 2 else b""
                await self._client._process_msg(sid, words[0], reply, body, headers)
            else:
                del buffer[:begin]
                await self._command(line)
            if clock() >= until:
                await asyncio.sleep(0)
                until = clock() + _SLICE

    async def _command(self, line: bytes) -> None:
        client = self._client
        match line.rstrip():
            case b"PING":
                await client._process_ping()
            case b"PONG":
                await client._process_pong()
            case b"+OK":
                pass
            case said if said.startswith(b"-ERR "):
                await client._process_err(said.removeprefix(b"-ERR ").decode("utf-8", "replace").lower())
            case said if said.startswith(b"INFO "):
                pass  # of other engines, whose addresses are configured
            case _:
                raise ProtocolError


def _sizes(line: bytes) -> tuple[list[bytes], int, int]:
    """Subject, number of the subscription, and subject for the answer if there is one; then two sizes.

    The sizes are those of the headers, and of all.
    """
    verb, *words = line.split(b" ")
    sizes = 2 if verb == b"HMSG" else 1
    numbers = [words[1], *words[-sizes:]] if len(words) in {2 + sizes, 3 + sizes} else []
    if not numbers or not all(number.isdigit() and len(number) < 10 for number in numbers):
        raise ProtocolError
    size = int(words[-1])
    head = int(words[-2]) if sizes == 2 else 0
    if head > size or size > _LARGEST:
        raise ProtocolError
    return words[:-sizes], head, size
