"""The configuration as plain data: what JSON can hold, with the operator's names and without any secret.

Two processes compare their configurations in this form, also of different versions.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from amiproxy.ami.privilege import class_names
from amiproxy.config.reading.problems import KeyPath, spell
from amiproxy.config.users.classes import mask_of
from amiproxy.config.users.narrowing import Narrowing
from amiproxy.config.users.user import UserEntry

#: Text, number, truth value or None, or a list or dict of such values.
Plain = Any
#: What stands for a secret: equal secrets have equal ones.
Fingerprint = Callable[[str], str]

#: Keys of a user that are shown as they are.  In the values of all others, each text is replaced by its
#: fingerprint: secrets, ``setvar``, and what ``rules`` sets or requires, which may be a PIN.  Those of ``on``
#: are treated like the same keys of the user.
SHOWN: Final = frozenset(
    {
        "actions",
        "contexts",
        "channels",
        "commands",
        "functions",
        "variables",
        "applications",
        "technologies",
        "hosts",
        "scope",
        "read",
        "write",
        "acl",
        "eventfilter",
        "allowmultiplelogin",
        "disabled",
        "slow_consumer",
        "upstream_lost",
        "history",
        "doors",
        "limits",
        "certificate",
        "login",
        "servers",
        "default_server",
    }
)
#: Keys inside those that are shown nevertheless.
_NAMES: Final = frozenset({"action", "header", "remove"})
_PREFIX: Final = "fingerprint:"
#: Hexadecimal digits of a fingerprint: 128 bits, so that different secrets never have the same one.
_DIGITS: Final = 32


class _Absent:
    """The value of a key that one side does not have."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


class Change(NamedTuple):
    """One key whose value differs; ABSENT on the side that does not have the key."""

    key: str
    old: Plain
    new: Plain


def fingerprints(key: bytes) -> Fingerprint:
    """Fingerprints under a random key.  Without the key, a guess of the secret cannot be tested."""

    def fingerprint(secret: str) -> str:
        digest = hmac.new(key, secret.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
        return f"{_PREFIX}{digest[:_DIGITS]}"

    return fingerprint


def is_hidden(value: Plain) -> bool:
    """Whether the value is or contains a fingerprint, and so says nothing to a reader."""
    if isinstance(value, dict):
        return any(map(is_hidden, value.values()))
    if isinstance(value, list):
        return any(map(is_hidden, value))
    return isinstance(value, str) and value.startswith(_PREFIX)


def plain(value: object) -> Plain:
    """Any value of the configuration; types that an operator writes as text become that text."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list) and type(value) in (tuple, list):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


def plain_user(entry: UserEntry, fingerprint: Fingerprint) -> dict[str, Plain]:
    """One entry of users.yaml.  Classes are a text as ``class_names`` writes it, however they are written."""
    return _plain_rights(entry, fingerprint)


def _plain_rights(entry: UserEntry | Narrowing, fingerprint: Fingerprint) -> dict[str, Plain]:
    found: dict[str, Plain] = {}
    for name in entry.__struct_fields__:
        value = getattr(entry, name)
        if name in ("read", "write"):
            found[name] = None if value is None else class_names(mask_of(value))
        elif name == "on":
            found[name] = {server: _plain_rights(one, fingerprint) for server, one in value.items()}
        elif name in SHOWN:
            found[name] = plain(value)
        else:
            found[name] = _hidden(plain(value), fingerprint)
    return found


def _hidden(value: Plain, fingerprint: Fingerprint) -> Plain:
    if isinstance(value, dict):
        return {name: item if name in _NAMES else _hidden(item, fingerprint) for name, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item, fingerprint) for item in value]
    return fingerprint(value) if isinstance(value, str) else value


def changes(old: Plain, new: Plain, path: KeyPath = ()) -> Iterator[Change]:
    """The keys whose values differ, in the order of ``new``, as deep as both sides have the same shape."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in (*new, *(name for name in old if name not in new)):
            yield from changes(old.get(name, ABSENT), new.get(name, ABSENT), (*path, name))
    elif _is_sections(old) and _is_sections(new) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from changes(before, after, (*path, number))
    else:
        yield Change(spell(path), old, new)


def _is_sections(value: Plain) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) for item in value)


def defaults(value: msgspec.Struct) -> dict[str, Plain]:
    """The default of each key of a section that has one, as plain data, in the shape of ``value``.

    Keys without a default, and keys inside lists, are left out.
    """
    found: dict[str, Plain] = {}
    for field in msgspec.structs.fields(type(value)):
        given = getattr(value, field.name)
        if isinstance(given, msgspec.Struct):
            found[field.name] = defaults(given)
        elif field.default is not msgspec.NODEFAULT:
            found[field.name] = plain(field.default)
        elif field.default_factory is not msgspec.NODEFAULT:
            found[field.name] = plain(field.default_factory())
    return found
