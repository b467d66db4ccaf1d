"""Several servers, their inflows and the subscriptions, without a hub or sessions."""

from amiproxy.ami.framing import UpstreamFramer
from amiproxy.core.audit.stats import Stats
from amiproxy.core.fanout.announcements import Announcements
from amiproxy.core.fanout.eventview import EventView
from amiproxy.core.fanout.outbox import Outbox
from amiproxy.core.fanout.subscription import Subscription
from amiproxy.core.fanout.subscriptions import Subscriptions
from amiproxy.core.limitstate import LimitState
from amiproxy.core.model.encoding import AMI, Encoding
from amiproxy.core.model.limits import HistoryBounds, Limits
from amiproxy.core.servers.server import Server
from amiproxy.core.servers.servers import Servers
from tests.support.core_doubles import HandClock, ListTransport, PlainSealer


class Listener:
    """The smallest Member."""

    def __init__(self, view: EventView, payer: str = "ada", encoding: Encoding = AMI) -> None:
        self.subscription: Subscription | None = None
        self.seen = 0
        self.outbox = Outbox(ListTransport(), 100)
        self.outbox.hold()  # so that everything arrives through ``deliver``
        self.view = view
        self.encoding = encoding
        self.payer = payer
        self.got: list[bytes] = []

    def deliver(self, data: bytes) -> None:
        self.got.append(data)

    def fall_behind(self, data: bytes, taken: int) -> None:
        self.outbox.keep(data, taken)

    def take(self) -> list[bytes]:
        """The messages that it was sent since the last call."""
        data, self.got = b"".join(self.got), []
        return [message + b"\r\n\r\n" for message in data.split(b"\r\n\r\n")[:-1]]


class _Owner:
    """A ServerOwner that does nothing but fail the test that causes a fault."""

    sealer = PlainSealer()

    def linked(self, name: str) -> None: ...

    def serves(self, name: str) -> None: ...

    def link_down(self, name: str, reason: str) -> None: ...

    def settle(self) -> None: ...

    def relayed(self, user: str, messages: int) -> None: ...

    def delivered(self, user: str, seconds: float) -> None: ...

    def measured(self, seconds: float, messages: int) -> None: ...

    def fault(self, error: Exception, where: str, **fields: object) -> None:
        raise error


class FanOut:
    """What passes the events of these servers to members that have subscribed."""

    def __init__(self, *names: str, follows_calls: bool = True) -> None:
        self.follows_calls = follows_calls
        self.clock = HandClock()
        self.stats = Stats()
        self.limit_state = LimitState(Limits(), self.stats)
        self.subscriptions = Subscriptions(self.stats)
        self.servers = Servers(*map(self.server, names), named=True)
        self.announcements = Announcements(
            self.subscriptions, self.servers, self.stats, self.clock, lambda: None
        )

    def server(self, name: str) -> Server:
        """A server whose events are passed on."""
        inflow = self.subscriptions.add(name)
        server = Server(name, inflow, _Owner(), self.limit_state, self.stats, self.clock)
        if self.follows_calls:
            inflow.follow(server.follow_calls())
        return server

    def member(self, view: EventView, payer: str = "ada", encoding: Encoding = AMI) -> Listener:
        """A member that has subscribed."""
        member = Listener(view, payer, encoding)
        self.subscriptions.subscribe(member)
        return member

    def feed(self, name: str, *messages: bytes) -> None:
        """Messages from the server with this name, in one read."""
        server = self.servers.find(name.encode())
        assert server is not None
        framer = UpstreamFramer()
        rest = framer.feed(b"".join(messages))
        while rest:
            rest = rest[server.from_upstream(rest, framer.sound) :]

    def keep(self, *names: str, size: int = 1 << 20, seconds: float = 300.0) -> None:
        """Keep a journal of the servers with these names; of all if none is given."""
        for server in self.servers:
            if not names or server.name in names:
                server.keep(HistoryBounds(size, seconds), present=False)

    def flush(self) -> None:
        """Send what is pending."""
        for subscription in self.subscriptions.by_key.values():
            if subscription.pending:
                subscription.flush()
