"""PageProxy: the proxy with a listener that serves the page, beside the one for AMI."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trustme
import yaml

from tests.asterisk.door import LIMITS
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ports import free_port
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.waiting import wait_until

SECRET = "a-secret-of-22-letters"
#: ``board`` may look at the wallboard, ``narrow`` at the calls of one telephone; ``watcher`` sees the status
#: as well, and ``oper`` may operate; ``script`` has no page, and ``kiosk`` no secret.
USERS: dict[str, dict[str, Any]] = {
    "board": {"read": ["call", "agent"], "write": [], "doors": ["page"]},
    "narrow": {
        "read": ["call", "agent"],
        "write": [],
        "doors": ["page"],
        "scope": {"channels": ["PJSIP/bob"]},
    },
    "watcher": {"read": ["system", "call", "agent"], "write": ["system"], "doors": ["page"]},
    "oper": {"read": "all", "write": "all", "doors": ["ami", "page"]},
    "script": {"read": "all", "write": ["reporting"], "doors": ["ami"]},
    "kiosk": {
        "read": ["call", "agent"],
        "write": [],
        "doors": ["page"],
        "login": "certificate",
        "certificate": ["dns:kiosk.example"],
    },
}
for _entry in USERS.values():
    if _entry.get("login") != "certificate":
        _entry["secret"] = hashed(SECRET)


class PageProxy(ProxyProcess):
    """``servers``: further keys of proxy.yaml.  ``ca`` issues the certificates of televisions."""

    def __init__(self, directory: Path, asterisk: Asterisk, port: int = 0, **settings: Any) -> None:
        """``port``: where it finds Asterisk, if not at its own port."""
        upstream = (asterisk.host, port or asterisk.port, asterisk.user, asterisk.secret)
        users = {
            name: {**entry, **({"servers": list(settings["servers"])} if "servers" in settings else {})}
            for name, entry in USERS.items()
        }
        super().__init__(directory, upstream, users, limits=LIMITS, **settings)
        self.web_port = free_port()
        self.control = directory / "control.sock"
        self.ca = trustme.CA()
        self.ca.cert_pem.write_to_path(str(directory / "clients.pem"))
        written = yaml.safe_load(self.config.read_text())
        certificates = written["listeners"][0]["certificates"]
        written["listeners"].append(
            {
                "address": f"127.0.0.1:{self.web_port}",
                "door": "http",
                "doors": ["page"],
                "certificates": [dict(pair) for pair in certificates],
                "client_auth": "optional",
                "client_ca": "clients.pem",
            }
        )
        written["control"] = {"socket": str(self.control)}
        self.config.write_text(yaml.safe_dump(written, sort_keys=False))
        for path in directory.iterdir():
            path.chmod(0o600)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.web_port}/"

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def change_users(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Write users.yaml again, and wait until the proxy has read it."""
        path = self.directory / "users.yaml"
        written = yaml.safe_load(path.read_text())
        change(written["users"])
        path.write_text(yaml.safe_dump(written, sort_keys=False))
        before = self.stderr.count(" reloaded ")
        self.signal(signal.SIGHUP)
        wait_until(lambda: self.stderr.count(" reloaded ") > before, lambda: self.stderr[-2000:])
