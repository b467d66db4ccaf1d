"""Values of labels that are known beforehand: their counters exist, with 0, from the start.

Prometheus computes ``rate()`` and ``increase()`` from the difference of samples.  A counter that first
appears with the value 1 has not increased for it, so the first failure, often the one that matters, would
not be seen by any alert.
"""

import itertools
from typing import Final, get_args

from amiproxy.ami import privilege
from amiproxy.core import adoption
from amiproxy.core.clients import linkloss
from amiproxy.core.clients.history import cursor
from amiproxy.core.clients.logins.attempt import REASONS
from amiproxy.core.clients.routes import route
from amiproxy.core.clients.web import websession
from amiproxy.net.certs.result import TIMER, WATCH, Outcome
from amiproxy.net.doors.proxyhandshake import NO_HEADER
from amiproxy.net.tls.tlserrors import CLOSED, CLOSED_BEFORE, CLOSED_DURING, OVERLONG_HANDSHAKE

#: The label of events before login, and that of users who are no longer in the table.
UNAUTHENTICATED: Final = ""
REMOVED: Final = "removed"
#: Whatever is not distinguished: actions that are not in the table, and reasons after the first of many.
OTHER: Final = "other"

#: Each class alone, and the events of classes that are not in the table.  Asterisk has few events of several
#: classes; those appear with their first event.
CLASSES: Final = (*privilege.CLASS_NAMES, "unknown")
#: Why messages of Asterisk were not delivered, apart from slow consumers.  These have no class.
DROPPED: Final = ("unusable", "orphan response", "stray message", "answer lost")
SLOW: Final = "slow consumer"
#: What became of actions.
DENIED: Final = "denied"
RESULTS: Final = ("success", "error", "none", "local", DENIED)
#: The value of the label for what belongs to no server: the proxy's own events, and slow consumers.
OURS: Final = ""
#: The name of the link that most actions take; the side links have names of their own.
MAIN: Final = "main"

LOGIN_FAILURES: Final = REASONS
_CONNECTION_LOST: Final = ("broken pipe", "connection reset by peer", "connection timed out")
_CERTIFICATES: Final = (
    "client certificate cannot be read",
    "client certificate chain too long",
    "client certificate expired",
    "client certificate not trusted",
    "client certificate not yet valid",
    "client certificate revoked",
    "client certificate's CA expired",
    "client certificate's CA not yet valid",
    "client certificate's CA revoked",
)
#: Why sessions end.  OpenSSL has further texts for connections that it gives up.
CLOSES: Final = (
    *("logoff", "client closed", "login failed", "login timeout", "too much before login", "not AMI"),
    *("malformed", "displaced before login", "out of descriptors", "slow consumer", "user disabled"),
    *("user removed", "credentials changed", "kicked", "idle", linkloss.REASON, "fault", "shutdown"),
    *(route.REMOVED, route.NOT_PERMITTED, cursor.LOST, cursor.NOT_PERMITTED),
    *(adoption.NO_DOOR, adoption.NO_ADDRESS, adoption.OTHER_RIGHTS, *websession.REASONS),
    # Of event streams and WebSockets, whose modules need the extra [http].
    *("stream refused", "too many control frames"),
    *("close timeout", CLOSED, "nothing but TLS records without data"),
    *_CONNECTION_LOST,
    *_CERTIFICATES,
)
TLS_VERSIONS: Final = ("TLSv1.2", "TLSv1.3")
#: Why handshakes fail: the proxy's reasons, and the usual ones of OpenSSL, which has hundreds.
HANDSHAKE_FAILURES: Final = (
    *(OVERLONG_HANDSHAKE, "handshake timeout", "login timeout", "displaced before login"),
    *("out of descriptors", NO_HEADER),
    *_CONNECTION_LOST,
    *_CERTIFICATES,
    *(CLOSED_BEFORE, CLOSED_DURING, "http request", "https proxy request", "wrong version number"),
    *("unsupported protocol", "no shared cipher", "no suitable signature algorithm"),
    *("tlsv1 alert unknown ca", "tlsv1 alert protocol version", "tlsv13 alert certificate required"),
    *("sslv3 alert bad certificate", "sslv3 alert certificate unknown", "sslv3 alert certificate expired"),
    *("sslv3 alert handshake failure", "peer did not return a certificate"),
    *(
        f"certificate verify failed: {why}"
        for why in (
            *("certificate has expired", "certificate is not yet valid", "certificate revoked"),
            *("crl has expired", "self-signed certificate", "unable to get certificate crl"),
            *("unable to get local issuer certificate", "unsuitable certificate purpose"),
        )
    ),
)
_BY_HAND: Final = ("SIGHUP", "control")
#: Reloads of the whole configuration, by result and trigger.  Requests at the same time share a reload.
RELOADS: Final = tuple(itertools.product(("succeeded", "failed"), (*_BY_HAND, "+".join(_BY_HAND))))
#: Reloads of certificates, by outcome and trigger.  Several triggers at once are rare, and appear then.
CERTIFICATE_RELOADS: Final = tuple(itertools.product(get_args(Outcome), (WATCH, TIMER, *_BY_HAND)))
