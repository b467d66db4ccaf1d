"""What a confined process may still read: around its own files, and what the system's libraries open late.

The kernel's rules are about directories as they are now, not about their names:
one that is put in another's place is not covered by what was said of the old
one.  So it is the directories above that count.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from proxy.x509.snapshot import hops

# Whoever may read one of these may read what is none of ours.
_TOO_WIDE: Final = frozenset(map(Path, (
    "/", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/proc", "/root", "/run", "/run/credentials",
    "/run/user", "/sys", "/usr", "/usr/local", "/var", "/var/home", "/var/lib", "/var/opt",
    "/tmp", "/var/tmp",  # noqa: S108 - to be left out
)))  # fmt: skip
_HOMES: Final = frozenset(map(Path, ("/home", "/run/user", "/var/home")))

#: Code loaded late, CAs, time zones; where the resolver's settings are made anew.
_SYSTEM: Final = (
    "/usr", "/lib", "/lib64", "/sys/devices/system", "/dev/null", "/dev/urandom", "/dev/random",
    "/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf",
)  # fmt: skip
#: In /etc.
_SETTINGS: Final = (
    "ca-certificates", "crypto-policies", "pki/ca-trust", "pki/tls/certs", "pki/tls/openssl.cnf", "ssl/certs",
    "ssl/openssl.cnf", "gai.conf", "group", "host.conf", "hosts", "ld.so.cache", "locale.alias", "localtime",
    "nsswitch.conf", "passwd", "protocols", "resolv.conf", "services", "timezone",
)  # fmt: skip


def around(path: Path) -> set[Path]:
    """What must stay readable for ``path`` to be read again once something on the way to it was replaced.

    These are, for the file and for each symbolic link on the way, the directory
    where it stands and the one above; so the file, a link, and either directory's
    content may change.  A directory of the system's is left out, and a file that
    stands in one is taken by itself.
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
    """What Python, OpenSSL, the resolver and the name service read; /proc is not among it."""
    yield from map(Path, _SYSTEM)
    if os.geteuid() == 0:
        yield from (Path("/etc", name) for name in _SETTINGS)
    else:
        # Modes keep us from /etc/shadow and its like.  The whole of it, because a file there that is
        # replaced, as resolv.conf is by DHCP, would not be the one we named.
        yield Path("/etc")


def _is_too_wide(folder: Path) -> bool:
    return folder in _TOO_WIDE or folder.parent in _HOMES
