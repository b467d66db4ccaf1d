"""Security events of the proxy's own logins and refusals, as Asterisk would have sent them.

Behind a proxy Asterisk knows one user at 127.0.0.1.  What it would have told
readers of class ``security`` about the real users is told here (ami.md §2.2),
less the expected response to a challenge, which is as good as the secret.
"""

from datetime import UTC, datetime

from proxy.ami.message import event
from proxy.core.ports import Peer

INFORMATIONAL = b"Informational"
ERROR = b"Error"


def security_event(
    name: bytes,
    severity: bytes,
    *,
    account: bytes,
    session: str,
    peer: Peer,
    wall: float,
    opened: float,
    extra: tuple[tuple[bytes, bytes], ...] = (),
) -> bytes:
    """Bytes of the event; ``wall`` and ``opened`` are seconds since the epoch.

    Values that a client wrote are made fit for a header: control bytes become
    a question mark.
    """
    headers = [
        (b"Privilege", b"security,all"),
        (b"EventTV", _stamp(wall)),
        (b"Severity", severity),
        (b"Service", b"AMI"),
        (b"EventVersion", b"1"),
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
