"""The configuration in force as plain data, so that another process can compare it with files on disk.

Secrets are replaced by fingerprints under a key that the asker chose: the asker finds out whether a secret is
the one that it has, and the reply alone reveals none.
"""

import os
import platform
import re
import ssl
from collections.abc import Iterator
from typing import Any

from amiproxy import __version__
from amiproxy.config.plain import Fingerprint, fingerprints, plain, plain_user
from amiproxy.config.users.user import UserEntry
from amiproxy.core.form import FORM
from amiproxy.net.admin.service import Service
from amiproxy.net.certs.certstore import CertStore
from amiproxy.steps import Steps

#: 32 bytes in hexadecimal.
_KEY = re.compile(r"[0-9a-f]{64}")
_USERS_AT_ONCE = 100

View = dict[str, Any]
#: Name, entry, and number of open sessions.
Row = tuple[str, View, int]


def key_of(text: str) -> bytes | None:
    """The key of the fingerprints: 32 random bytes in lower-case hexadecimal; None for anything else."""
    return bytes.fromhex(text) if _KEY.fullmatch(text) else None


def interpreter() -> View:
    """The program and what it runs on, which an upgrade changes."""
    return {
        "version": __version__,
        "core": FORM,
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
    }


def head(service: Service, key: bytes) -> View:
    """Everything but the users."""
    fingerprint = fingerprints(key)
    return {
        **interpreter(),
        "path": str(service.path),
        # Of the account that reads the files.
        "uid": os.geteuid(),
        "gid": os.getegid(),
        "groups": os.getgroups(),
        "generation": service.hub.ctx.generation,
        "config": plain(service.config),
        "upstream_secrets": {
            name: fingerprint_of_secret(link.secret, fingerprint)
            for name, link in service.links.items()
            if link.secret
        },
        "fleet_secrets": {
            name: fingerprint_of_secret(secret, fingerprint) for name, secret in service.fleet_secrets.items()
        },
        "files": [fingerprints_of_files(store, fingerprint) for store in service.stores],
        "users": len(service.entries.users),
    }


def fingerprint_of_secret(secret: bytes, fingerprint: Fingerprint) -> str:
    """The fingerprint of the content of a file with a secret, such as ``upstream.secret_file``."""
    return fingerprint(secret.decode("utf-8", "surrogateescape"))


def fingerprints_of_files(store: CertStore, fingerprint: Fingerprint) -> dict[str, str | None]:
    """The fingerprint of the content of each certificate file that a store serves."""
    return {
        str(path): None if digest is None else fingerprint(digest.hex())
        for path, digest in store.digests.items()
    }


def users(service: Service, key: bytes) -> Iterator[Steps[list[Row]]]:
    """The users that are in force now, some hundred at a time, each batch in steps."""
    # A copy, since a reload empties the table that it replaces.
    entries, fingerprint = list(service.entries.users.items()), fingerprints(key)
    return (
        _rows(service, entries[start : start + _USERS_AT_ONCE], fingerprint)
        for start in range(0, len(entries), _USERS_AT_ONCE)
    )


def _rows(
    service: Service, entries: list[tuple[str, UserEntry]], fingerprint: Fingerprint
) -> Steps[list[Row]]:
    rows = []
    for name, entry in entries:
        user = service.hub.ctx.users.find(name.encode())
        sessions = len(service.hub.sessions_of(user)) if user is not None else 0
        rows.append((name, plain_user(entry, fingerprint), sessions))
        yield
    return rows
