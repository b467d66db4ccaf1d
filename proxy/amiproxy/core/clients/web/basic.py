"""BasicLogins: clients that send their name and secret with each request."""

import hmac
import secrets
from collections.abc import Callable
from typing import Final, Protocol

from amiproxy.ami import message
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.web.jobs import Cancel, Job
from amiproxy.core.clients.web.remembered import Remembered
from amiproxy.core.clients.web.websession import WebSession
from amiproxy.core.context import Context
from amiproxy.core.ports import Peer

#: Given a session that has logged in, or None; and the AMI answer of the login.
LoggedIn = Callable[[WebSession | None, bytes], None]
_CONTROLS: Final = bytes(range(32)) + b"\x7f"


class Logins(Protocol):
    """All web sessions, as this module uses them."""

    def login(self, peer: Peer, entrance: Entrance, action: bytes, done: LoggedIn) -> Cancel:
        """See WebSessions."""

    def permits(self, session: WebSession, peer: Peer, entrance: Entrance) -> bool:
        """See WebSessions."""

    def complete(self, job: Job, answer: bytes) -> None:
        """See Home in websession.py."""


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
        self._logins = logins
        self._key = secrets.token_bytes(32)
        #: By a keyed hash of name, secret and where they came from, so that no secret is kept.
        self._known = Remembered(ctx)
        #: Those who wait for a login that runs.
        self._asking: dict[bytes, list[_Waiter]] = {}

    def login(self, peer: Peer, entrance: Entrance, name: bytes, secret: bytes, done: LoggedIn) -> Cancel:
        """See ``WebSessions.basic``."""
        origin = f"{peer.address} {entrance.door} {entrance.server}".encode()
        told = b"".join(b"%d:%b" % (len(part), part) for part in (name, secret, origin))
        digest = hmac.digest(self._key, told, "sha256")
        waiter = _Waiter(done)
        session = self._known.find(digest)
        if session is not None and self._logins.permits(session, peer, entrance):
            found = session
            job = Job(b"", lambda answer: waiter.tell(found, answer))
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
            self._known.keep(digest, session)
        for waiter in self._asking.pop(digest):
            waiter.tell(session, answer)

    def tick(self) -> None:
        """See Remembered."""
        self._known.tick()


def _login_of(name: bytes, secret: bytes) -> bytes:
    if any(byte in _CONTROLS for byte in name + secret):
        # No Login could say this, so it is refused as one with a wrong secret.
        name, secret = name.translate(None, _CONTROLS), b""
    return b"Action: Login\r\nUsername: %b\r\nSecret: %b\r\n\r\n" % (name, secret)
