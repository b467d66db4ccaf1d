"""Login: logs clients in as manager users, or refuses them as Asterisk does.

Whichever check of ``Attempt`` fails, the client is sent the same text; the reason goes to the log.  The one
exception is Asterisk's, too: a user without ``allowmultiplelogin`` who is logged in already is refused with a
text of its own.
"""

# mypyc: compiled

import secrets
from collections.abc import Callable
from typing import Final

from amiproxy import log
from amiproxy.ami import message, privilege
from amiproxy.ami.message import Action
from amiproxy.core.audit.securityevents import ERROR, INFORMATIONAL
from amiproxy.core.clients.history.numbering import follow_login
from amiproxy.core.clients.logins.attempt import FAILED, UNJUDGED, Attempt, Proof, Verdict
from amiproxy.core.clients.registry import SessionRegistry
from amiproxy.core.clients.routes.routing import Routing
from amiproxy.core.clients.session import Session
from amiproxy.core.context import Context
from amiproxy.core.model.state import ADMIT, JUDGE, REFUSE, State
from amiproxy.core.model.users import User
from amiproxy.core.ports import Peer

#: Seconds that Asterisk waits before it answers a failed login.
REFUSAL_DELAY: Final = 1.0
_PENALISED: Final = Verdict(None, FAILED, "address is under a penalty", limit="penalty")
_WRONG_RESPONSE: Final = Verdict(
    None, FAILED, "wrong response to the challenge", b"ChallengeResponseFailed", is_guess=True
)


class Login:
    """Logs clients in; ``admitted`` is called for each that is accepted, before its response is sent."""

    def __init__(
        self,
        ctx: Context,
        registry: SessionRegistry,
        routing: Routing,
        admitted: Callable[[Session], None],
    ) -> None:
        self._ctx = ctx
        self._registry = registry
        self._routing = routing
        self._admitted = admitted

    def begin(self, session: Session, action: Action) -> None:
        """Start to judge a Login; no other action of this client runs until that is done."""
        ctx = self._ctx
        self._name(session, action)
        if self._is_penalised(session):
            # The client connected before the penalty began: its guess is refused without being checked.
            self._refuse(session, action, _PENALISED)
            return
        session.move(JUDGE)
        ctx.limit_state.newcomers.judge(session.transport)
        attempt = Attempt(ctx, self._registry, self._routing, session, session.challenge, action)
        attempt.judge(lambda verdict: self._judged(session, action, verdict))

    def challenge(self, session: Session, action: Action) -> None:
        """Answer a Challenge, before or after login."""
        refusal = self._refusal_of_challenge(session, action) if session.principal.user is None else None
        if refusal is not None:
            self._refuse(session, action, refusal)
        # A client that is given a challenge uses it for its login, and the user name is not known yet:
        # so none is given if no user could log in with it.
        elif action.get(b"authtype").lower() != b"md5" or not self._ctx.users.any_md5:
            session.answer(message.error(action.action_id, b"Must specify AuthType"))
        else:
            session.challenge = session.challenge or str(secrets.randbits(128)).encode()
            challenge = (b"Challenge", session.challenge)
            session.answer(message.response(b"Success", action.action_id, challenge))

    def _refusal_of_challenge(self, session: Session, action: Action) -> Verdict | None:
        if self._is_penalised(session):
            return None  # reveal nothing: the Login that follows is refused unchecked
        # A Challenge has no secret that could show that its owner asked, so each refusal counts as a guess.
        # The few clients that send a user name here, from another address than the session of that user,
        # have as many tries as a client with a wrong secret.
        return Attempt(self._ctx, self._registry, self._routing, session, b"", action).already_in_use()

    def _refuse(self, session: Session, action: Action, verdict: Verdict) -> None:
        """Report a failed login; answer it after Asterisk's pause, and close.

        When too many refusals are waiting, the oldest is answered at once.
        """
        session.move(REFUSE)
        limit_state = self._ctx.limit_state
        self._report(session, action, verdict)

        def answer() -> None:
            if session.state is State.JUDGED:
                session.answer(message.error(action.action_id, verdict.text))
                session.close("login failed")

        self._ctx.scheduler.later(REFUSAL_DELAY, answer)
        cut_short = limit_state.newcomers.refuse(
            session.transport, answer, limit_state.limits.unauthenticated
        )
        if cut_short is not None:
            cut_short()

    def _report(self, session: Session, action: Action, verdict: Verdict) -> None:
        """Log and count a failed login; it may start a penalty for its address."""
        ctx, limit_state, peer = self._ctx, self._ctx.limit_state, session.transport.peer.address
        ctx.stats.refused(verdict.reason)
        limit_state.rationed.say(
            log.WARNING,
            "login-failed",
            peer,
            session=session.id,
            user=session.principal.login_name,
            server=self._routing.login_name(ctx.users, action.get(b"username")).server
            or session.entrance.server
            or None,
            door=session.principal.door,
            reason=verdict.reason,
            # Only for failures that count against the address: tools that read the log ban addresses by this.
            security_event=verdict.event if verdict.is_guess else None,
            certificate=_fingerprint(session.transport.peer),
        )
        if verdict.limit:
            limit_state.limit_reached(
                verdict.limit, peer, session=session.id, user=session.principal.login_name
            )
        if verdict.is_guess:
            limit_state.login_failed(peer, ctx.scheduler.now())
        ctx.audit_log.tell(session.who, verdict.event, ERROR)

    def _turn_away(self, session: Session, verdict: Verdict) -> None:
        """Close the connection without an answer, so that the client tries again: its secret may be right."""
        ctx, peer = self._ctx, session.transport.peer.address
        ctx.stats.refused(verdict.reason)
        ctx.limit_state.limit_reached(
            verdict.limit, peer, session=session.id, user=session.principal.login_name
        )
        ctx.audit_log.tell(session.who, verdict.event, ERROR)
        session.close("displaced before login")

    def _judged(self, session: Session, action: Action, verdict: Verdict) -> None:
        if session.state is not State.JUDGED:
            return  # closed while the hash was computed
        user = verdict.user
        if user is None:
            if verdict is UNJUDGED:
                self._turn_away(session, verdict)
            else:
                self._refuse(session, action, verdict)
            return
        headers = self._admit(session, action, user, verdict)
        accepted = (b"Message", b"Authentication accepted"), *headers
        session.answer(message.response(b"Success", action.action_id, *accepted))
        session.push()  # in a write of its own: some clients take the first read for the whole answer
        self._welcome(session, by_secret=user.login.way != "certificate")

    def enter(self, session: Session, name: bytes, by: Proof, *headers: tuple[bytes, bytes]) -> str:
        """Log in a client that has proved that it is the user of this name, at once and without an answer.

        ``headers`` are further ones of the Login that it might have sent instead: ``Events``,
        ``ProxySequence``.  Returns why it is refused, of ``REASONS``, after its session was closed; "" if it
        is not.
        """
        ctx = self._ctx
        action = Action(((b"Action", b"Login"), (b"Username", name), *headers))
        self._name(session, action)
        session.move(JUDGE)
        if by != "session" and self._is_penalised(session):
            verdict = _PENALISED
        else:
            verdict = Attempt(ctx, self._registry, self._routing, session, b"", action).proven(by)
        if verdict.user is None:
            self._report(session, action, verdict)
            session.close("login failed")
            return verdict.reason
        self._admit(session, action, verdict.user, verdict)
        self._welcome(session, by_secret=by == "digest")
        return ""

    def refuse(self, session: Session, name: bytes) -> None:
        """Report a login as this user whose proof a door has found wrong, and close the session."""
        action = Action(((b"Action", b"Login"), (b"Username", name)))
        self._name(session, action)
        is_penalised = self._is_penalised(session)
        self._report(session, action, _PENALISED if is_penalised else _WRONG_RESPONSE)
        session.close("login failed")

    def _is_penalised(self, session: Session) -> bool:
        ctx = self._ctx
        return ctx.limit_state.admission.is_penalised(session.transport.peer.address, ctx.scheduler.now())

    def _name(self, session: Session, action: Action) -> None:
        """Note as whom the client wants to log in."""
        name = self._routing.login_name(self._ctx.users, action.get(b"username"))
        session.principal.login_name = name.name[:79]  # Asterisk cuts names there
        session.principal.sees = self._routing.within_sight(name, session.entrance)

    def _admit(
        self, session: Session, action: Action, user: User, verdict: Verdict
    ) -> tuple[tuple[bytes, bytes], ...]:
        """Give the session its user and rights; returns further headers for the response."""
        ctx = self._ctx
        session.principal.user = user
        session.follow(self._routing.route(user, verdict.bound, session))
        session.move(ADMIT)
        if action.get(b"events"):
            mask = privilege.parse_event_mask(action.get(b"events"))
            session.principal.mask = privilege.ALL if mask is None else mask
        self._admitted(session)
        peer = session.transport.peer
        log.say(
            log.INFO,
            "login",
            session=session.id,
            user=user.name,
            server=session.route.bound_name,
            door=session.principal.door,
            peer=peer.address,
            tls=peer.tls or None,
            certificate=_fingerprint(peer),
            generation=ctx.generation,
        )
        return follow_login(session, action)

    def _welcome(self, session: Session, *, by_secret: bool) -> None:
        """Send the events that follow a login, and from now on those that come."""
        ctx = self._ctx
        for event in session.route.welcome(session.principal.mask):
            session.reply(event)
            session.push()
        ctx.subscribe(session.member)
        # As in Asterisk, the session that has logged in receives this event, too.
        using = b"UsingPassword", b"1" if by_secret else b"0"
        ctx.audit_log.tell(session.who, b"SuccessfulAuth", INFORMATIONAL, using)
        session.advance()


def _fingerprint(peer: Peer) -> str | None:
    return peer.certificate.sha256 if peer.certificate is not None else None
