"""What comes to an end: a certificate that is served, a CA of clients, a revocation list."""

from datetime import datetime
from typing import Literal, NamedTuple

from proxy.x509.expiry import Expiry, describe_time_left, expiry_state, list_state


class Ending(NamedTuple):
    """One of them, and when that is."""

    kind: Literal["certificate", "client-ca", "revocation-list"]
    name: str
    """The first name of a certificate, the subject of a CA, the issuer of a list."""
    at: datetime
    since: datetime
    """When what ends began."""
    by: str = ""
    """The CA certificate in a served chain that ends before the served one does; empty: that one itself."""

    def state(self, now: datetime) -> Expiry:
        """How near it is."""
        if self.kind == "revocation-list":
            return list_state(self.since, self.at, now)
        return expiry_state(self.at, now)

    def describe(self, now: datetime) -> str:
        """One sentence."""
        over = self.at <= now
        when = f"{describe_time_left(self.at, now)} ({self.at:%Y-%m-%d})"
        if self.kind == "revocation-list":
            return f"revocation list of {self.name} {'ran' if over else 'runs'} out {when}"
        what = f"client CA {self.name}" if self.kind == "client-ca" else f"certificate of {self.name}"
        if self.by:
            what += f": {self.by}, which signs it,"
        return f"{what} {'expired' if over else 'expires'} {when}"
