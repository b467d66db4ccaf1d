"""``ami-proxy run`` as its users run it: a process, with written configuration and certificates."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import trustme
import yaml
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tests.support import twin
from tests.support.ami_client import AmiClient
from tests.support.ports import free_port
from tests.support.waiting import wait_until

_START_DEADLINE = 60.0
_STOP_DEADLINE = 20.0
_LINK = re.compile(r" upstream-(?P<way>up|down) (?:server=(?P<server>\S+))?")


def hashed(secret: str) -> str:
    """An Argon2id hash of the secret with the lowest costs: tests log in often."""
    kdf = Argon2id(salt=b"0123456789abcdef", length=32, iterations=1, lanes=1, memory_cost=64)
    return kdf.derive_phc_encoded(secret.encode())


class ProxyProcess:
    """The proxy in front of ``upstream`` (host, port, user, secret), for ``users`` as in users.yaml.

    ``settings`` are further keys of proxy.yaml; with ``servers`` among them, ``upstream`` only has the secret
    that they share.  All its files are in ``directory``.
    """

    host = "localhost"
    #: Where it listens.
    address = "127.0.0.1"
    #: Additional environment variables.
    environment: Mapping[str, str] = {}
    #: A command that runs it, such as prlimit with its options, and the arguments for Python.
    wrapper: Sequence[str] = ()
    program: Sequence[str] = ("-m", "amiproxy")
    #: A descriptor that it logs to; None: the file that ``stderr`` reads.
    log_to: int | None = None

    def __init__(
        self,
        directory: Path,
        upstream: tuple[str, int, str, str],
        users: Mapping[str, Mapping[str, Any]],
        **settings: Any,
    ) -> None:
        self.directory = directory
        self.port = free_port()
        host, port, user, secret = upstream
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(self.cafile))
        leaf = ca.issue_cert("localhost", "127.0.0.1")
        leaf.cert_chain_pems[0].write_to_path(str(directory / "server.crt"))
        leaf.private_key_pem.write_to_path(str(directory / "server.key"))
        (directory / "upstream.secret").write_text(f"{secret}\n")
        self.config = directory / "proxy.yaml"
        configuration = {
            "upstream": {"host": host, "port": port, "username": user, "secret_file": "upstream.secret"},
            "listeners": [
                {
                    "address": f"{self.address}:{self.port}",
                    "certificates": [{"chain": "server.crt", "key": "server.key"}],
                }
            ],
            "users_file": "users.yaml",
            **settings,
        }
        entries: Mapping[str, Any] = users
        if "servers" in settings:
            del configuration["upstream"]
        else:
            configuration, entries = twin.configured(configuration, directory), twin.permitted(users)
        (directory / "users.yaml").write_text(yaml.safe_dump({"users": {**entries}}, sort_keys=False))
        self.config.write_text(yaml.safe_dump(configuration, sort_keys=False))
        for path in directory.iterdir():
            path.chmod(0o600)
        self.context = ssl.create_default_context(cafile=str(self.cafile))
        self.process: subprocess.Popen[bytes] | None = None
        self._servers = len(settings.get("servers", ["the one of upstream"]))

    @property
    def cafile(self) -> Path:
        """The CA that clients must trust."""
        return self.directory / "ca.pem"

    @property
    def stderr(self) -> str:
        """All that it has logged so far."""
        return (self.directory / "stderr").read_text(errors="replace")

    @property
    def links_made(self) -> int:
        """How often the link to the server under test came up."""
        made = [line for line in self.stderr.splitlines() if " upstream-up " in line]
        return sum(f" server={twin.THERE}" not in line for line in made)

    def start(self, *, linked: bool = False) -> None:
        """Start it, and wait until a client gets the banner.

        With ``linked``, also wait until the link to each server is up: clients' actions are refused before.
        """
        with (self.directory / "stderr").open("ab") as stderr:
            begin = stderr.tell()
            self.process = subprocess.Popen(
                [*self.wrapper, sys.executable, *self.program, "run", "--config", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr if self.log_to is None else self.log_to,
                env={**os.environ, **self.environment},
            )
        give_up = time.monotonic() + _START_DEADLINE
        while not self._greets():
            status = self.process.poll()
            if status is not None or time.monotonic() > give_up:
                self.kill()
                raise RuntimeError(f"the proxy greets nobody (exit status {status}): {self.stderr[-3000:]}")
            time.sleep(0.05)
        if linked:
            within = give_up - time.monotonic()
            wait_until(lambda: self._linked(begin) == self._servers, lambda: self.stderr[-3000:], within)

    def _linked(self, begin: int) -> int:
        """How many servers under test it has a link to, by what it has logged from this byte on."""
        logged = (self.directory / "stderr").read_bytes()[begin:].decode(errors="replace")
        changes = {line["server"]: line["way"] for line in _LINK.finditer(logged)}
        return sum(way == "up" for server, way in changes.items() if server != twin.THERE)

    def _greets(self) -> bool:
        try:
            with (
                socket.create_connection((self.address, self.port), timeout=1) as plain,
                self.context.wrap_socket(plain, server_hostname=self.host) as door,
            ):
                return door.recv(100).startswith(b"Asterisk Call Manager")
        except OSError:
            return False

    def stop(self) -> None:
        """SIGTERM, as a service manager stops it: it must end with status 0."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(_STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"SIGTERM did not end the proxy: {self.stderr[-3000:]}") from None
        finally:
            self.kill()
        assert status == 0, f"exit status {status}: {self.stderr[-3000:]}"
        assert "Traceback" not in self.stderr, self.stderr

    def kill(self) -> None:
        """End it at once; harmless if it has ended."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def connect(self, source: str | None = None) -> AmiClient:
        """A new TLS session that has read the banner."""
        client = await AmiClient.connect(
            self.address, self.port, tls=self.context, server_hostname=self.host, source=source
        )
        client.name_suffix, client.foreign = twin.SUFFIX, twin.NOISE
        return client
