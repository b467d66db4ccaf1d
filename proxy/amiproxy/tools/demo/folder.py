"""The demo's folder: a private CA, a server certificate, the configuration, the log.

It holds what an operator would have in /etc/ami-proxy, so it can be inspected and
experimented with.  The CA is kept from run to run; everything else is rewritten.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from amiproxy.tools.demo.accounts import Account
from amiproxy.tools.demo.options import DemoError
from amiproxy.x509 import errors, files
from amiproxy.x509.issuing import authority, issue

_MODE = 0o600
#: The address that the proxy listens on, and that the certificate is for.
HOST = "127.0.0.1"
_NAMES = ("localhost", HOST, "::1")
#: Seconds: enough to type the login by hand; the proxy's default is meant for programs.
_LOGIN_TIMEOUT = 120
#: Days that the certificate is valid: the proxy warns from 30 days before its end, and each run issues one.
_DAYS = 90
_HEADING = "# Written by ami-proxy demo; the next run overwrites it.\n"


class Folder:
    """The folder and the paths in it.  Its mode is 0700, that of its keys and secrets 0600."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "proxy.yaml"
        self.log = directory / "proxy.log"
        self.cafile = directory / "ca.crt"

    def write_secret(self, secret: str) -> Path:
        """Write the link's secret to a file; returns its path.  Raises IssueError if that fails."""
        path = self.directory / "upstream.secret"
        files.write_atomically(path, f"{secret}\n".encode(), _MODE)
        return path

    def write_certificates(self) -> None:
        """Issue a server certificate for this machine; makes the CA if it does not exist yet.

        Raises IssueError.
        """
        ca = authority.CaFiles.within(self.directory)
        if not ca.certificate.exists() and not ca.key.exists():
            ca = authority.create_ca(self.directory, "ami-proxy demo CA")
        issue.issue(ca, _NAMES, self.directory, days=_DAYS, file_name="server", replace=True)

    def write_config(
        self, upstream: dict[str, object], port: int, page_port: int | None, accounts: Sequence[Account]
    ) -> None:
        """Write proxy.yaml and users.yaml; ``upstream`` is that section of proxy.yaml.

        ``page_port`` is that of the page; None if it is not served.  Hashes the accounts' secrets, which
        takes some 40 ms each.  Raises IssueError if a file cannot be written.
        """
        certificates = [{"chain": "server.crt", "key": "server.key"}]
        listeners: list[dict[str, object]] = [{"address": f"{HOST}:{port}", "certificates": certificates}]
        if page_port is not None:
            page = {"address": f"{HOST}:{page_port}", "door": "http", "doors": ["page"]}
            listeners.append({**page, "certificates": [*map(dict, certificates)]})
        self._dump(
            self.config,
            {
                "upstream": upstream,
                "listeners": listeners,
                "users_file": "users.yaml",
                "limits": {"login_timeout": _LOGIN_TIMEOUT},
            },
        )
        users = {account.name: account.entry() for account in accounts}
        self._dump(self.directory / "users.yaml", {"users": users})

    def open_log(self) -> int:
        """Open an empty log file; returns its descriptor, which the caller must close.  Raises OSError."""
        return os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _MODE)

    def logged(self, what: str = "") -> str:
        """The last line of the log that contains ``what``; "" if no line does."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return next((line for line in reversed(lines) if what in line), "")

    def _dump(self, path: Path, content: dict[str, object]) -> None:
        text = _HEADING + yaml.safe_dump(content, sort_keys=False, width=1000)
        files.write_atomically(path, text.encode(), _MODE)


@contextmanager
def opened(directory: Path) -> Iterator[Folder]:
    """The folder, made if necessary, for one demo at a time.  Raises DemoError if it cannot be used.

    An X509Error in the body becomes a DemoError, too.
    """
    directory = directory.resolve()
    try:
        files.make_private_directory(directory)
        lock = os.open(directory / "lock", os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, _MODE)
    except (errors.X509Error, OSError) as error:
        raise DemoError(str(error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Folder(directory)
    except BlockingIOError:
        raise DemoError(f"{directory}: another demo runs here; stop it, or choose another --folder") from None
    except errors.X509Error as error:
        raise DemoError(f"{error}; or remove {directory} and start again") from error
    finally:
        os.close(lock)
