"""A tagged link as a list: what was sent over it, and an agent's answers."""

from typing import NamedTuple

from amiproxy.ami.message import Message
from amiproxy.core.ports import OnBehalf
from tests.support.core_doubles import Bench, ListUpstream

BANNER = b"Asterisk Call Manager/11.0.0\r\n"


class Sent(NamedTuple):
    """One action that was sent."""

    action: Message
    relay_id: bytes
    on_behalf: OnBehalf | None
    seconds: float
    #: As it was sent.
    data: bytes


class TaggedListUpstream(ListUpstream):
    """Records the actions that it is sent; see TaggedUpstream."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Sent] = []

    def send(self, data: bytes) -> None:
        raise AssertionError(data)

    def send_for(self, data: bytes, relay_id: bytes, on_behalf: OnBehalf | None, seconds: float) -> None:
        self.sent.append(Sent(Message(data), relay_id, on_behalf, seconds, data))

    def take_sent(self) -> list[Sent]:
        sent, self.sent = self.sent, []
        return sent


def response(relay_id: bytes, *lines: bytes, kind: bytes = b"Success") -> bytes:
    """A response of Asterisk's."""
    return b"\r\n".join((b"Response: " + kind, b"ActionID: " + relay_id, *lines, b"\r\n"))


def tag_up(
    bench: Bench, *, at: str = "", position: tuple[int, int] | None = None, booted: bool = True
) -> TaggedListUpstream:
    """Bring up a tagged link of a server; what the proxy asks for itself is answered, without content."""
    server, upstream = bench.server(at), TaggedListUpstream()
    server.link_up(upstream, BANNER, position)
    if booted:
        server.serve()
    for sent in upstream.take_sent():
        assert sent.on_behalf is None
        server.answered(sent.relay_id, [response(sent.relay_id)], last=True)
    return upstream
