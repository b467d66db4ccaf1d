"""The simulator's manager users, with the settings that manager.conf would have for each."""

import secrets
from dataclasses import dataclass, field

from amiproxy.ami import privilege


@dataclass(frozen=True, slots=True)
class User:
    """One section of manager.conf.  ``read`` and ``write`` are class lists such as ``call,agent``.

    Raises UnknownPrivilege if a list names a class that does not exist.
    """

    name: str
    secret: str = field(repr=False)
    read: str = "all"
    write: str = "all"
    multiple_login: bool = True
    read_mask: int = field(init=False, repr=False)
    write_mask: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "read_mask", privilege.parse_classes(self.read))
        object.__setattr__(self, "write_mask", privilege.parse_classes(self.write))


def generated(name: str = "simulator") -> User:
    """A user with all classes and a random secret."""
    return User(name, secrets.token_urlsafe(18))
