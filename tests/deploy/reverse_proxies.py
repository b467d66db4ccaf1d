"""nginx, HAProxy and Caddy with the configurations of deploy/examples/http, on a port of a test."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import trustme

from tests.support.ports import free_port
from tests.support.requirements import give_up
from tests.support.waiting import wait_until

EXAMPLES = Path(__file__).parents[2] / "deploy/examples/http"
KINDS = ("nginx", "haproxy", "caddy")
NAME = "pbx.example.org"
SOCKET = "/run/ami-proxy-http.sock"
_PROGRAMS = ("/usr/sbin", "/sbin")
_FILES = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg", "caddy": "Caddyfile"}
#: What the system's own configuration would have around ours.
_NGINX = """
daemon off;
pid {folder}/pid;
error_log stderr notice;
worker_processes 1;
{user}
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/ours.conf;
}}
"""


class ReverseProxy:
    """One of them in front of an HTTP door on the Unix socket ``door``; it listens on ``port``."""

    def __init__(self, kind: str, folder: Path, door: Path, ca: trustme.CA) -> None:
        self.kind, self.port = kind, free_port()
        self._folder, self._door = folder, door
        leaf = ca.issue_cert(NAME)
        self._chain, self._key, self._both = (folder / f"{NAME}.{end}" for end in ("crt", "key", "pem"))
        leaf.cert_chain_pems[0].write_to_path(str(self._chain))
        leaf.private_key_pem.write_to_path(str(self._key))
        leaf.private_key_and_cert_chain_pem.write_to_path(str(self._both))
        #: Where each line of its access log is, if it writes one to a file.
        self.access_log = folder / "access.log"

    def text(self) -> str:
        """The example, with the places of this test instead of those of a PBX."""
        text = (EXAMPLES / _FILES[self.kind]).read_text()
        for old, new in self._places():
            assert old in text, f"{_FILES[self.kind]} does not have {old!r}"
            text = text.replace(old, new)
        return text

    def _places(self) -> list[tuple[str, str]]:
        if self.kind == "nginx":
            return [
                ("listen 443", f"listen 127.0.0.1:{self.port}"),
                ("    listen [::]:443 ssl http2;\n", ""),
                (f"/etc/nginx/{NAME}.crt", str(self._chain)),
                (f"/etc/nginx/{NAME}.key", str(self._key)),
                ("/var/log/nginx/ami-proxy.log", str(self.access_log)),
                ("/var/log/nginx/error.log", "stderr"),
                (SOCKET, str(self._door)),
            ]
        if self.kind == "haproxy":
            return [
                (":443,[::]:443 v6only", f"127.0.0.1:{self.port}"),
                (f"/etc/haproxy/{NAME}.pem", str(self._both)),
                ("log /dev/log local0", "log stdout format raw local0"),
                (SOCKET, str(self._door)),
            ]
        return [
            (
                "{\n\t#",
                f"{{\n\tadmin off\n\tstorage file_system {self._folder}\n\thttp_port {free_port()}\n\t#",
            ),
            (f"{NAME} {{", f"https://{NAME}:{self.port} {{\n\tbind 127.0.0.1"),
            (f"/etc/caddy/{NAME}.crt", str(self._chain)),
            (f"/etc/caddy/{NAME}.key", str(self._key)),
            (SOCKET, str(self._door)),
        ]

    def command(self) -> list[str]:
        """Write its files; the command that runs it in the foreground."""
        path = self._folder / _FILES[self.kind]
        if self.kind == "nginx":
            (self._folder / "ours.conf").write_text(self.text())
            user = "user root;" if os.geteuid() == 0 else ""
            path.write_text(_NGINX.format(folder=self._folder, user=user))
            return [_program("nginx"), "-e", "stderr", "-p", str(self._folder), "-c", str(path)]
        if self.kind == "haproxy":
            path.write_text(self.text())
            return [_program("haproxy"), "-db", "-f", str(path)]
        path.write_text(self.text())
        return [_program("caddy"), "run", "--adapter", "caddyfile", "--config", str(path)]

    def log(self) -> str:
        """All that it has written."""
        files = (self._folder / "output", self.access_log)
        return "".join(path.read_text(errors="replace") for path in files if path.exists())

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Run it until the end of the block."""
        command = self.command()
        environment = {**os.environ, "HOME": str(self._folder), "XDG_DATA_HOME": str(self._folder)}
        with (self._folder / "output").open("wb") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
            )
        try:
            wait_until(lambda: self._is_up(process), self.log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _is_up(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self.log()
        table = Path("/proc/net/tcp").read_text().splitlines()[1:]
        return any(row.split()[1] == f"0100007F:{self.port:04X}" and row.split()[3] == "0A" for row in table)


def _program(name: str) -> str:
    path = ":".join((os.environ.get("PATH", ""), *_PROGRAMS))
    found = shutil.which(name, path=path)
    if found is None:
        give_up("BALANCER", f"{name} is not installed")
    return found


@contextlib.contextmanager
def short_folder() -> Iterator[Path]:
    """A new folder whose path is short enough for a Unix socket in it."""
    with tempfile.TemporaryDirectory(prefix="ami-") as name:
        yield Path(name)
