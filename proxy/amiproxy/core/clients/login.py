"""Login: authenticates a client as a manager user.

The checks run in Asterisk's order: first the session limit of a user without ``allowmultiplelogin``,
before any secret is compared; then the user, the address and the secret.  The client's certificate is
checked after the address, and may replace the secret or be required besides it.

Whichever check fails, the client is sent the same text; the reason goes to the log.  The one exception
is Asterisk's, too: a user without ``allowmultiplelogin`` who is logged in already is refused with a text
of its own.  A name that does not exist costs the same hashes as one that does, whatever each user's own
hash costs (``UserTable.trial``).  So does a server that does not exist or that the user may not use.
"""

import secrets
from collections.abc import Callable
from typing import Final, Literal, NamedTuple, get_args

from amiproxy import log
from amiproxy.ami import message, privilege
from amiproxy.ami.message import Action
from amiproxy.core.admission.addresses import network_of
from amiproxy.core.admission.networks import networks_around
from amiproxy.core.audit.securityevents import ERROR, INFORMATIONAL
from amiproxy.core.clients.history.numbering import follow_login
from amiproxy.core.clients.registry import SessionRegistry
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.routes.routing import Routing, Unreachable
from amiproxy.core.clients.session import Session
from amiproxy.core.context import Context
from amiproxy.core.model.state import ADMIT, JUDGE, REFUSE, State
from amiproxy.core.model.users import User, check_md5, check_plain
from amiproxy.core.ports import Applicant, Peer
from amiproxy.core.servers.server import Server
from amiproxy.x509.identity import ClaimRefusal

#: Seconds that Asterisk waits before it answers a failed login.
REFUSAL_DELAY: Final = 1.0
_FAILED = b"Authentication failed"
#: Why a login fails because of its name, its secret or where it comes from.
_Mismatch = Literal[
    "no such user",
    "user is disabled",
    "address not permitted",
    "wrong secret",
    "wrong response to the challenge",
    "no challenge was asked for",
    "address is under a penalty",
]
#: Why a login fails although its secret is or may be right.
_Occupied = Literal[
    "already logged in",
    "too many logins at once",
    "too many sessions",
    "too many sessions of this user",
    "user changed during login",
]
Reason = _Mismatch | ClaimRefusal | Unreachable | _Occupied
#: Every reason for which a login can fail; the statistics count by it.
REASONS: Final[tuple[str, ...]] = (
    *get_args(_Mismatch),
    *get_args(ClaimRefusal),
    *get_args(Unreachable),
    *get_args(_Occupied),
)
#: The order in which secrets are compared: first from addresses that have logged in recently and not failed
#: since, then from any others, last from addresses whose last login failed.
RANKS: Final = 3
_KNOWN, _UNKNOWN, _FAILING = range(RANKS)


class Verdict(NamedTuple):
    """The user who logged in; or None, and the texts for the client, the log and the security event."""

    user: User | None
    text: bytes = _FAILED
    reason: Reason | Literal[""] = ""
    event: bytes = b"InvalidPassword"
    #: Whether it counts towards a penalty for the address: for a wrong name or secret, or when a client
    #: without the secret learns that a name is in use.
    is_guess: bool = False
    #: The limit that was reached, if that is the reason.
    limit: str = ""
    #: The server that the session of the user is bound to; None if it sees all of the user's.
    bound: Server | None = None


#: The secret was not compared, because the queue for hashing is full.
_UNJUDGED: Final = Verdict(None, b"", "too many logins at once", b"SessionLimit", limit="hash_queue")


class Attempt:
    """One Login; or one Challenge, for which only ``already_in_use`` applies."""

    __slots__ = (
        "_action",
        "_challenge",
        "_ctx",
        "_entrance",
        "_name",
        "_peer",
        "_registry",
        "_routing",
        "_transport",
        "_user",
    )

    def __init__(
        self,
        ctx: Context,
        registry: SessionRegistry,
        routing: Routing,
        session: Session,
        challenge: bytes,
        action: Action,
    ) -> None:
        self._ctx = ctx
        self._registry = registry
        self._routing = routing
        self._transport = session.transport
        self._entrance: Entrance = session.entrance
        self._peer = session.transport.peer
        self._challenge = challenge
        self._action = action
        self._name = routing.login_name(ctx.users, action.get(b"username"))
        self._user = self._name.user

    def already_in_use(self) -> Verdict | None:
        """The refusal of a user without ``allowmultiplelogin`` who is logged in; None for all others.

        As in Asterisk, no secret has been compared when this is decided.
        """
        user = self._user
        sessions = self._registry.of(user) if user is not None and not user.allowmultiplelogin else []
        if not sessions:
            return None
        # This refusal reveals who is logged in, so it counts as a guess; but not from an address that
        # the user is logged in from.  That address has given the secret and learns nothing new.  A client
        # whose connection broke, and whose old session has not been detected as dead yet, retries from
        # there again and again, and must not be locked out for it.
        here = network_of(self._peer.address)
        known = any(network_of(session.transport.peer.address) == here for session in sessions)
        return Verdict(
            None, b"Login Already In Use", "already logged in", b"SessionLimit", is_guess=not known
        )

    def judge(self, done: Callable[[Verdict], None]) -> None:
        """Decide on the login.  ``done`` is called once: now, or when the hash is computed."""
        busy = self.already_in_use()
        if busy is None:
            self._judge(done)
        elif not busy.is_guess:
            done(busy)
        else:
            # It is refused in any case; a right secret shows that it was its owner from another address.
            self._judge(lambda verdict: done(busy if verdict.is_guess else verdict))

    def _judge(self, done: Callable[[Verdict], None]) -> None:
        user = self._user
        refusal: Verdict | None = None
        claim = self._ctx.users.claim(user, self._peer.certificate)
        if user is None:
            refusal = _wrong("no such user", b"InvalidAccountID")
        elif user.disabled:
            refusal = _wrong("user is disabled", b"InvalidAccountID")
        elif not user.acl.allows(self._peer.address):
            refusal = _wrong("address not permitted", b"FailedACL")
        elif claim.refusal is not None:
            refusal = _wrong(claim.refusal, b"InvalidAccountID")
        elif isinstance(unreachable := self._routing.chosen(user, self._name, self._entrance), str):
            refusal = _wrong(unreachable, b"InvalidAccountID")
        elif not claim.needs_secret:
            done(self._accept(user))
            return
        if self._action.get(b"authtype").lower() == b"md5":
            done(refusal or self._md5(user))
        else:
            self._plain(refusal, done)

    def _md5(self, user: User | None) -> Verdict:
        assert user is not None
        if self._challenge and check_md5(user, self._challenge, self._action.get(b"key")):
            return self._accept(user)
        reason: Reason = (
            "wrong response to the challenge" if self._challenge else "no challenge was asked for"
        )
        return _wrong(reason, b"ChallengeResponseFailed")

    def _plain(self, refusal: Verdict | None, done: Callable[[Verdict], None]) -> None:
        user = self._user
        candidate = self._action.get(b"secret")
        if refusal is None and user is not None and check_plain(user, candidate):
            done(self._accept(user))
            return
        wrong = refusal or _wrong("wrong secret", b"InvalidPassword")
        judged = user if refusal is None else None

        def verified(matches: bool | None) -> None:
            if matches is None:
                done(_UNJUDGED)
            elif matches and judged is not None:
                done(self._accept(judged))
            else:
                done(wrong)

        name = self._action.get(b"username").lower()
        applicant = self._applicant(hopeless=judged is None or judged.secret is None)
        self._ctx.verifier.verify(applicant, name, self._ctx.users.trial(judged), candidate, verified)

    def _applicant(self, hopeless: bool) -> Applicant:
        address, now, limit_state = self._peer.address, self._ctx.scheduler.now(), self._ctx.limit_state
        if limit_state.admission.has_failed(address, now):
            rank = _FAILING
        else:
            # An exempt address may fail any number of times, so it must not be able to delay all others.
            known = (
                limit_state.newcomers.acquaintances.knows(address, now) and address not in limit_state.exempt
            )
            rank = _KNOWN if known else _UNKNOWN
        return Applicant(self._transport, networks_around(address), rank, hopeless)

    def _accept(self, user: User) -> Verdict:
        # The user table may have been reloaded while the hash was computed.
        name = self._routing.login_name(self._ctx.users, self._action.get(b"username"))
        bound = self._routing.chosen(user, name, self._entrance)
        if name.user is not user or isinstance(bound, str):
            return Verdict(None, _FAILED, "user changed during login")
        busy = self.already_in_use()  # others may have logged in while the hash was computed
        if busy is not None:
            return busy._replace(is_guess=False)
        if self._registry.authenticated >= self._ctx.limits.sessions_authenticated:
            return _crowded("too many sessions", "sessions_authenticated")
        most = user.limits.sessions or self._ctx.limits.sessions_per_user
        is_full = len(self._registry.of(user)) >= most
        if is_full and self._peer.address not in self._ctx.limit_state.exempt:
            return _crowded("too many sessions of this user", "sessions_per_user")
        return Verdict(user, bound=bound)


def _wrong(reason: Reason, event: bytes) -> Verdict:
    return Verdict(None, _FAILED, reason, event, is_guess=True)


def _crowded(reason: Reason, limit: str) -> Verdict:
    return Verdict(None, b"Too many sessions", reason, b"SessionLimit", limit=limit)


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
        ctx, peer = self._ctx, session.transport.peer.address
        name = self._routing.login_name(ctx.users, action.get(b"username"))
        session.principal.login_name = name.name[:79]  # Asterisk cuts names there
        session.principal.sees = self._routing.within_sight(name, session.entrance)
        if ctx.limit_state.admission.is_penalised(peer, ctx.scheduler.now()):
            # The client connected before the penalty began: its guess is refused without being checked.
            self._refuse(
                session, action, Verdict(None, _FAILED, "address is under a penalty", limit="penalty")
            )
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
        ctx, transport = self._ctx, session.transport
        if ctx.limit_state.admission.is_penalised(transport.peer.address, ctx.scheduler.now()):
            return None  # reveal nothing: the Login that follows is refused unchecked
        # A Challenge has no secret that could show that its owner asked, so each refusal counts as a guess.
        # The few clients that send a user name here, from another address than the session of that user,
        # have as many tries as a client with a wrong secret.
        return Attempt(ctx, self._registry, self._routing, session, b"", action).already_in_use()

    def _refuse(self, session: Session, action: Action, verdict: Verdict) -> None:
        """Report a failed login; answer it after Asterisk's pause, and close.

        When too many refusals are waiting, the oldest is answered at once.
        """
        session.move(REFUSE)
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

        def answer() -> None:
            if session.state is State.JUDGED:
                session.answer(message.error(action.action_id, verdict.text))
                session.close("login failed")

        ctx.scheduler.later(REFUSAL_DELAY, answer)
        cut_short = limit_state.newcomers.refuse(
            session.transport, answer, limit_state.limits.unauthenticated
        )
        if cut_short is not None:
            cut_short()

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
            if verdict is _UNJUDGED:
                self._turn_away(session, verdict)
            else:
                self._refuse(session, action, verdict)
            return
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
            peer=peer.address,
            tls=peer.tls or None,
            certificate=_fingerprint(peer),
            generation=ctx.generation,
        )
        accepted = (b"Message", b"Authentication accepted"), *follow_login(session, action)
        session.answer(message.response(b"Success", action.action_id, *accepted))
        session.push()  # in a write of its own: some clients take the first read for the whole answer
        for event in session.route.welcome(session.principal.mask):
            session.reply(event)
            session.push()
        ctx.subscribe(session)
        # As in Asterisk, the session that has logged in receives this event, too.
        by_secret = b"0" if user.login.way == "certificate" else b"1"
        ctx.audit_log.tell(session.who, b"SuccessfulAuth", INFORMATIONAL, (b"UsingPassword", by_secret))
        session.advance()


def _fingerprint(peer: Peer) -> str | None:
    return peer.certificate.sha256 if peer.certificate is not None else None
