"""The demo's two users, whose rights partly overlap."""

import secrets
from dataclasses import dataclass, field

from amiproxy.core.model.phc import hash_secret

#: Loopback only: the demo shows the secrets on the screen, where bystanders can read them.
_ACL = ("deny 0.0.0.0/0", "permit 127.0.0.1")


@dataclass(frozen=True, slots=True)
class Account:
    """One user; its secret is generated for this run."""

    name: str
    read: tuple[str, ...]
    write: tuple[str, ...]
    secret: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(15))

    def entry(self) -> dict[str, object]:
        """The user's entry in users.yaml.  Hashes the secret, which takes some 40 ms."""
        return {
            "secret": hash_secret(self.secret.encode()),
            "read": list(self.read),
            "write": list(self.write),
            "acl": list(_ACL),
        }


def wallboard() -> Account:
    """A wallboard: sees calls and agents, and may run no actions."""
    return Account("wallboard", read=("call", "agent"), write=())


def desk() -> Account:
    """A click-to-call desk: places calls, hangs up, leaves notes, and does not see agents."""
    return Account("desk", read=("call", "dtmf", "user"), write=("call", "originate", "user"))
