"""The user table: who may log in, from where, to see and do what.

Immutable and swapped whole at a reload.  Names are told apart as Asterisk does,
without regard to ASCII case; the spelling of the table is the one kept.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from proxy.ami.eventfilter import FilterSet
from proxy.config import UserEntry, UsersFile
from proxy.config.limits import UpstreamLost
from proxy.config.phc import cost, dummy_hash, work
from proxy.config.rules import Rules, rules_of
from proxy.config.userlimits import UserLimits
from proxy.core.acl import AccessList
from proxy.steps import Steps, finish, result_of
from proxy.x509.identity import Binding, CertificateLogin, Claim, Identity, claim


@dataclass(frozen=True, slots=True)
class User:
    """One manager user.  ``repr`` shows neither secret.

    ``secret`` is a hash (PHC string), ``md5_secret`` the secret itself, for
    those who log in by Challenge; at least one of the two is there, unless the
    certificate alone opens the account.
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
    #: ``close`` or ``drop_events``; None: as the limits say.
    slow_consumer: str | None = None
    #: ``auto``, ``close`` or ``stay`` when the link is lost; None: as proxy.yaml says.
    upstream_lost: UpstreamLost | None = None
    #: In place of those that hold for every user.
    limits: UserLimits = UserLimits()  # noqa: RUF009 - immutable
    #: Which client certificates are this user's, and whether one is enough, or needed.
    login: CertificateLogin = CertificateLogin()  # noqa: RUF009 - immutable

    @classmethod
    def from_entry(cls, name: str, entry: UserEntry) -> "User":
        """From an entry of users.yaml that has passed its checks."""
        return cls(
            name=name,
            read=entry.read_mask,
            write=entry.write_mask,
            secret=entry.secret,
            md5_secret=None if entry.md5_secret is None else entry.md5_secret.encode(),
            acl=_access_list(entry.acl),
            filters=FilterSet(tuple(entry.compiled_filters())),
            setvar=tuple((name.encode(), value.encode()) for name, value in entry.setvar.items()),
            allowmultiplelogin=entry.allowmultiplelogin,
            disabled=entry.disabled,
            rules=rules_of(entry),
            slow_consumer=entry.slow_consumer,
            upstream_lost=entry.upstream_lost,
            limits=entry.limits,
            login=entry.certificate_login,
        )


class UserTable:
    """All users; disabled ones too, for whoever looks one up has to say why it refuses."""

    __slots__ = ("_bound", "_by_name", "_dummies", "any_md5", "any_scope")

    def __init__(self, users: Iterable[User] = ()) -> None:
        self._by_name: dict[bytes, User] = {}
        # Disabled users too: what is theirs opens no other account.
        self._bound: dict[Binding, str] = {}
        #: Whether anybody could log in by Challenge at all.
        self.any_md5 = False
        #: Whether anybody sees some calls only.
        self.any_scope = False
        finish(self._fill(users))

    @classmethod
    def from_config(cls, file: UsersFile) -> "UserTable":
        """From users files that have passed their checks."""
        return result_of(cls.building(file))

    @classmethod
    def building(
        cls, file: UsersFile, old: "UserTable | None" = None, before: UsersFile | None = None
    ) -> Steps["UserTable"]:
        """The same in steps.

        ``old`` is the table of ``before``: a user whose entry is the same object is taken from there.
        """
        table = cls()
        yield from table._fill(_users_of(file, old, before))
        return table

    def _fill(self, users: Iterable[User]) -> Iterator[None]:
        secrets: dict[str, str] = {}
        for user in users:
            self._by_name[user.name.encode().lower()] = user
            for binding in user.login.bindings:
                self._bound.setdefault(binding, user.name)
            self.any_scope = self.any_scope or (user.rules is not None and user.rules.scope is not None)
            if not user.disabled:
                self.any_md5 = self.any_md5 or user.md5_secret is not None
                if user.secret is not None:
                    secrets[cost(user.secret)] = user.secret
            yield
        likes = sorted(secrets, key=lambda one: (work(secrets[one]), one))
        #: By cost, the cheapest first: a hash of each cost that there is, which nobody has the secret of.
        self._dummies = {like: dummy_hash(like=f"{like}$$") for like in likes} or {"": dummy_hash()}

    def letting_go(self) -> Steps[None]:
        """Empty a table that nobody has any more, in steps: all at once, that would be a pause."""
        while self._by_name:
            self._by_name.popitem()
            yield

    def find(self, name: bytes) -> User | None:
        """The user of this name in any case, disabled or not."""
        return self._by_name.get(name.lower())

    def trial(self, user: User | None) -> tuple[str, ...]:
        """The hashes that a secret is compared with for this user, one after the other; None: for no user.

        They are one of each cost that occurs in the table, always in the same order, and the user's
        own stands in the place of its cost: so the work of a login that fails does not tell whether
        the name exists.  Only the user's own can match.
        """
        own = user.secret if user is not None else None
        like = cost(own) if own is not None else None
        return tuple(
            own if own is not None and one == like else dummy for one, dummy in self._dummies.items()
        )

    def claim(self, user: User | None, certificate: Identity | None) -> Claim:
        """What a client's certificate, or that it has none, means for a login as ``user`` (None: unknown)."""
        if user is None:
            return claim("", CertificateLogin(), self._bound, certificate)
        return claim(user.name, user.login, self._bound, certificate)

    def successor(self, before: User, certificate: Identity | None) -> User | str:
        """Who a session of ``before``, a user of an earlier table, is now; or why it cannot go on."""
        user = self.find(before.name.encode())
        if user is None or user.disabled:
            return "user removed"
        if (user.secret, user.md5_secret) != (before.secret, before.md5_secret):
            return "credentials changed"
        claimed = self.claim(user, certificate)
        if claimed.refusal is not None or (claimed.needs_secret and before.login.way == "certificate"):
            return "credentials changed"  # a secret that was not asked for is not known to be right
        return user

    def __iter__(self) -> Iterator[User]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)


def _users_of(file: UsersFile, old: UserTable | None, before: UsersFile | None) -> Iterator[User]:
    known = before.users if before is not None else {}
    for name, entry in file.users.items():
        same = old.find(name.encode()) if old is not None and known.get(name) is entry else None
        yield same if same is not None else User.from_entry(name, entry)


@lru_cache(maxsize=4096)
def _access_list(lines: tuple[str, ...]) -> AccessList:
    """Thousands of users have the same one."""
    return AccessList.from_lines(lines)


def check_md5(user: User, challenge: bytes, key: bytes) -> bool:
    """Whether ``key`` answers the challenge: lower-case hex MD5 of challenge and secret, as Asterisk has it.

    False, after the same work, for a user without ``md5_secret``.
    """
    secret = user.md5_secret if user.md5_secret is not None else b""
    expected = hashlib.md5(challenge + secret, usedforsecurity=False).hexdigest().encode()
    return hmac.compare_digest(expected, key) and user.md5_secret is not None


def check_plain(user: User, candidate: bytes) -> bool:
    """Whether the candidate is the user's ``md5_secret``; False for a user without one.

    Cheap.  A user may have a hash beside it or instead; that is the Verifier's to judge.
    """
    secret = user.md5_secret if user.md5_secret is not None else b""
    return hmac.compare_digest(secret, candidate) and user.md5_secret is not None
