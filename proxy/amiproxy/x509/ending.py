"""What expires: a served certificate, a client CA, a revocation list."""

from datetime import datetime
from typing import Literal, NamedTuple

from amiproxy.x509.expiry import Expiry, describe_time_left, expiry_state, list_state


class Ending(NamedTuple):
    """One of these, with the time at which it expires."""

    kind: Literal["certificate", "client-ca", "revocation-list"]
    name: str
    """The first name of a certificate, the subject of a CA, the issuer of a list."""
    at: datetime
    since: datetime
    """Beginning of its validity."""
    by: str = ""
    """The CA certificate in a served chain that expires before the served certificate; empty if none does."""

    def state(self, now: datetime) -> Expiry:
        """How soon it expires; ``now`` is an aware time, as everywhere in this package."""
        if self.kind == "revocation-list":
            return list_state(self.since, self.at, now)
        return expiry_state(self.at, now)

    def describe(self, now: datetime) -> str:
        """A sentence for operators, such as ``certificate of dns:pbx.example expires in 12 days (…)``."""
        over = self.at <= now
        when = f"{describe_time_left(self.at, now)} ({self.at:%Y-%m-%d})"
        if self.kind == "revocation-list":
            return f"revocation list of {self.name} {'ran' if over else 'runs'} out {when}"
        what = f"client CA {self.name}" if self.kind == "client-ca" else f"certificate of {self.name}"
        if self.by:
            what += f": {self.by}, which signs it,"
        return f"{what} {'expired' if over else 'expires'} {when}"
