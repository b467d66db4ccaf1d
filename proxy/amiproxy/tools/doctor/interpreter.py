"""Known bugs of this CPython version that concern us, and why they do no harm here.

The source is CPython's changelog (Misc/NEWS.d).  A distribution may have fixed a bug
without changing the version number.
"""

import platform
import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

from amiproxy.net.tls.autoretry import DisableAutoRetry
from amiproxy.tools.doctor.finding import DoctorFinding, ok, warn

Version = tuple[int, int, int]


class Fault(NamedTuple):
    """A bug in the versions from ``since`` up to, but not including, ``fixed_in``.

    ``here`` says why it does no harm in the proxy.
    """

    since: Version
    fixed_in: Version
    name: str
    text: str
    here: str


FAULTS: Final = (
    Fault(
        (3, 11, 0),
        (3, 11, 4),
        "python/cpython#103590",
        "an exception raised inside except* stays wrapped in a group",
        "the proxy never raises there",
    ),
    Fault(
        (3, 11, 0),
        (3, 11, 3),
        "python/cpython#95495",
        "a truncated TLS connection looks like an orderly close",
        "the proxy ends the session in both cases",
    ),
    Fault(
        (3, 11, 0),
        (3, 11, 3),
        "python/cpython#102780",
        "a time limit in a task that is being cancelled ends with the wrong exception",
        "the proxy sets no time limit there",
    ),
    Fault(
        (3, 11, 0),
        (3, 11, 5),
        "CVE-2023-40217",
        "data sent before a TLS handshake can be mistaken for data sent after it",
        "the proxy reads nothing of a client whose handshake has not succeeded",
    ),
)


def examine() -> Iterator[DoctorFinding]:
    """Check the Python interpreter that runs this."""
    yield from of_release(
        platform.python_implementation(), sys.version_info[:3], sys.version_info.releaselevel
    )
    yield of_auto_retry(DisableAutoRetry(quiet=True).obstacle)


def of_release(implementation: str, version: Version, level: str) -> Iterator[DoctorFinding]:
    """The known bugs of a Python version, and whether the proxy is tested on it."""
    named = f"{implementation} {'.'.join(map(str, version))}"
    if implementation != "CPython":
        yield warn("python", f"{named}: the proxy is only tested on CPython", "use CPython 3.11 or later")
        return
    if level != "final":
        yield warn("python", f"{named} is a pre-release ({level})", "use a released version")
        return
    found = [fault for fault in FAULTS if fault.since <= version < fault.fixed_in]
    concern = f"known bugs that concern the proxy, all harmless here: {len(found)}"
    known = concern if found else "no known bugs"
    yield ok("python", f"{named}: {known}")
    for fault in found:
        until = ".".join(map(str, fault.fixed_in))
        yield ok("python", f"{fault.name}, fixed in {until}: {fault.text}; {fault.here}")


def of_auto_retry(obstacle: str) -> DoctorFinding:
    """Whether OpenSSL returns to the loop after each record; ``obstacle`` is that of ``DisableAutoRetry``."""
    if obstacle:
        text = f"a client can keep OpenSSL busy with records without data: {obstacle}"
        return warn("python", text, "use CPython 3.11 to 3.13")
    return ok("python", "no client can keep OpenSSL busy with records without data")
