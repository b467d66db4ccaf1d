"""The user table: which users may log in, from where, and what each may see and do.

Immutable, and swapped whole at a reload.  Names are compared as in Asterisk, without
regard to ASCII case; the table's spelling is the one that is used.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from amiproxy.ami.eventfilter import FilterSet
from amiproxy.core.model.acl import AccessList
from amiproxy.core.model.limits import UpstreamLost, UserLimits
from amiproxy.core.model.phc import cost, dummy_hash, work
from amiproxy.core.model.rules import Rules
from amiproxy.steps import Steps, finish
from amiproxy.x509.identity import Binding, CertificateLogin, Claim, Identity, bound_users, claim

#: The name of the only server of a configuration that names none.  Clients never see it.
LONE_SERVER: Final = "asterisk"
#: The ways in that ``User.doors`` may name.
DOORS: Final = ("ami", "ajam", "api", "page", "ws")
#: Doors whose clients may take snapshots, resume, and ask for numbered events.
_WITH_HISTORY: Final = frozenset({"api", "page", "ws"})
_NOTHING_NARROWED: Final[Mapping[str, "User"]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class User:
    """One manager user.  ``repr`` shows neither secret.

    ``secret`` is a hash (PHC string); ``md5_secret`` is the secret itself, for clients that log in
    by Challenge.  At least one of them is set, unless a certificate alone is enough to log in.

    ``read``, ``write`` and ``rules`` are the rights of the user at every server where they are not
    narrowed; those at one server are the ones of ``at(server)``.
    """

    name: str
    read: int = 0
    write: int = 0
    secret: str | None = field(default=None, repr=False)
    md5_secret: bytes | None = field(default=None, repr=False)
    acl: AccessList = AccessList()  # noqa: RUF009 - immutable
    filters: FilterSet = FilterSet(())  # noqa: RUF009 - immutable
    setvar: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)
    allowmultiplelogin: bool = True
    disabled: bool = False
    rules: Rules | None = None
    #: ``close`` or ``drop_events``; None: the setting in ``limits``.
    slow_consumer: str | None = None
    #: ``auto``, ``close``, ``stay`` or ``repair`` when the link is lost; None: the setting in proxy.yaml.
    upstream_lost: UpstreamLost | None = None
    #: Whether the user may take snapshots, resume, and ask for numbered events.  True for a user with a door
    #: that cannot do without, whatever it is given.
    history: bool = False
    #: The ways in by which the user may log in, of ``DOORS``.
    doors: frozenset[str] = frozenset({"ami"})
    #: Limits that override those for all users.
    limits: UserLimits = UserLimits()  # noqa: RUF009 - immutable
    #: The client certificates of this user, and whether one is sufficient or required.
    login: CertificateLogin = CertificateLogin()  # noqa: RUF009 - immutable
    #: Names of the servers that the user may use, in the order of the configuration.
    servers: tuple[str, ...] = (LONE_SERVER,)
    #: Where an action goes that names no server, if the user has several; "" if it must name one.
    default_server: str = ""
    #: Server -> the user with the rights that it has there, for each server where it has fewer.
    narrowed: Mapping[str, "User"] = field(default_factory=lambda: _NOTHING_NARROWED, hash=False)
    #: Kept by ``generation_of``; b"" until that was called.
    generation: bytes = field(default=b"", init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """What clients of some doors are sent depends on ``history``, so these doors give it."""
        if not self.history and not self.doors.isdisjoint(_WITH_HISTORY):
            object.__setattr__(self, "history", True)

    def at(self, server: str) -> "User":
        """The user with the rights that it has at this server: none at a server that it may not use."""
        if server in self.servers:
            return self.narrowed.get(server, self)
        return replace(
            self,
            read=0,
            write=0,
            rules=None,
            history=False,
            doors=frozenset(),
            narrowed=_NOTHING_NARROWED,
        )

    @property
    def has_scope(self) -> bool:
        """Whether the user sees only some of the calls at any of its servers."""
        return any(
            one.rules is not None and one.rules.scope is not None for one in (self, *self.narrowed.values())
        )


def folded(name: str) -> bytes:
    """The name in the form in which names are compared: only ASCII letters are the same in either case.

    ``str.lower`` would take users for one whom the table tells apart, such as Änne and änne.
    """
    return name.encode("utf-8", "surrogatepass").lower()


class UserTable:
    """All users, including disabled ones, so that a refused login can be logged with its reason."""

    __slots__ = (
        "_bound",
        "_by_name",
        "_by_upstream_lost",
        "_dummies",
        "any_md5",
        "any_scope",
        "with_history",
        "with_journal",
    )

    def __init__(self, users: Iterable[User] = ()) -> None:
        self._by_name: dict[bytes, User] = {}
        # Includes disabled users: their certificates must not log in as another user.
        self._bound: dict[Binding, str] = {}
        #: Whether any user can log in by Challenge.
        self.any_md5 = False
        #: Whether any user has a scope, and so sees only some calls.
        self.any_scope = False
        #: Names of the servers that a user with ``history`` can log in to.
        self.with_history: set[str] = set()
        #: Names of the servers whose events a user is sent from the journal.
        self.with_journal: set[str] = set()
        self._by_upstream_lost: dict[UpstreamLost | None, set[str]] = {}
        finish(self._fill(users))

    @classmethod
    def building(cls, users: Iterable[User]) -> Steps["UserTable"]:
        """Build a table in steps, one for each user."""
        table = cls()
        yield from table._fill(users)
        return table

    def _fill(self, users: Iterable[User]) -> Iterator[None]:
        secrets: dict[str, str] = {}
        for user in users:
            self._by_name[folded(user.name)] = user
            for binding in user.login.bindings:
                self._bound.setdefault(binding, user.name)
            self.any_scope = self.any_scope or user.has_scope
            if not user.disabled:
                self._by_upstream_lost.setdefault(user.upstream_lost, set()).update(user.servers)
                if user.history:
                    self.with_history.update(user.servers)
                if user.history or "ajam" in user.doors:
                    self.with_journal.update(user.servers)
                self.any_md5 = self.any_md5 or user.md5_secret is not None
                if user.secret is not None:
                    secrets[cost(user.secret)] = user.secret
            yield
        likes = sorted(secrets, key=lambda one: (work(secrets[one]), one))
        #: For each cost parameter in use, the cheapest first: a dummy hash that no secret matches.
        self._dummies = {like: dummy_hash(like=f"{like}$$") for like in likes} or {"": dummy_hash()}

    def letting_go(self) -> Steps[None]:
        """Empty a table that is no longer in use, in steps: freeing it at once would block the loop.

        Only the caller may still refer to the table.
        """
        while self._by_name:
            self._by_name.popitem()
            yield

    def with_repair(self, by_default: UpstreamLost) -> set[str]:
        """Names of the servers with a user whose ``upstream_lost`` is ``repair``.

        ``by_default`` is that of users who have none of their own.
        """
        found = set(self._by_upstream_lost.get("repair", ()))
        if by_default == "repair":
            found.update(self._by_upstream_lost.get(None, ()))
        return found

    def find(self, name: bytes) -> User | None:
        """The user with this name, without regard to case; disabled or not; None if no user has it."""
        return self._by_name.get(name.lower())

    def trial(self, user: User | None) -> tuple[str, ...]:
        """The hashes to compare a secret with, one after the other; ``user`` is None for an unknown name.

        There is one hash for each cost that occurs in the table, always in the same order, and the
        user's own takes the place of the dummy with its cost.  So the duration of a failed login
        does not reveal whether the name exists.  Only the user's own hash can match.
        """
        own = user.secret if user is not None else None
        like = cost(own) if own is not None else None
        return tuple(
            own if own is not None and one == like else dummy for one, dummy in self._dummies.items()
        )

    def claim(self, user: User | None, certificate: Identity | None) -> Claim:
        """Judge a client's certificate (None: it has none) for a login as ``user`` (None: unknown name)."""
        if user is None:
            return claim("", CertificateLogin(), self._bound, certificate)
        return claim(user.name, user.login, self._bound, certificate)

    def of_certificate(self, certificate: Identity) -> User | None:
        """The only user to whom this certificate is bound, if it is enough to log in; otherwise None."""
        owners = bound_users(self._bound, certificate)
        user = self.find(next(iter(owners)).encode()) if len(owners) == 1 else None
        return user if user is not None and user.login.way == "certificate" else None

    def standing(self, before: User) -> User | str:
        """The user that has the name of ``before``, or why there is none any more that may do anything."""
        user = self.find(before.name.encode())
        if user is None:
            return "user removed"
        return "user disabled" if user.disabled else user

    def successor(self, before: User, certificate: Identity | None) -> User | str:
        """The user for an open session of ``before``, a user of an earlier table.

        If the session must be closed, the reason for that instead.
        """
        user = self.standing(before)
        if isinstance(user, str):
            return user
        if (user.secret, user.md5_secret) != (before.secret, before.md5_secret):
            return "credentials changed"
        claimed = self.claim(user, certificate)
        if claimed.refusal is not None or (claimed.needs_secret and before.login.way == "certificate"):
            return "credentials changed"  # a secret is required now, but the session has not proved one
        return user

    def by_name(self) -> dict[bytes, User]:
        """All users by their names, as ``folded`` has them; a copy, which is fast."""
        return self._by_name.copy()

    def __iter__(self) -> Iterator[User]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)


def check_md5(user: User, challenge: bytes, key: bytes) -> bool:
    """Whether ``key`` answers the challenge: lower-case hex MD5 of challenge and secret, as in Asterisk.

    All are bytes as on the wire.  False for a user without ``md5_secret``, after the same work.
    """
    secret = user.md5_secret if user.md5_secret is not None else b""
    expected = hashlib.md5(challenge + secret, usedforsecurity=False).hexdigest().encode()
    return hmac.compare_digest(expected, key) and user.md5_secret is not None


def check_plain(user: User, candidate: bytes) -> bool:
    """Whether the candidate is the user's ``md5_secret``; False for a user without one.

    This check is cheap.  A user may also have a hash, or only a hash, which the Verifier compares.
    """
    secret = user.md5_secret if user.md5_secret is not None else b""
    return hmac.compare_digest(secret, candidate) and user.md5_secret is not None
