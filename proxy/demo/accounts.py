"""The demo's two users, whose rights overlap in part."""

import secrets
from dataclasses import dataclass, field

from proxy.config.phc import hash_secret

#: Loopback only: they are known to whoever looks over somebody's shoulder.
_ACL = ("deny 0.0.0.0/0", "permit 127.0.0.1")


@dataclass(frozen=True, slots=True)
class Account:
    """One user; its secret is made for this run."""

    name: str
    read: tuple[str, ...]
    write: tuple[str, ...]
    secret: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(15))

    def entry(self) -> dict[str, object]:
        """The user as users.yaml has it.  Hashes the secret: some 40 ms."""
        return {
            "secret": hash_secret(self.secret.encode()),
            "read": list(self.read),
            "write": list(self.write),
            "acl": list(_ACL),
        }


def wallboard() -> Account:
    """Looks, and does nothing."""
    return Account("wallboard", read=("call", "agent"), write=())


def desk() -> Account:
    """A click-to-call desk: calls, hangs up, leaves notes; agents are none of its business."""
    return Account("desk", read=("call", "dtmf", "user"), write=("call", "originate", "user"))
