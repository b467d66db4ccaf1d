"""One running Asterisk on loopback: directories and ports of its own, stopped by its pid, restartable."""

import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import IO, ClassVar

import trustme

from tests.asterisk.lab import cache, chroot
from tests.support.ports import free_port

_TEMPLATES = Path(__file__).with_name("etc")
#: Configuration files that Asterisk complains about when they are missing; empty is fine.
_EMPTY = "acl ccss cli cli_permissions codecs dnsmgr enum extconfig features queuerules rtp stasis udptl"
_DIRECTORIES = ("cache", "db", "etc", "keys", "lib", "log", "run", "spool")
_FOREGROUND = ("-f", "-U", "asterisk", "-G", "asterisk")
_BOOT_DEADLINE = 60.0
_STOP_DEADLINE = 15.0


@dataclass(frozen=True)
class Http:
    """The settings of its HTTP server, on ``http_port``.

    ``prefix`` comes before the paths, such as ``asterisk`` for ``/asterisk/rawman``; ``timeout`` is the
    ``httptimeout`` of manager.conf in seconds.
    """

    prefix: str = ""
    timeout: int = 60


class Asterisk:
    """A real Asterisk.  ``start`` and ``stop`` may alternate; ports and configuration stay.

    ``users`` are the manager users of etc/manager.conf with their secrets;
    ``user`` and ``secret`` are the all-powerful one for the proxy's link.
    """

    host = "127.0.0.1"
    user = "proxy"
    secret = "proxysecret"
    users: ClassVar = {
        "limited": "lim",
        "lab-reader": "reader",
        "lab-filtered": "filtered",
        "lab-single": "single",
        "lab-originate": "originate",
        "lab-acl": "acl",
    }

    def __init__(
        self,
        suite: str,
        manager_extra: str = "",
        extensions_extra: str = "",
        http: Http | None = None,
    ) -> None:
        """``http``: how it serves AJAM (AMI over HTTP); None if it does not."""
        self._root = chroot.ready(suite)
        self.version = chroot.SUITES[suite]
        with cache.locked(self._root):
            _clear_leftovers(self._root)
            self.directory = Path(tempfile.mkdtemp(prefix="run-", dir=self._root / "srv"))
            self._lock = _claim(self.directory)
            _name_this_machine(self._root)
        self.port, self.tls_port = free_port(), free_port()
        self.http_port = free_port()
        self._http = http
        self._process: subprocess.Popen[bytes] | None = None
        self._manager_extra = manager_extra
        self._configure(extensions_extra)

    def __repr__(self) -> str:
        return f"<Asterisk {self.version} at {self.host}:{self.port}>"

    @property
    def cafile(self) -> Path:
        """The CA to trust on ``tls_port``."""
        return self.directory / "ca.pem"

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def modules(self) -> list[str]:
        """The names of the modules that are installed, loaded or not."""
        return sorted(path.name for path in self._root.glob("usr/lib/**/asterisk/modules/*.so"))

    @property
    def is_running(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.poll() is None

    @property
    def status(self) -> int | None:
        """The exit status if the process has ended by itself; a negative one is the signal that ended it."""
        return None if self._process is None else self._process.poll()

    @property
    def owner(self) -> tuple[int, int]:
        """The user and the group that it runs as."""
        return _account(self._root)

    def start(self) -> None:
        """Start, and wait until it is fully booted."""
        assert not self.is_running, f"{self} runs already"
        with (self.directory / "stdout").open("ab") as output:
            self._process = subprocess.Popen(
                chroot.inside(self._root, "asterisk", *_FOREGROUND, "-C", self._inside("etc/asterisk.conf")),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        give_up = time.monotonic() + _BOOT_DEADLINE
        while not self._is_booted():
            if not self.is_running or time.monotonic() > give_up:
                self.stop()
                said = (self.directory / "stdout").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self} did not boot: {said}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the process by its pid and wait for it; harmless if it has ended."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(_STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop, then start again on the same ports."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stop for good and delete the instance's files."""
        self.stop(signal.SIGKILL)  # an orderly end sometimes takes longer than the deadline
        with cache.locked(self._root):  # else another run may take it for a leftover, and put a lock into it
            shutil.rmtree(self.directory)
            self._lock.close()

    def cli(self, command: str) -> str:
        """Run a command of Asterisk's own console; its output."""
        done = subprocess.run(
            chroot.inside(self._root, "asterisk", "-C", self._inside("etc/asterisk.conf"), "-rx", command),
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
        )
        return done.stdout

    def write(self, name: str, text: str) -> None:
        """Write a file of its configuration, replacing an existing one; read at the next start."""
        path = self.directory / "etc" / name
        path.write_text(text)
        os.chown(path, *self.owner)

    def reload_manager(self, extra: str) -> None:
        """Replace the text after the manager users of etc/manager.conf, and reload.

        Sessions that are logged in keep the rights they have.  No setvar in
        here: with it, Asterisk aborts at the second reload.
        """
        self._manager_extra = extra
        self._write_manager()
        self.cli("manager reload")

    def _inside(self, path: str) -> str:
        return f"/srv/{self.directory.name}/{path}"

    def _is_booted(self) -> bool:
        return (self.directory / "run/asterisk.ctl").exists() and "fully booted" in self.cli(
            "core waitfullybooted"
        )

    def _configure(self, extensions_extra: str) -> None:
        for name in _DIRECTORIES:
            (self.directory / name).mkdir()
        etc = self.directory / "etc"
        for name in _EMPTY.split():
            (etc / f"{name}.conf").touch()
        for template in _TEMPLATES.glob("*.conf"):
            (etc / template.name).write_text(self._rendered(template))
        self._write_manager()
        with (etc / "extensions.conf").open("a") as extensions:
            extensions.write(extensions_extra)
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(self.cafile))
        leaf = ca.issue_cert("localhost", "127.0.0.1")
        leaf.private_key_pem.write_to_path(str(etc / "server.key"))
        for number, certificate in enumerate(leaf.cert_chain_pems):
            certificate.write_to_path(str(etc / "server.pem"), append=number > 0)
        self.own_files()

    def own_files(self) -> None:
        """Give all files to Asterisk's account: again, after a test has put some there."""
        self.directory.chmod(0o755)
        owner, group = self.owner
        for path in (self.directory, *self.directory.rglob("*")):
            os.chown(path, owner, group)

    def _write_manager(self) -> None:
        text = self._rendered(_TEMPLATES / "manager.conf")
        (self.directory / "etc/manager.conf").write_text(f"{text}\n{self._manager_extra}\n")

    def _rendered(self, template: Path) -> str:
        modules = next(self._root.glob("usr/lib/**/asterisk/modules"))
        return Template(template.read_text()).substitute(
            here=f"/srv/{self.directory.name}",
            modules=f"/{modules.relative_to(self._root)}",
            port=self.port,
            tls_port=self.tls_port,
            http_enabled="no" if self._http is None else "yes",
            http_port=self.http_port,
            http_prefix="" if self._http is None else self._http.prefix,
            http_timeout=60 if self._http is None else self._http.timeout,
        )


def _account(root: Path) -> tuple[int, int]:
    for line in (root / "etc/passwd").read_text().splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == "asterisk":
            return int(uid), int(gid)
    raise cache.Unavailable(f"{root} has no user asterisk: remove it, it is built again")


def _name_this_machine(root: Path) -> None:
    """Asterisk resolves its own host's name for every call over SIP, and waits if it has no entry."""
    line = f"127.0.0.1 {socket.gethostname()}\n"
    hosts = root / "etc/hosts"
    if line not in (known := hosts.read_text() if hosts.exists() else ""):
        hosts.write_text(f"{known}{line}")


def _claim(directory: Path) -> IO[str]:
    lock = (directory / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise
    return lock


def _clear_leftovers(root: Path) -> None:
    """End and delete the instances of runs that were killed: their lock is not held any more."""
    for directory in (root / "srv").glob("run-*"):
        try:
            lock = _claim(directory)
        except OSError:
            continue
        with lock:
            for pid in _pids_with(f"/srv/{directory.name}/etc/asterisk.conf"):
                os.kill(pid, signal.SIGKILL)
            shutil.rmtree(directory, ignore_errors=True)


def _pids_with(argument: str) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if re.fullmatch(rb"(.*/)?asterisk", arguments[0]) and argument.encode() in arguments:
            found.append(int(process.name))
    return found
