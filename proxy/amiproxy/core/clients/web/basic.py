"""BasicLogins: clients that send their name and secret with each request."""

import hmac
import secrets
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from amiproxy.ami import message
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.web.websession import Cancel, Job, WebSession
from amiproxy.core.context import Context
from amiproxy.core.ports import Peer

#: Given a session that has logged in, or None; and the AMI answer of the login.
LoggedIn = Callable[[WebSession | None, bytes], None]
#: Seconds after its last use in which an equal name and secret find the same session.
_SECONDS: Final = 60.0
_CONTROLS: Final = bytes(range(32)) + b"\x7f"


class Logins(Protocol):
    """All web sessions, as this module uses them."""

    def login(self, peer: Peer, entrance: Entrance, action: bytes, done: LoggedIn) -> Cancel:
        """See WebSessions."""

    def permits(self, session: WebSession, peer: Peer, entrance: Entrance) -> bool:
        """See WebSessions."""

    def complete(self, job: Job, answer: bytes) -> None:
        """See Home in websession.py."""


class _Known(NamedTuple):
    session: WebSession
    #: When its name and secret were last given, in monotonic seconds.
    used: float


class _Waiter:
    """A client that waits for a login that others may wait for too."""

    __slots__ = ("_done", "_has_left")

    def __init__(self, done: LoggedIn) -> None:
        self._done = done
        self._has_left = False

    def tell(self, session: WebSession | None, answer: bytes) -> None:
        if not self._has_left:
            self._done(session, answer)

    def leave(self) -> None:
        self._has_left = True


class BasicLogins:
    """Equal credentials from one address share a session, and wait for one comparison of their secret."""

    def __init__(self, ctx: Context, logins: Logins) -> None:
        self._ctx = ctx
        self._logins = logins
        self._key = secrets.token_bytes(32)
        #: By a keyed hash of name, secret and where they came from, so that no secret is kept.
        self._known: dict[bytes, _Known] = {}
        #: Those who wait for a login that runs.
        self._asking: dict[bytes, list[_Waiter]] = {}

    def login(self, peer: Peer, entrance: Entrance, name: bytes, secret: bytes, done: LoggedIn) -> Cancel:
        """See ``WebSessions.basic``."""
        origin = f"{peer.address} {entrance.door} {entrance.server}".encode()
        told = b"".join(b"%d:%b" % (len(part), part) for part in (name, secret, origin))
        digest = hmac.digest(self._key, told, "sha256")
        waiter = _Waiter(done)
        known = self._known.get(digest)
        if known is not None and self._logins.permits(known.session, peer, entrance):
            session = known.session
            self._known[digest] = _Known(session, self._ctx.scheduler.now())
            job = Job(b"", lambda answer: waiter.tell(session, answer))
            self._logins.complete(job, message.success(b"", b"Authentication accepted"))
        elif digest in self._asking:
            self._asking[digest].append(waiter)
        else:
            self._asking[digest] = [waiter]
            self._logins.login(
                peer,
                entrance,
                _login_of(name, secret),
                lambda found, answer: self._tell(digest, found, answer),
            )
        return waiter.leave

    def _tell(self, digest: bytes, session: WebSession | None, answer: bytes) -> None:
        if session is not None:
            self._known[digest] = _Known(session, self._ctx.scheduler.now())
        for waiter in self._asking.pop(digest):
            waiter.tell(session, answer)

    def tick(self) -> None:
        """Forget what is too old; to be called about once a second."""
        now = self._ctx.scheduler.now()
        for digest, known in list(self._known.items()):
            if now - known.used > _SECONDS or known.session.is_over:
                del self._known[digest]


def _login_of(name: bytes, secret: bytes) -> bytes:
    if any(byte in _CONTROLS for byte in name + secret):
        # No Login could say this, so it is refused as one with a wrong secret.
        name, secret = name.translate(None, _CONTROLS), b""
    return b"Action: Login\r\nUsername: %b\r\nSecret: %b\r\n\r\n" % (name, secret)
