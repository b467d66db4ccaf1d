"""A Debian machine set up by the guide: package, secret, certificate, one user."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.deploy.debian import Machine

_TOP = Path(__file__).parents[2]
_SET_UP = """
cd /etc/ami-proxy
install -m 0640 -g ami-proxy /dev/null upstream.secret
ami-proxy users generate | sed -n 's/^secret: *//p' > upstream.secret
ami-proxy certs init ca --name Test
ami-proxy certs issue --ca ca --out certs --file-name server localhost 127.0.0.1
chgrp ami-proxy certs/server.key
chmod 0640 certs/server.key
echo hunter2 | ami-proxy users add wallboard --read call,agent --users users.yaml
cp -a /etc/ami-proxy /root/fresh
systemd-run --quiet --unit=asterisk ami-proxy simulate --secret-file /root/fresh/upstream.secret
"""
_FRESH = """
find /etc/ami-proxy -mindepth 1 -delete
cp -a /root/fresh/. /etc/ami-proxy/
rm -rf /etc/systemd/system/ami-proxy.*.d
systemctl daemon-reload
systemctl reset-failed
"""


class Host:
    """``machine`` with the package on it.  ``fresh`` restores the state after set-up."""

    def __init__(self, machine: Machine, package: Path) -> None:
        self.machine = machine
        machine.write("/root/ami-proxy.deb", package.read_bytes())
        machine.run("dpkg", "-i", "/root/ami-proxy.deb")
        machine.run("sh", "-e", "-c", _SET_UP)

    def fresh(self) -> None:
        """Restore the state after set-up: nothing of ours runs, and the log is empty."""
        self.machine.run("sh", "-e", "-c", _FRESH)
        last = self.machine.run("journalctl", "--quiet", "--lines=1", "--show-cursor", "--output=cat").stdout
        self._cursor = last.rpartition("-- cursor: ")[2].strip()

    def end(self) -> None:
        """Stop service and socket."""
        self.machine.run("systemctl", "stop", "ami-proxy.socket", "ami-proxy.service", check=False)

    def systemctl(self, verb: str, unit: str = "ami-proxy", check: bool = True) -> int:
        """Run systemctl; its exit status."""
        return self.machine.run("systemctl", verb, *filter(None, [unit]), check=check).returncode

    def show(self, name: str) -> str:
        """A property of the service."""
        return self.machine.show("ami-proxy.service", name)

    def log(self) -> str:
        """The lines that the service has logged since ``fresh``."""
        self.machine.run("journalctl", "--sync")
        command = ("journalctl", "--no-pager", "--output=cat", f"--after-cursor={self._cursor}")
        return self.machine.run(*command, "--identifier=ami-proxy").stdout

    def append(self, path: str, text: str) -> None:
        """Append to a file."""
        self.machine.run("sh", "-c", 'cat >> "$0"', path, stdin=text.encode())

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace a text in a file, which must contain it."""
        before = self.machine.run("cat", path).stdout
        assert old in before
        # Into the same file, which keeps its owner and mode.
        self.machine.run("sh", "-c", 'cat > "$0"', path, stdin=before.replace(old, new).encode())

    def log_in(self, user: str = "wallboard", secret: str = "hunter2") -> bytes:
        """The answer to a client that logs in from within the machine."""
        script = (
            "import socket, ssl, sys\n"
            "context = ssl.create_default_context(cafile='/etc/ami-proxy/ca/ca.crt')\n"
            "plain = socket.create_connection(('127.0.0.1', 5039), 10)\n"
            "with context.wrap_socket(plain, server_hostname='localhost') as tls:\n"
            "    said = tls.recv(1024)\n"
            "    tls.sendall(sys.stdin.buffer.read())\n"
            "    while b'\\r\\n\\r\\n' not in said:\n"
            "        said += tls.recv(1024)\n"
            "print(said)\n"
        )
        login = f"Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\n\r\n".encode()
        return self.machine.run("python3", "-c", script, stdin=login).stdout.encode()

    @contextlib.contextmanager
    def churn(self, folder: Path) -> Iterator[list[str]]:
        """Clients connect and leave without end; the list then contains one text: their results."""
        ca = folder / "ca.crt"
        ca.write_text(self.machine.run("cat", "/etc/ami-proxy/ca/ca.crt").stdout)
        line = self.machine.beside(sys.executable, "-m", "tests.deploy.churn", str(ca), "5039")
        said: list[str] = []
        with subprocess.Popen(
            line, cwd=_TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                yield said
            finally:
                text, _ = process.communicate("")
                said.append(text)
