"""Security events about the proxy's own logins and refusals, as Asterisk would have sent them.

Behind a proxy, Asterisk only knows one manager user at 127.0.0.1.  So the proxy sends the
events that Asterisk would have sent to readers of class ``security`` about the real users.
It leaves out the expected response to a challenge, which is as good as the secret.

Each event goes to every reader, so 10,000 readers that reconnect at once would be sent a
hundred million events.  Past the first few of each second, events are only counted, and the
count is sent.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from amiproxy.ami.message import event
from amiproxy.core.ports import Peer
from amiproxy.log import asterisk_address

INFORMATIONAL = b"Informational"
ERROR = b"Error"
#: EventVersion where it is not 1 (security_events_defs.h).
_VERSIONS: Final = {b"InvalidPassword": b"2"}


class Ration:
    """Limits the events of each name per second, for one peer and in all.

    After a second in which a limit was exceeded, only the count is sent for the next second, so
    in a lasting storm each reader gets one event a second.
    """

    #: For one peer and in all: a storm from one address leaves room for events about other peers.
    PER_PEER: Final = 15
    IN_ALL: Final = 30

    __slots__ = ("_of_peer", "_seen", "_storms", "_storms_of_peers", "_suppressed")

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()
        self._of_peer: Counter[tuple[bytes, str]] = Counter()
        #: By name, and by the servers that the session sees: users who see none of them do not get the count.
        self._suppressed: Counter[tuple[bytes, tuple[str, ...]]] = Counter()
        self._storms: frozenset[bytes] = frozenset()
        self._storms_of_peers: frozenset[tuple[bytes, str]] = frozenset()

    def admits(self, name: bytes, peer: str, sees: tuple[str, ...] = ()) -> bool:
        """Whether to send one more event; it is counted either way.  For ``sees`` see SessionFacts."""
        self._of_peer[name, peer] += 1
        if self._of_peer[name, peer] <= self.PER_PEER and (name, peer) not in self._storms_of_peers:
            # Events of one peer beyond its own ration do not count against the ration of all.
            self._seen[name] += 1
            if self._seen[name] <= self.IN_ALL and name not in self._storms:
                return True
        self._suppressed[name, sees] += 1
        return False

    def renew(self) -> Counter[tuple[bytes, tuple[str, ...]]]:
        """Begin the next second; returns how many events were suppressed in the last one.

        By their name, and by what the session that they are about ``sees``.
        """
        self._storms = frozenset(name for name, count in self._seen.items() if count > self.IN_ALL)
        over = (key for key, count in self._of_peer.items() if count > self.PER_PEER)
        self._storms_of_peers = frozenset(over)
        self._seen.clear()
        self._of_peer.clear()
        suppressed, self._suppressed = self._suppressed, Counter()
        return suppressed


def security_event(
    name: bytes,
    severity: bytes,
    *,
    account: bytes,
    session: str,
    peer: Peer,
    wall: float,
    opened: float,
    origin: Iterable[tuple[bytes, bytes]] = (),
    extra: tuple[tuple[bytes, bytes], ...] = (),
    door: str | None = None,
) -> bytes:
    """The event as bytes.  ``door``: see SessionFacts; Asterisk's ``Service`` is AMI for AJAM, too.

    ``wall`` and ``opened`` are seconds since the epoch, ``origin`` are the headers from
    ``Origin.headers``.  In values from a client, each control byte is replaced by a question mark.
    """
    headers = [
        (b"Privilege", b"security,all"),
        *origin,
        (b"EventTV", _stamp(wall)),
        (b"Severity", severity),
        (b"Service", b"AMI"),
        (b"EventVersion", _VERSIONS.get(name, b"1")),
        (b"AccountID", _fit(account)),
        (b"SessionID", session.encode()),
        (b"LocalAddress", asterisk_address(peer.local_address, peer.local_port).encode()),
        (b"RemoteAddress", asterisk_address(peer.address, peer.port).encode()),
        *((header, _fit(value)) for header, value in extra),
        (b"SessionTV", _stamp(opened)),
        *(((b"ProxyDoor", door.encode()),) if door is not None else ()),
    ]
    return event(name, *headers)


def _stamp(seconds: float) -> bytes:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.").encode() + b"%03d+0000" % (moment.microsecond // 1000)


def _fit(value: bytes) -> bytes:
    return bytes(byte if byte >= 0x20 else 0x3F for byte in value)
