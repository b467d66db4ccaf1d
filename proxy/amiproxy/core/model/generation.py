"""Generation: a digest of the rights of one user, by which two processes see that they know the same rights.

A process that sends actions for its users to another one names the generation of the user's rights; the other
one, which has a table of its own, so notices that a user was changed at only one of the two.
"""

import hashlib
import json
from typing import Final

import msgspec

from amiproxy.core.model.users import User

#: Bytes of a generation.
GENERATION_BYTES: Final = 16
#: Fields of Rules of which the order means something.
_ORDERED: Final = frozenset({"rules"})


def generation_of(user: User) -> bytes:
    """The digest of what the user may do, ``GENERATION_BYTES`` long, always the same one for equal rights.

    It depends neither on the process, the version of Python and the machine nor on the order in which the
    file lists what has no order.  Secrets, certificates and the settings that only concern the user's own
    connection are not part of it, and neither are the names of servers, which may have other names in
    another process: for the rights at one server, pass ``user.at(server)``.
    """
    if not user.generation:
        digest = hashlib.sha256(_canonical(user)).digest()[:GENERATION_BYTES]
        object.__setattr__(user, "generation", digest)
    return user.generation


def _canonical(user: User) -> bytes:
    rights = {
        "name": user.name,
        "disabled": user.disabled,
        "read": user.read,
        "write": user.write,
        # The last rule that matches wins.
        "acl": [[rule.permits, str(rule.network)] for rule in user.acl.rules],
        "filters": sorted(map(str, user.filters.filters)),
        # The first occurrence of a name wins.
        "setvar": [[name.hex(), value.hex()] for name, value in user.setvar],
        "allowmultiplelogin": user.allowmultiplelogin,
        "history": user.history,
        "doors": sorted(user.doors),
        "rules": _plain(user.rules),
        "limits": _plain(user.limits),
    }
    # Not ASCII is escaped, so that a name that is not valid Unicode has a digest, too.
    return json.dumps(rights, sort_keys=True, separators=(",", ":")).encode("ascii")


def _plain(value: object, name: str = "") -> object:
    """The value of a field in the form in which it is hashed."""
    if isinstance(value, msgspec.Struct):
        # None means that nothing is said: leaving it out lets a new field change nobody's generation.
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        return {name: _plain(field, name) for name, field in fields.items() if field is not None}
    if isinstance(value, tuple):
        parts = [_plain(part) for part in value]
        return parts if name in _ORDERED else sorted(parts, key=str)
    # As a file may say 5 for 5.0.
    return float(value) if type(value) is int else value
