"""Attempt: whether a client may log in as a manager user, and why not.

The checks run in Asterisk's order: first the session limit of a user without ``allowmultiplelogin``,
before any secret is compared; then the user, the address and the secret.  The client's certificate is
checked after the address, and may replace the secret or be required besides it.

A name that does not exist costs the same hashes as one that does, whatever each user's own hash costs
(``UserTable.trial``).  So does a server that does not exist or that the user may not use, and a door that is
not the user's.
"""

# mypyc: compiled

from collections.abc import Callable
from typing import Final, Literal, NamedTuple, get_args

from amiproxy.ami.message import Action
from amiproxy.core.admission.addresses import network_of
from amiproxy.core.admission.networks import networks_around
from amiproxy.core.clients.registry import SessionRegistry
from amiproxy.core.clients.routes.entrance import FLEET, Entrance
from amiproxy.core.clients.routes.routing import Routing, Unreachable
from amiproxy.core.clients.session import Session
from amiproxy.core.context import Context
from amiproxy.core.model.users import User, check_md5, check_plain
from amiproxy.core.ports import Applicant
from amiproxy.core.servers.server import Server
from amiproxy.x509.identity import Claim, ClaimRefusal

FAILED = b"Authentication failed"
#: Why a login fails because of its name, its secret or where it comes from.
_Mismatch = Literal[
    "no such user",
    "user is disabled",
    "address not permitted",
    "door not permitted",
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


#: How a client has proved that it is a user, other than by a Login: by its certificate, by a digest of the
#: secret, because another session of the same client is logged in, or to an edge of the fleet.
Proof = Literal["certificate", "digest", "session", "edge"]


class Verdict(NamedTuple):
    """The user who logged in; or None, and the texts for the client, the log and the security event."""

    user: User | None
    text: bytes = FAILED
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
UNJUDGED: Final = Verdict(None, b"", "too many logins at once", b"SessionLimit", limit="hash_queue")


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
        "_session",
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
        self._session = session
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
        user, client = self._user, self._session.client
        sessions = self._registry.of(user) if user is not None and not user.allowmultiplelogin else []
        # An edge counts the logins of its own clients, as this process counts the others.
        sessions = [one for one in sessions if one.entrance.door != FLEET]
        if client is not None:  # it may have several
            sessions = [one for one in sessions if one.client is not client]
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

    def proven(self, by: Proof) -> Verdict:
        """Decide on the login of a client that has proved in this way that it is the user."""
        if by == "edge":
            return self._sent_by_edge()
        busy = self.already_in_use()
        if busy is not None:
            return busy._replace(is_guess=False)
        claim = self._ctx.users.claim(self._user, self._peer.certificate)
        refusal = self._refusal(claim)
        if refusal is not None:
            return refusal
        if by == "certificate" and claim.needs_secret:
            return _wrong("wrong secret", b"InvalidPassword")
        assert self._user is not None
        return self._accept(self._user)

    def _sent_by_edge(self) -> Verdict:
        """Decide on a user whose actions an edge sends.

        The edge has checked how the client has logged in, and the address of each action is checked when it
        comes.  No failure counts as a guess, or an edge could have any address locked out.
        """
        user = self._user
        if user is None:
            return Verdict(None, FAILED, "no such user", b"InvalidAccountID")
        if user.disabled:
            return Verdict(None, FAILED, "user is disabled", b"InvalidAccountID")
        bound = self._routing.chosen(user, self._name, self._entrance)
        if isinstance(bound, str):
            return Verdict(None, FAILED, bound, b"InvalidAccountID")
        return Verdict(user, bound=bound)

    def _judge(self, done: Callable[[Verdict], None]) -> None:
        user = self._user
        claim = self._ctx.users.claim(user, self._peer.certificate)
        refusal = self._refusal(claim)
        if refusal is None and user is not None and not claim.needs_secret:
            done(self._accept(user))
        elif self._action.get(b"authtype").lower() == b"md5":
            done(refusal or self._md5(user))
        else:
            self._plain(refusal, done)

    def _refusal(self, claim: Claim) -> Verdict | None:
        """Why the login fails whatever the secret is; None if it does not."""
        user = self._user
        if user is None:
            return _wrong("no such user", b"InvalidAccountID")
        if user.disabled:
            return _wrong("user is disabled", b"InvalidAccountID")
        if not user.acl.allows(self._peer.address):
            return _wrong("address not permitted", b"FailedACL")
        if self._entrance.door not in user.doors:
            return _wrong("door not permitted", b"InvalidAccountID")
        if claim.refusal is not None:
            return _wrong(claim.refusal, b"InvalidAccountID")
        unreachable = self._routing.chosen(user, self._name, self._entrance)
        return _wrong(unreachable, b"InvalidAccountID") if isinstance(unreachable, str) else None

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
                done(UNJUDGED)
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
            return Verdict(None, FAILED, "user changed during login")
        busy = self.already_in_use()  # others may have logged in while the hash was computed
        if busy is not None:
            return busy._replace(is_guess=False)
        if self._session.is_web:
            return Verdict(user, bound=bound)  # it takes the place of another; see WebSessions
        if self._registry.authenticated >= self._ctx.limits.sessions_authenticated:
            return _crowded("too many sessions", "sessions_authenticated")
        most = user.limits.sessions or self._ctx.limits.sessions_per_user
        is_full = sum(not one.is_web for one in self._registry.of(user)) >= most
        if is_full and self._peer.address not in self._ctx.limit_state.exempt:
            return _crowded("too many sessions of this user", "sessions_per_user")
        return Verdict(user, bound=bound)


def _wrong(reason: Reason, event: bytes) -> Verdict:
    return Verdict(None, FAILED, reason, event, is_guess=True)


def _crowded(reason: Reason, limit: str) -> Verdict:
    return Verdict(None, b"Too many sessions", reason, b"SessionLimit", limit=limit)
