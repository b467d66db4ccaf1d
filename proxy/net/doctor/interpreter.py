"""The interpreter: which faults of CPython that concern us this version has, and what they come to here.

From CPython's changelog (Misc/NEWS.d).  A distribution may have mended one without
changing the number.
"""

import platform
import sys
from collections.abc import Iterator
from typing import Final, NamedTuple

from proxy.net.autoretry import OneRecord
from proxy.net.doctor.finding import Finding, ok, warn

Version = tuple[int, int, int]


class Fault(NamedTuple):
    """A fault, from the first version with it to the first without; ``here`` says why it does no harm."""

    since: Version
    mended: Version
    name: str
    text: str
    here: str


FAULTS: Final = (
    Fault(
        (3, 11, 0),
        (3, 11, 4),
        "python/cpython#103590",
        "an exception raised inside except* stays wrapped in a group",
        "the proxy raises none there",
    ),
    Fault(
        (3, 11, 0),
        (3, 11, 3),
        "python/cpython#95495",
        "a TLS connection that is cut off looks like one that was closed in order",
        "both are the end of a session to the proxy",
    ),
    Fault(
        (3, 11, 0),
        (3, 11, 3),
        "python/cpython#102780",
        "a time limit in a task that is being cancelled ends with the wrong exception",
        "the proxy sets none there",
    ),
    Fault(
        (3, 11, 0),
        (3, 11, 5),
        "CVE-2023-40217",
        "what is sent before a TLS handshake can be taken for what came after it",
        "the proxy reads nothing of a client whose handshake has not succeeded",
    ),
)


def examine() -> Iterator[Finding]:
    """What there is to know of the Python that runs this."""
    yield from of_release(
        platform.python_implementation(), sys.version_info[:3], sys.version_info.releaselevel
    )
    yield of_auto_retry(OneRecord(quiet=True).obstacle)


def of_release(implementation: str, version: Version, level: str) -> Iterator[Finding]:
    """The faults of a version; whether it is one that the proxy is tested on."""
    named = f"{implementation} {'.'.join(map(str, version))}"
    if implementation != "CPython":
        yield warn("python", f"{named}: the proxy is tested on CPython alone", "take CPython 3.11 or later")
        return
    if level != "final":
        yield warn("python", f"{named} is no release yet ({level})", "take one that is released")
        return
    found = [fault for fault in FAULTS if fault.since <= version < fault.mended]
    known = (
        f"{len(found)} known faults that concern us, none of which does harm" if found else "no known fault"
    )
    yield ok("python", f"{named}: {known}")
    for fault in found:
        until = ".".join(map(str, fault.mended))
        yield ok("python", f"{fault.name}, mended in {until}: {fault.text}; {fault.here}")


def of_auto_retry(obstacle: str) -> Finding:
    """Whether OpenSSL gives the loop its turn after each record, which takes a CPython that we know."""
    if obstacle:
        text = f"a client may keep OpenSSL busy with records that hold no data: {obstacle}"
        return warn("python", text, "take CPython 3.11 to 3.13")
    return ok("python", "no client can keep OpenSSL busy with records that hold no data")
