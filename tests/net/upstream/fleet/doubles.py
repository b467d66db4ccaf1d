"""An engine and a server in memory, for the link of an edge."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace

from amiproxy.core.fleet.wire import ANSWER, LAST, Ask, Head, Request, decode_ask, decode_request, packed
from amiproxy.core.ports import TaggedUpstream
from amiproxy.net.fleet.channel import EngineDown, Handler


class MemoryChannel:
    """Records what is published; ``deliver`` is a message from others."""

    def __init__(self) -> None:
        self.is_up = True
        self.published: list[tuple[str, bytes, str]] = []
        self.handlers: dict[str, Handler] = {}

    def publish(self, subject: str, data: bytes, reply: str = "") -> None:
        if not self.is_up:
            raise EngineDown("not connected")
        self.published.append((subject, data, reply))

    def subscribe(self, subject: str, callback: Handler) -> Callable[[], None]:
        assert subject not in self.handlers
        self.handlers[subject] = callback

        def end() -> None:
            del self.handlers[subject]

        return end

    def deliver(self, subject: str, data: bytes, *, nobody: bool = False) -> None:
        """As an engine does to whoever subscribes to it; at most one handler does here."""
        for wanted, handler in [*self.handlers.items()]:
            if wanted == subject or (wanted.endswith(".*") and wanted[:-2] == subject.rpartition(".")[0]):
                handler(subject, "", data, nobody)

    def requests(self) -> list[tuple[str, Request, str]]:
        """Actions published since the last call: subject, request, and subject of the answer."""
        taken, self.published = self.published, []
        return [(subject, decode_request(data), reply) for subject, data, reply in taken]

    def asks(self) -> list[tuple[str, Ask, str]]:
        taken, self.published = self.published, []
        return [(subject, decode_ask(data), reply) for subject, data, reply in taken]

    def answer(self, reply: str, *messages: bytes, part: int = 0, flags: int = LAST) -> None:
        self.deliver(reply, packed(Head(ANSWER, flags, 0, part), b"".join(messages)))


class MemoryServer:
    """Records what a link brings; takes ``most`` events at once."""

    def __init__(self, name: str = "berlin", most: int = 1000) -> None:
        self.name = name
        self.most = most
        self.exchange = SimpleNamespace(serving=False)
        self.upstream: TaggedUpstream | None = None
        #: What was called, in order: "up", "serve", "down".
        self.calls: list[tuple[object, ...]] = []
        self.taken: list[bytes] = []
        self.sounds: set[bool] = set()
        self.answers: list[tuple[bytes, list[bytes], bool]] = []
        self.failures: list[tuple[bytes, bytes]] = []

    def link_up(self, upstream: TaggedUpstream, banner: bytes, position: tuple[int, int]) -> None:
        self.upstream = upstream
        self.calls.append(("up", banner, position))

    def serve(self) -> None:
        self.exchange.serving = True
        self.calls.append(("serve",))

    def link_down(self, reason: str) -> None:
        self.upstream = None
        self.exchange.serving = False
        self.calls.append(("down", reason))

    def from_upstream(self, messages: Sequence[bytes], sound: bool = False) -> int:
        assert self.upstream is not None
        self.sounds.add(sound)
        self.taken += messages[: self.most]
        return min(len(messages), self.most)

    def answered(self, relay_id: bytes, messages: Sequence[bytes], *, last: bool) -> None:
        self.answers.append((relay_id, [*messages], last))

    def not_answered(self, relay_id: bytes, reason: bytes) -> None:
        self.failures.append((relay_id, reason))

    def answer_to(self, relay_id: bytes) -> tuple[list[bytes], bool]:
        """All messages of one answer so far, and whether it has ended."""
        parts = [(messages, last) for id_, messages, last in self.answers if id_ == relay_id]
        assert not any(last for _, last in parts[:-1])
        return [message for messages, _ in parts for message in messages], bool(parts) and parts[-1][1]
