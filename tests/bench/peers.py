"""The peers: the proxy, and other programs that can connect Asterisk and its clients by TLS.

All get the same certificate, and every setting that is not named here is their own default.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any, ClassVar

import trustme
import yaml

from amiproxy import counted
from amiproxy.core.model import phc
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable, cache_home
from tests.bench import measure
from tests.bench.accounts import SECRET, Account
from tests.support.ports import free_port

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_BINARIES = Path("build/bench")
#: Raised for every peer that is measured with more clients than the defaults admit.
_LIMITS = {"connections": 16384, "sessions_authenticated": 16384}


class Place:
    """Where a run keeps its files, with the certificate of all peers."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.chain, self.key, self.both = (directory / f"server.{end}" for end in ("crt", "key", "pem"))
        pair = trustme.CA().issue_cert("localhost", "127.0.0.1")
        pair.cert_chain_pems[0].write_to_path(str(self.chain))
        pair.private_key_pem.write_to_path(str(self.key))
        pair.private_key_and_cert_chain_pem.write_to_path(str(self.both))
        for path in (self.chain, self.key, self.both):
            path.chmod(0o600)

    def folder(self, name: str) -> Path:
        """An empty folder of this name."""
        folder = self.directory / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder


class Peer:
    """One run of one peer.  ``multiplexes``: it logs in upstream itself, once."""

    name: str
    multiplexes = False
    #: Whether it knows users and their rights; others send everything to all clients.
    has_rights = False
    #: Whether clients' actions reach Asterisk.
    relays_actions = True
    #: Whether it is an Asterisk, which makes the events itself.
    is_asterisk = False
    #: How many Asterisks it is connected to.
    servers = 1
    #: The protocol of its clients, as swarm.c names it, and further options of that.
    door = "ami"
    swarm_options: Sequence[object] = ()

    def __init__(self, place: Place, upstream: int, accounts: Sequence[Account], cpus: str = "") -> None:
        self.place = place
        self.upstream = upstream
        self.accounts = accounts
        self.port = free_port()
        self.directory = place.folder(self.name)
        self._cpus = cpus
        self._log: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def missing(cls) -> str:
        """Requirements that are missing here; empty if it can run."""
        return ""

    def command(self) -> list[str]:
        """Write its configuration; the command that starts it."""
        raise NotImplementedError

    def start(self) -> None:
        """Start, and wait until it listens."""
        command = self.command()
        self._log = (self.directory / "log").open("wb")
        self._process = subprocess.Popen(
            ["taskset", "-c", self._cpus, *command] if self._cpus else command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        give_up = time.monotonic() + _START_SECONDS
        while not measure.is_listening(self.port):
            if self._process.poll() is not None or time.monotonic() > give_up:
                said = (self.directory / "log").read_text(errors="replace")[-1000:]
                self.stop()
                raise RuntimeError(f"{self.name} did not start: {said}")
            time.sleep(0.02)

    def pids(self) -> list[int]:
        """Its processes."""
        return measure.session_pids(self._process.pid) if self._process is not None else []

    def helpers(self) -> Mapping[str, Sequence[int]]:
        """The processes of other programs that it needs, by their kind; none of them is the peer itself."""
        return {}

    def stop(self) -> None:
        """End its processes, by SIGTERM if possible."""
        if self._process is not None:
            for how, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, _STOP_SECONDS)):
                for pid in self.pids():
                    with suppress(ProcessLookupError):
                        os.kill(pid, how)
                give_up = time.monotonic() + seconds
                while time.monotonic() < give_up and (self._process.poll() is None or self.pids()):
                    time.sleep(0.02)
        if self._log is not None:
            self._log.close()


@cache
def _hashed(name: str) -> str:
    """A hash of the secret as ``ami-proxy users hash`` makes it; each user has one of its own."""
    return phc.hash_secret(SECRET.encode()) if name else ""


class Ours(Peer):
    """``ami-proxy run``, with users, rights, filters and hashed secrets."""

    name = "ami-proxy"
    multiplexes = True
    has_rights = True
    fan_out: ClassVar[dict[str, float]] = {}
    limits: ClassVar[dict[str, int]] = {}

    def command(self) -> list[str]:
        users = {account.name: self._entry(account) for account in self.accounts}
        configuration = {
            **self._upstream(),
            "listeners": [self._listener()],
            "users_file": "users.yaml",
            "limits": {**_LIMITS, **self.limits},
            "log": {"level": "warning"},
            **({"fan_out": self.fan_out} if self.fan_out else {}),
        }
        if "servers" in configuration:
            users = {name: {**entry, "servers": ["*"]} for name, entry in users.items()}
        self._write("upstream.secret", f"{SECRET}\n")
        self._write("users.yaml", yaml.safe_dump({"users": users}))
        path = self._write("proxy.yaml", yaml.safe_dump(configuration))
        return [sys.executable, "-m", "amiproxy", "run", "--config", str(path)]

    def _listener(self) -> dict[str, Any]:
        return {
            "address": f"127.0.0.1:{self.port}",
            "certificates": [{"chain": str(self.place.chain), "key": str(self.place.key)}],
        }

    def _entry(self, account: Account) -> dict[str, Any]:
        return account.entry(_hashed(account.name))

    def _upstream(self) -> dict[str, Any]:
        return {"upstream": {"port": self.upstream, "username": "bench", "secret_file": "upstream.secret"}}

    def _write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o600)
        return path


class OursAtOnce(Ours):
    """The same, with each event sent at once."""

    name = "ami-proxy-at-once"
    fan_out: ClassVar[dict[str, float]] = {"flush_interval": 0.0}


class OursCompiled(Ours):
    """The same as ami-proxy, from a wheel with the hot modules compiled."""

    name = "ami-proxy-compiled"
    _folder = Path("build/compiled")

    @classmethod
    def missing(cls) -> str:
        return "" if list(cls._folder.glob("*.so")) else "the core is not compiled: make build/compiled"

    def command(self) -> list[str]:
        python, *arguments = super().command()
        # -P: otherwise the tree, being the current folder, would come before it.
        return ["env", f"PYTHONPATH={self._folder.absolute()}", python, "-P", *arguments]


def with_servers(kind: type[Ours], count: int) -> type[Ours]:
    """The same proxy, connected to so many Asterisks, all of which every user sees."""

    class OursWithServers(kind):
        name = f"{kind.name}, {counted.count(count, 'server')}"
        servers = count

        def _upstream(self) -> dict[str, Any]:
            # See source.c for the user names.
            return {
                "servers": {
                    f"s{number}": {
                        "host": "127.0.0.1",
                        "port": self.upstream,
                        "username": f"bench{number}",
                        "secret_file": "upstream.secret",
                    }
                    for number in range(count)
                }
            }

    return OursWithServers


def with_door(kind: type[Ours], protocol: str) -> type[Ours]:
    """The same proxy, whose clients come by HTTP: ``ws`` or ``ajam``."""

    class OursByHttp(kind):
        name = f"{kind.name}, {protocol}"
        door = protocol
        limits: ClassVar[dict[str, int]] = {"web_sessions_per_user": 16384}

        def _listener(self) -> dict[str, Any]:
            return {**super()._listener(), "door": "http", "doors": [protocol]}

        def _entry(self, account: Account) -> dict[str, Any]:
            return {**super()._entry(account), "doors": [protocol]}

    return OursByHttp


def numbering(kind: type[Ours]) -> type[Ours]:
    """The same proxy, whose AMI clients have what WebSockets have: a snapshot, then numbered events."""

    class OursNumbering(kind):
        name = f"{kind.name}, numbered"
        swarm_options: Sequence[object] = ("--first", "snapshot")

        def _entry(self, account: Account) -> dict[str, Any]:
            return {**super()._entry(account), "history": True}

    return OursNumbering


class Broadcast(Peer):
    """broadcast.c with the proxy's interval: the cost of fan-out, and nothing else."""

    name = "broadcast-5ms"
    multiplexes = True
    relays_actions = False
    options: Sequence[str] = ("--interval", "5")

    def command(self) -> list[str]:
        return [
            str(_BINARIES / "broadcast"),
            *("--port", str(self.port), "--upstream", str(self.upstream), "--secret", SECRET),
            *("--chain", str(self.place.chain), "--key", str(self.place.key), *self.options),
        ]


class BroadcastAtOnce(Broadcast):
    """The same, with each event sent at once."""

    name = "broadcast-at-once"
    options = ()


class Stunnel(Peer):
    """stunnel: a thread and an AMI session a client."""

    name = "stunnel"

    @classmethod
    def missing(cls) -> str:
        return "" if shutil.which("stunnel4") else "stunnel4 is not installed: apt-get install stunnel4"

    def command(self) -> list[str]:
        path = self.directory / "stunnel.conf"
        path.write_text(
            "foreground = yes\npid =\nsyslog = no\ndebug = warning\nsslVersionMin = TLSv1.2\n"
            "socket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n"
            f"[ami]\naccept = 127.0.0.1:{self.port}\nconnect = 127.0.0.1:{self.upstream}\n"
            f"cert = {self.place.chain}\nkey = {self.place.key}\n"
        )
        return ["stunnel4", str(path)]


class Haproxy(Peer):
    """HAProxy as a TLS terminator: an AMI session a client, a thread a processor."""

    name = "haproxy"

    @classmethod
    def missing(cls) -> str:
        return "" if shutil.which("haproxy") else "haproxy is not installed: apt-get install haproxy"

    def command(self) -> list[str]:
        path = self.directory / "haproxy.cfg"
        path.write_text(
            "global\n  maxconn 8192\ndefaults\n  mode tcp\n"
            "  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"
            f"listen ami\n  bind 127.0.0.1:{self.port} ssl crt {self.place.both} ssl-min-ver TLSv1.2\n"
            f"  server asterisk 127.0.0.1:{self.upstream}\n"
        )
        return ["haproxy", "-db", "-f", str(path)]


class AsteriskTls(Peer):
    """A real Asterisk's own TLS port; the storm is sent to it as UserEvents on its plain one."""

    name = "asterisk-tls"
    is_asterisk = True

    @classmethod
    def missing(cls) -> str:
        if os.geteuid() == 0 and (cache_home() / "asterisk-sid").is_dir():
            return ""
        return "no Asterisk is at hand: run the tests of tests/asterisk once, as root"

    def __init__(self, place: Place, upstream: int, accounts: Sequence[Account], cpus: str = "") -> None:
        super().__init__(place, upstream, accounts, cpus)
        users = "".join(
            f"[{name}]\nsecret = {SECRET}\nread = all\nwrite = all\nwritetimeout = 5000\n"
            for name in ("bench", *(account.name for account in accounts))
        )
        self.asterisk = Asterisk("sid", manager_extra=users)
        self.port, self.upstream = self.asterisk.tls_port, self.asterisk.port

    def start(self) -> None:
        try:
            self.asterisk.start()
        except (RuntimeError, Unavailable) as error:
            raise RuntimeError(f"{self.name} did not start: {error}") from None

    def pids(self) -> list[int]:
        return [int((self.asterisk.directory / "run/asterisk.pid").read_text())]

    def stop(self) -> None:
        self.asterisk.remove()


class AsteriskBehindOurs(AsteriskTls):
    """The proxy in front of a real Asterisk, of which only Asterisk's share is measured."""

    name = "asterisk-behind-ami-proxy"

    def start(self) -> None:
        super().start()
        self._ours = Ours(self.place, self.asterisk.port, self.accounts)
        self._ours.start()
        self.port = self._ours.port

    def stop(self) -> None:
        self._ours.stop()
        super().stop()


PEERS: dict[str, type[Peer]] = {
    peer.name: peer
    for peer in (Ours, OursAtOnce, OursCompiled, Broadcast, BroadcastAtOnce, Haproxy, Stunnel, AsteriskTls)
}
