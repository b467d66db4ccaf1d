"""Known bugs of the manager in Asterisk versions.

The proxy itself prevents all of these for its clients; logins that bypass the proxy
are still exposed to them.
"""

import re
from typing import Final, NamedTuple

Version = tuple[int, int, int]

_VERSION: Final = re.compile(r"(?:certified[/-])?(\d+)\.(\d+)(?:\.(\d+))?")


class Fault(NamedTuple):
    """A bug, and the first version of each branch in which it is fixed; later branches never had it."""

    name: str
    text: str
    fixed: tuple[Version, ...]


FAULTS: Final = (
    Fault(
        "CVE-2023-49294",
        "GetConfig reads files outside the configuration directory",
        ((18, 20, 1), (20, 5, 1), (21, 0, 1)),
    ),
    Fault(
        "CVE-2024-42365",
        "class originate can write files and run code",
        ((18, 24, 2), (20, 9, 2), (21, 4, 2)),
    ),
    Fault(
        "CVE-2024-53566",
        "ListCategories reads files outside the configuration directory",
        ((18, 26, 1), (20, 11, 1), (21, 6, 1), (22, 1, 1)),
    ),
    Fault(
        "ModuleLoad",
        "modules are loaded from any directory",
        ((18, 26, 0), (20, 11, 0), (21, 6, 0), (22, 1, 0)),
    ),
    Fault(
        "CVE-2024-57520",
        "CreateConfig creates files outside the configuration directory",
        ((20, 13, 0), (21, 8, 0), (22, 3, 0)),
    ),
)


def parse_version(text: str) -> Version | None:
    """The numbers of a version such as ``22.10.1+dfsg-1``; None if it is not a release."""
    match = _VERSION.match(text)
    if match is None:
        return None
    major, minor, patch = match.groups(default="0")
    return int(major), int(minor), int(patch)


def faults_of(version: Version) -> list[Fault]:
    """The bugs of a version; a distribution may have fixed some without changing the number."""
    return [fault for fault in FAULTS if not _is_fixed(version, fault)]


def _is_fixed(version: Version, fault: Fault) -> bool:
    branches = {fixed[0]: fixed for fixed in fault.fixed}
    if version[0] in branches:
        return version >= branches[version[0]]
    return version[0] > max(branches)
