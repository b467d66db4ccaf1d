"""A hub with servers whose state is kept, without an Asterisk: for tests of what clients get of it."""

from collections.abc import Iterable
from typing import Any

from amiproxy.ami.actions import LIST_COMPLETE
from amiproxy.core.model.users import User
from amiproxy.core.servers.servers import Configured
from tests.support.core_doubles import Bench, ListTransport, event

ONE = Configured(("pbx1",))
TWO = Configured(("pbx1", "pbx2"), True)


def channel(number: str, device: str = "PJSIP/100", **more: str) -> dict[str, str]:
    """The headers of a channel, as its events and lists have them."""
    plain = {
        "Channel": f"{device}-0000000{number}",
        "ChannelState": "6",
        "ChannelStateDesc": "Up",
        "CallerIDNum": "100",
        "Context": "internal",
        "Exten": "600",
        "Priority": "1",
        "Uniqueid": number,
        "Linkedid": number,
    }
    return plain | more


def newchannel(number: str, device: str = "PJSIP/100", **more: str) -> bytes:
    return event("Newchannel", **channel(number, device, **more))


def hangup(number: str, device: str = "PJSIP/100") -> bytes:
    return event("Hangup", **channel(number, device), Cause="16")


class Kept:
    """A bench whose servers are up, and their state known."""

    def __init__(self, *users: User, servers: Configured = ONE, **more: Any) -> None:
        self.bench = Bench(*users, servers=servers, **more)
        for name in servers.names:
            self.bench.link_up(at=name)

    def forget(self, name: str = "pbx1") -> None:
        """Begin to keep the state of a server once more: its lists are asked, and not answered yet."""
        server = self.bench.server(name)
        journal = server.journal
        assert journal is not None
        server.keep(journal.bounds, present=False)
        server.keep(journal.bounds, present=True)

    def know(self, name: str = "pbx1", *, refused: str = "", most: int = 1000) -> None:
        """Answer the lists that are asked: ``most`` of them, and one with an error."""
        upstream = self.bench.upstreams[name]
        while most and (asked := upstream.take()):
            (question,) = asked
            most -= 1
            if question.get(b"action").decode() == refused:
                self.bench.answer(question, b"Message: Invalid/unknown command\r\n", b"Error", at=name)
                continue
            complete = LIST_COMPLETE[question.get(b"action").lower()]
            mark = b"ActionID: %b\r\n" % question.get(b"actionid")
            last = b"Event: %b\r\n%bEventList: Complete\r\nListItems: 0\r\n\r\n" % (complete, mark)
            self.bench.answer(question, b"EventList: start\r\nMessage: will follow\r\n", at=name)
            self.bench.feed(last, at=name)

    def feed(self, *events: bytes, at: str = "pbx1") -> None:
        self.bench.feed(*events, at=at)

    def turn(self, seconds: float = 0.0) -> None:
        """Let everything that is due be done, and this time pass."""
        self.bench.clock.advance(seconds)

    def login(self, name: str = "board", by: ListTransport | None = None) -> "Client":
        return Client(self, name, by)


class Client:
    """A client that has logged in."""

    def __init__(self, kept: Kept, name: str, by: ListTransport | None) -> None:
        self.kept = kept
        self.session, self.transport = kept.bench.login(name, by=by)

    def send(self, action: str, **headers: str) -> None:
        lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in headers.items())]
        self.session.receive(("\r\n".join(lines) + "\r\n\r\n").encode())

    def ask(self, **headers: str) -> None:
        """Ask for a snapshot."""
        self.send("ProxySnapshot", **headers)

    def take(self) -> list[bytes]:
        """What it was sent since the last call, message by message."""
        return messages(self.transport.take())

    def snapshot(self, **headers: str) -> list[bytes]:
        """Ask for a snapshot, and return what the client is sent for it."""
        self.take()
        self.ask(**headers)
        self.kept.turn()
        return self.take()


def messages(data: bytes) -> list[bytes]:
    """The whole messages in these bytes, which end with one."""
    assert not data or data.endswith(b"\r\n\r\n")
    return [one + b"\r\n\r\n" for one in data.split(b"\r\n\r\n")[:-1]]


def headers(raw: bytes) -> dict[str, str]:
    """The headers of one message."""
    return dict(line.split(": ", 1) for line in raw.decode().split("\r\n") if ": " in line)


def names(answer: Iterable[bytes]) -> list[str]:
    """What each message is: the name of an event, or what a response says."""
    return [raw.decode().split("\r\n")[0].split(": ", 1)[1] for raw in answer]


def channels(answer: Iterable[bytes]) -> list[str]:
    """The Uniqueids of the channels in a snapshot."""
    items = [headers(raw) for raw in answer]
    return [item["Uniqueid"] for item in items if item.get("Event") == "CoreShowChannel"]
