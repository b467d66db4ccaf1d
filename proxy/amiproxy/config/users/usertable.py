"""Builds the user table from the entries of users.yaml, which have passed their checks."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Final

from amiproxy.ami.eventfilter import FilterSet
from amiproxy.config.users.narrowing import Narrowing
from amiproxy.config.users.servers import ServerNames
from amiproxy.config.users.user import UserEntry, UsersFile
from amiproxy.core.model.acl import AccessList
from amiproxy.core.model.rules import Rules
from amiproxy.core.model.users import User, UserTable
from amiproxy.steps import Steps, result_of

_NO_RULES = Rules()


#: The server of a configuration with ``upstream``.
_ONE: Final = ServerNames()


def user_of(name: str, entry: UserEntry, servers: ServerNames = _ONE) -> User:
    """The user that an entry describes.  Raises Unfit unless the entry's values have been checked."""
    allowed = servers.matching(entry.servers)
    user = User(
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
        rules=_rules_of(entry),
        slow_consumer=entry.slow_consumer,
        upstream_lost=entry.upstream_lost,
        history=entry.history,
        doors=frozenset(entry.doors),
        limits=entry.limits,
        login=entry.certificate_login,
        servers=allowed,
        default_server=servers.default_for(allowed, entry.default_server),
    )
    narrowed = {
        server: _narrowed(user, entry.on[name])
        for server in allowed
        if (name := servers.alias or server) in entry.on
    }
    return replace(user, narrowed=narrowed) if narrowed else user


def _narrowed(user: User, narrowing: Narrowing) -> User:
    return replace(
        user,
        read=narrowing.read_mask(user.read),
        write=narrowing.write_mask(user.write),
        rules=narrowing.rules_with(user.rules),
    )


def table_of(file: UsersFile, servers: ServerNames = _ONE) -> UserTable:
    """The table of all users of the files, which have been checked by loading them."""
    return result_of(building_table(file, servers=servers))


def building_table(
    file: UsersFile,
    old: UserTable | None = None,
    before: UsersFile | None = None,
    *,
    servers: ServerNames = _ONE,
) -> Steps[UserTable]:
    """As ``table_of``, in steps.

    ``old`` is the table that was built from ``before``; users whose entry is the same object
    in both files, and that may use the same servers, are taken from there.
    """
    return (yield from UserTable.building(_users_of(file, old, before, servers)))


def _users_of(
    file: UsersFile, old: UserTable | None, before: UsersFile | None, servers: ServerNames
) -> Iterator[User]:
    known = before.users if before is not None else {}
    for name, entry in file.users.items():
        same = old.find(name.encode()) if old is not None and known.get(name) is entry else None
        if same is not None:
            allowed = servers.matching(entry.servers)
            if (same.servers, same.default_server) != (
                allowed,
                servers.default_for(allowed, entry.default_server),
            ):
                same = None
        yield same if same is not None else user_of(name, entry, servers)


def _rules_of(entry: UserEntry) -> Rules | None:
    """The rules among the keys of an entry; None if it has none."""
    rules = Rules(**{name: getattr(entry, name) for name in Rules.__struct_fields__})
    return None if rules == _NO_RULES else rules


@lru_cache(maxsize=4096)
def _access_list(lines: tuple[str, ...]) -> AccessList:
    """Cached, since thousands of users may have the same list."""
    return AccessList.from_lines(lines)
