"""Which known faults of the manager an Asterisk version still has (ami.md §4.2).

The proxy closes all of these itself for those who come through it; whoever
reaches Asterisk otherwise still finds them.
"""

import re
from typing import Final, NamedTuple

Version = tuple[int, int, int]

_VERSION: Final = re.compile(r"(?:certified[/-])?(\d+)\.(\d+)(?:\.(\d+))?")


class Fault(NamedTuple):
    """A fault, and the first version of each branch that is without it; later branches never had it."""

    name: str
    text: str
    fixed: tuple[Version, ...]


FAULTS: Final = (
    Fault(
        "CVE-2023-49294",
        "GetConfig reads files outside the configuration folder",
        ((18, 20, 1), (20, 5, 1), (21, 0, 1)),
    ),
    Fault(
        "CVE-2024-42365",
        "class originate can write files and run code",
        ((18, 24, 2), (20, 9, 2), (21, 4, 2)),
    ),
    Fault(
        "CVE-2024-53566",
        "ListCategories reads files outside the configuration folder",
        ((18, 26, 1), (20, 11, 1), (21, 6, 1), (22, 1, 1)),
    ),
    Fault(
        "ModuleLoad",
        "modules are loaded from any folder",
        ((18, 26, 0), (20, 11, 0), (21, 6, 0), (22, 1, 0)),
    ),
    Fault(
        "CVE-2024-57520",
        "CreateConfig makes files outside the configuration folder",
        ((20, 13, 0), (21, 8, 0), (22, 3, 0)),
    ),
)


def parse_version(text: str) -> Version | None:
    """``22.10.1+dfsg-1`` as numbers; None for what is no release."""
    match = _VERSION.match(text)
    if match is None:
        return None
    major, minor, patch = match.groups(default="0")
    return int(major), int(minor), int(patch)


def faults_of(version: Version) -> list[Fault]:
    """The faults a version has; distributions may have mended it without changing the number."""
    return [fault for fault in FAULTS if not _is_fixed(version, fault)]


def _is_fixed(version: Version, fault: Fault) -> bool:
    branches = {fixed[0]: fixed for fixed in fault.fixed}
    if version[0] in branches:
        return version >= branches[version[0]]
    return version[0] > max(branches)
