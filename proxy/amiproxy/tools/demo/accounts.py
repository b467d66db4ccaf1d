"""The demo's users: two whose rights partly overlap, side by side, and one who operates the proxy."""

import secrets
from dataclasses import dataclass, field

from amiproxy.core.model.phc import hash_secret

#: Loopback only: the demo shows the secrets on the screen, where bystanders can read them.
_ACL = ("deny 0.0.0.0/0", "permit 127.0.0.1")


@dataclass(frozen=True, slots=True)
class Account:
    """One user; its secret is generated for this run.  ``doors`` are the ways in by which it may log in."""

    name: str
    read: tuple[str, ...]
    write: tuple[str, ...]
    doors: tuple[str, ...] = ("ami",)
    secret: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(15))

    def entry(self) -> dict[str, object]:
        """The user's entry in users.yaml.  Hashes the secret, which takes some 40 ms."""
        return {
            "secret": hash_secret(self.secret.encode()),
            "read": list(self.read),
            "write": list(self.write),
            "doors": list(self.doors),
            "acl": list(_ACL),
        }


def wallboard() -> Account:
    """A wallboard, also in a browser: sees calls and agents, and may run no actions."""
    return Account("wallboard", read=("call", "agent"), write=(), doors=("ami", "page"))


def desk() -> Account:
    """A click-to-call desk: places calls, hangs up, leaves notes, and does not see agents."""
    return Account("desk", read=("call", "dtmf", "user"), write=("call", "originate", "user"))


def operator() -> Account:
    """An operator, only in a browser: also sees the state of the proxy, and may end sessions."""
    return Account("operator", read=("system", "call", "agent"), write=("command",), doors=("page",))
