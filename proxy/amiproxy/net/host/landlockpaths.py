"""The paths that a confined process may read: around its own files, and files that libraries open late.

Landlock rules apply to existing directories, not to their names: a directory that
replaces another one is not covered by the rule for the old one.  So the rules are for
the directories above.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from amiproxy.x509.snapshot import hops

# Permission to read one of these would include files that do not concern us.
_TOO_WIDE: Final = frozenset(map(Path, (
    "/", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/proc", "/root", "/run", "/run/credentials",
    "/run/user", "/sys", "/usr", "/usr/local", "/var", "/var/home", "/var/lib", "/var/opt",
    "/tmp", "/var/tmp",  # noqa: S108 - to be left out
)))  # fmt: skip
_HOMES: Final = frozenset(map(Path, ("/home", "/run/user", "/var/home")))

#: Code that is loaded late, CAs, time zones; directories in which the resolver's settings are replaced.
_SYSTEM: Final = (
    "/usr", "/lib", "/lib64", "/sys/devices/system", "/dev/null", "/dev/urandom", "/dev/random",
    "/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf",
)  # fmt: skip
#: Names in /etc.
_SETTINGS: Final = (
    "ca-certificates", "crypto-policies", "pki/ca-trust", "pki/tls/certs", "pki/tls/openssl.cnf", "ssl/certs",
    "ssl/openssl.cnf", "gai.conf", "group", "host.conf", "hosts", "ld.so.cache", "locale.alias", "localtime",
    "nsswitch.conf", "passwd", "protocols", "resolv.conf", "services", "timezone",
)  # fmt: skip


def around(path: Path) -> set[Path]:
    """The paths that must stay readable so that ``path`` can be read after parts of it were replaced.

    These are, for the file and for each symbolic link on the way to it, the directory
    that contains it and the parent of that; so the file, a link and the content of both
    directories may change.  System directories are left out, and a file directly in one is
    listed itself.
    """
    found: set[Path] = set()
    for folder in hops(path):
        if _is_too_wide(folder):
            found.add(path.resolve())
            continue
        found.add(folder)
        if not _is_too_wide(folder.parent):
            found.add(folder.parent)
    return found


def system() -> Iterator[Path]:
    """Paths that Python, OpenSSL, the resolver and the name service read, without /proc."""
    yield from map(Path, _SYSTEM)
    if os.geteuid() == 0:
        yield from (Path("/etc", name) for name in _SETTINGS)
    else:
        # File modes protect /etc/shadow and similar files.  The whole directory is listed because rules
        # for single files would not apply to their replacements, such as a resolv.conf written by DHCP.
        yield Path("/etc")


def _is_too_wide(folder: Path) -> bool:
    return folder in _TOO_WIDE or folder.parent in _HOMES
