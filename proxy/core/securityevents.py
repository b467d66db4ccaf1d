"""Security events of the proxy's own logins and refusals, as Asterisk would have sent them.

Behind a proxy Asterisk knows one user at 127.0.0.1.  What it would have told
readers of class ``security`` about the real users is told here (ami.md §2.2),
less the expected response to a challenge, which is as good as the secret.

Each goes to every reader, so 10,000 of them that log in again would be sent a
hundred million: past the first of each second they are counted, and the count
is told.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from proxy.ami.message import event
from proxy.core.ports import Peer

INFORMATIONAL = b"Informational"
ERROR = b"Error"
#: EventVersion where it is not 1 (security_events_defs.h).
_VERSIONS: Final = {b"InvalidPassword": b"2"}


class Ration:
    """So many events of a name are told a second, of one peer and in all.

    Of one that was over that in a second nothing but the count is told in the next: in a storm
    that lasts, each reader is sent one event a second.
    """

    #: Of one peer and in all: a storm from one place leaves room for what comes from others.
    PER_PEER: Final = 15
    IN_ALL: Final = 30

    __slots__ = ("_of_peer", "_seen", "_storms", "_storms_of_peers", "_suppressed")

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()
        self._of_peer: Counter[tuple[bytes, str]] = Counter()
        self._suppressed: Counter[bytes] = Counter()
        self._storms: frozenset[bytes] = frozenset()
        self._storms_of_peers: frozenset[tuple[bytes, str]] = frozenset()

    def admits(self, name: bytes, peer: str) -> bool:
        """Whether one more event is told; it is counted either way."""
        self._of_peer[name, peer] += 1
        if self._of_peer[name, peer] <= self.PER_PEER and (name, peer) not in self._storms_of_peers:
            # What one peer does beyond its own ration is not taken from the others'.
            self._seen[name] += 1
            if self._seen[name] <= self.IN_ALL and name not in self._storms:
                return True
        self._suppressed[name] += 1
        return False

    def renew(self) -> Counter[bytes]:
        """Begin the next second: how many events of each name the last one did not tell."""
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
) -> bytes:
    """Bytes of the event; ``wall`` and ``opened`` are seconds since the epoch, ``origin`` is ``Origin``'s.

    Values that a client wrote are made fit for a header: control bytes become
    a question mark.
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
        (b"LocalAddress", _address(peer.local_address, peer.local_port)),
        (b"RemoteAddress", _address(peer.address, peer.port)),
        *((header, _fit(value)) for header, value in extra),
        (b"SessionTV", _stamp(opened)),
    ]
    return event(name, *headers)


def _stamp(seconds: float) -> bytes:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.").encode() + b"%03d+0000" % (moment.microsecond // 1000)


def _address(address: str, port: int) -> bytes:
    family = "IPV6" if ":" in address else "IPV4"
    return f"{family}/TLS/{address}/{port}".encode()


def _fit(value: bytes) -> bytes:
    return bytes(byte if byte >= 0x20 else 0x3F for byte in value)
