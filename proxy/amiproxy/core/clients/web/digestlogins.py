"""DigestLogins: clients that prove with each request that they know their secret, without sending it."""

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from amiproxy.core.clients.login import REFUSAL_DELAY
from amiproxy.core.clients.logins.attempt import Proof
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.web.digest import Algorithm, Digest
from amiproxy.core.clients.web.jobs import Cancel, Job
from amiproxy.core.clients.web.websession import WebSession
from amiproxy.core.context import Context
from amiproxy.core.ports import Peer

#: Most nonces by which one session is found: parallel requests may be given several.
_NONCES: Final = 4
#: Given the session, or None and the values of WWW-Authenticate headers for the answer 401, in order.
Proved = Callable[[WebSession | None, list[bytes]], None]


class Logins(Protocol):
    """All web sessions, as this module uses them."""

    def secret_of(self, name: bytes) -> bytes | None:
        """See WebSessions."""

    def enter(self, peer: Peer, entrance: Entrance, user_name: bytes, by: Proof) -> WebSession | str:
        """See WebSessions."""

    def refuse(self, peer: Peer, entrance: Entrance, user_name: bytes) -> None:
        """See WebSessions."""

    def is_penalised(self, peer: Peer) -> bool:
        """See WebSessions."""

    def permits(self, session: WebSession, peer: Peer, entrance: Entrance) -> bool:
        """See WebSessions."""

    def complete(self, job: Job, answer: bytes) -> None:
        """See Home in websession.py."""


class DigestLogins:
    """As in Asterisk, a nonce and a user name are a session, which goes on under the nonces that follow."""

    def __init__(self, ctx: Context, logins: Logins) -> None:
        self._ctx = ctx
        self._logins = logins
        self._digest = Digest()
        #: The sessions by the nonces of their clients, the oldest first.
        self._sessions: dict[bytes, WebSession] = {}

    def challenge(self, realm: bytes, algorithms: Sequence[Algorithm]) -> list[bytes]:
        """The values of WWW-Authenticate headers for a request without credentials."""
        offers = self._digest.challenge(realm, algorithms, self._ctx.scheduler.now())
        return [offer for _, offer in offers]

    def login(
        self,
        peer: Peer,
        entrance: Entrance,
        realm: bytes,
        algorithms: Sequence[Algorithm],
        method: bytes,
        target: bytes,
        authorization: bytes,
        done: Proved,
    ) -> Cancel:
        """Find or make the session of a request with this method, raw target and Authorization header.

        ``done`` is called in a later turn; after a refusal for its credentials, after Asterisk's second.
        """
        now = self._ctx.scheduler.now()
        checked = self._digest.check(
            authorization, method, target, realm, algorithms, self._logins.secret_of, now
        )
        known = self._sessions.get(checked.nonce)
        if known is not None and (known.is_over or known.name != checked.username):
            known = None
        if checked.verdict == "malformed":
            return self._tell(None, self.challenge(realm, algorithms), done)
        if checked.verdict == "wrong" or (known is None and self._logins.is_penalised(peer)):
            # With a penalty a right response must not look different from a wrong one.
            self._logins.refuse(peer, entrance, checked.username)
            return self._tell_late(realm, algorithms, done)
        if checked.verdict == "stale":
            return self._tell(None, self._renewed(realm, algorithms, known), done)
        found: WebSession | str = "not permitted now"
        if known is None:
            found = self._logins.enter(peer, entrance, checked.username, "digest")
        elif self._logins.permits(known, peer, entrance):
            found = known
        if isinstance(found, str):
            return self._tell_late(realm, algorithms, done)
        self._keep(checked.nonce, found)
        return self._tell(found, [], done)

    def _renewed(
        self, realm: bytes, algorithms: Sequence[Algorithm], session: WebSession | None
    ) -> list[bytes]:
        """Challenges for a client that knows its secret; if it has a session, that goes on."""
        offers = self._digest.challenge(realm, algorithms, self._ctx.scheduler.now(), stale=True)
        if session is not None:
            for nonce, _ in offers:
                self._keep(nonce, session)
        return [offer for _, offer in offers]

    def _keep(self, nonce: bytes, session: WebSession) -> None:
        if self._sessions.get(nonce) is session:
            return
        self._sessions[nonce] = session
        mine = [one for one, other in self._sessions.items() if other is session]
        for oldest in mine[:-_NONCES]:
            del self._sessions[oldest]

    def _tell(self, session: WebSession | None, challenges: list[bytes], done: Proved) -> Cancel:
        job = Job(b"", lambda _: done(session, challenges))
        self._logins.complete(job, b"")
        return job.cancel

    def _tell_late(self, realm: bytes, algorithms: Sequence[Algorithm], done: Proved) -> Cancel:
        timer = self._ctx.scheduler.later(
            REFUSAL_DELAY, lambda: done(None, self.challenge(realm, algorithms))
        )
        return timer.cancel

    def tick(self) -> None:
        """Forget sessions that are over; to be called about once a second."""
        for nonce, session in list(self._sessions.items()):
            if session.is_over:
                del self._sessions[nonce]
