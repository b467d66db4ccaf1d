"""AgentBench: an agent of a fleet, whose edges are lists in memory."""

import itertools
from collections.abc import Mapping

from amiproxy.ami import privilege
from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.message import Message
from amiproxy.core.fleet.desk import Desk
from amiproxy.core.fleet.publishing import Publisher
from amiproxy.core.fleet.requests.seen import MOST
from amiproxy.core.fleet.rights import RightsDigest
from amiproxy.core.fleet.wire import ANSWER, LAST, REFUSED, Request, encode_request, parsed
from amiproxy.core.model.ceiling import Ceiling
from amiproxy.core.model.generation import generation_of
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from tests.support.web_bench import DOORS, WebBench

CALLS = privilege.CALL | privilege.ORIGINATE
BOARD = User("board", read=privilege.ALL, write=privilege.ALL, secret="plain:x", doors=DOORS)
#: Not within the ceiling of the edge.
ADMIN = User("Admin", read=privilege.ALL, write=privilege.ALL, secret="plain:x", doors=DOORS)
CEILING = Ceiling(frozenset({"board"}), read=privilege.CALL, write=CALLS)
EDGE = "edge1"
QUIET = "Action: Originate\nActionID: relay\nChannel: Local/1\nApplication: Wait\nData: 1\nAsync: true"


class Answer:
    """The answer of one request."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def __call__(self, messages: list[bytes]) -> None:
        assert messages
        assert not self.parts, "answered once"
        for number, part in enumerate(messages):
            head, body = parsed(part)
            assert (head.kind, head.first) == (ANSWER, number)
            assert bool(head.flags & LAST) == (number == len(messages) - 1)
            self.refused = bool(head.flags & REFUSED)
            self.parts.append(body)

    @property
    def there(self) -> bool:
        return bool(self.parts)

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    @property
    def text(self) -> bytes:
        """The Message of the first message."""
        return Message(self.body).get(b"message")


class AgentBench(WebBench):
    """A hub, its desk and its publisher."""

    def __init__(
        self,
        *users: User,
        edges: Mapping[str, Ceiling] | None = None,
        servers: Configured | None = None,
        interval: float = 0.0,
        ids: int = MOST,
        **limits: float,
    ) -> None:
        more = {} if servers is None else {"servers": servers}
        super().__init__(*(users or (BOARD, ADMIN)), interval=interval, **more, **limits)
        self.hub.always_kept = frozenset(self.upstreams)
        for name in self.upstreams:
            self._learn_actions(name)
        self.publishers = {
            f"pbx-{name}": Publisher(
                self.server(name), "agent1", f"pbx-{name}", RightsDigest(self.hub.ctx, name)
            )
            for name in self.upstreams
        }
        self.known_as = next(iter(self.publishers))
        self.publisher = self.publishers[self.known_as]
        found = {EDGE: CEILING} if edges is None else edges
        self.desk = Desk(self.hub.ctx, self.hub.web, self.publishers, found, self.milliseconds, ids)
        self._ids = itertools.count(1)

    def _learn_actions(self, name: str) -> None:
        """Let the server have all of Asterisk's own actions."""
        self.server(name).actions.learn()
        (asked,) = self.upstreams[name].take()
        classes = {
            row.name.decode(): privilege.class_names(row.classes) if row.classes else "<none>"
            for row in SHIPPED
        }
        rows = [f"{action}: x  (Priv: {found})\r\n" for action, found in classes.items()]
        self.answer(asked, "".join(rows).encode(), at=name)

    def milliseconds(self) -> int:
        return int(self.clock.now() * 1000)

    def made(
        self,
        action: str | bytes = QUIET,
        user: str = "board",
        *,
        seconds: float = 10.0,
        at: str = "",
        **fields: object,
    ) -> Request:
        """A request as an honest edge would make it, but for what is given."""
        server = self.server(at)
        journal = server.journal
        assert journal is not None
        known = self.hub.ctx.users.find(user.encode()) if user else None
        raw = action if isinstance(action, bytes) else action.replace("\n", "\r\n").encode() + b"\r\n\r\n"
        values: dict[str, object] = {
            "id": b"%016d" % next(self._ids),
            "user": user,
            "generation": generation_of(known.at(server.name)) if known is not None else b"",
            "session": "5e5510",
            "address": "198.51.100.9",
            "epoch": journal.epoch,
            "expires": self.milliseconds() + int(seconds * 1000),
            "action": raw,
        }
        return Request(**{**values, **fields})

    def send(self, request: Request | bytes, edge: str = EDGE, at: str = "") -> Answer:
        """Let an edge send a request."""
        answer = Answer()
        data = request if isinstance(request, bytes) else encode_request(request)
        self.desk.request(at or self.known_as, edge, data, answer)
        self.turn()
        return answer

    def ask(self, action: str | bytes = QUIET, user: str = "board", **fields: object) -> Answer:
        """Let the edge send this action."""
        return self.send(self.made(action, user, **fields))

    def names(self) -> list[str]:
        """The names of the actions that were sent to Asterisk since the last call."""
        return [action.get(b"action").decode() for action in self.upstream.take()]

    @property
    def refused(self) -> dict[str, int]:
        """What was refused to the edge, by reason."""
        (found,) = [edge for edge in self.desk.edges if edge.name == EDGE]
        return dict(found.counts.refused)
