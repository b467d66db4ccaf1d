"""The versions of nats-server that are fit for a fleet."""

from typing import Final

#: The first fit patch of each minor version that gets fixes; later minor versions are fit as a whole.
#: Earlier ones let clients get around their permissions (CVE-2026-33246 and advisories 2026-16 and 2026-18).
_FIRST_FIT: Final = {(2, 12): 12, (2, 14): 3}
#: What to do about it.
REMEDY: Final = "install nats-server 2.14.3 or later, or 2.12.12 or later of 2.12"


def is_fit(version: str) -> bool:
    """Whether this version of nats-server, such as ``2.15.1``, is fit; False if it is unreadable."""
    parts = version.partition("-")[0].split(".")
    try:
        major, minor, patch = map(int, parts)
    except ValueError:
        return False
    least = _FIRST_FIT.get((major, minor))
    if least is not None:
        return patch >= least
    return (major, minor) > max(_FIRST_FIT)
