"""SocketProxy: the proxy with a listener for WebSockets beside the one for AMI."""

from pathlib import Path
from typing import Any

import yaml

from tests.asterisk.door import LIMITS
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ports import free_port
from tests.support.proxy_process import ProxyProcess, hashed

SECRET = "a-secret-of-22-letters"
USERS: dict[str, dict[str, Any]] = {
    "board": {"read": "all", "write": [], "doors": ["ws"]},
    "oper": {"read": "all", "write": "all", "doors": ["ami", "ws"]},
    "page": {"read": "all", "write": [], "doors": ["ws", "api"]},
    "script": {"read": "all", "write": "all"},
    "stays": {"read": "call,agent", "write": [], "doors": ["ws"], "upstream_lost": "stay"},
    "mended": {"read": "call,agent", "write": [], "doors": ["ws"], "upstream_lost": "repair"},
}
for _entry in USERS.values():
    _entry["secret"] = hashed(SECRET)


class SocketProxy(ProxyProcess):
    """``servers``: further keys of proxy.yaml."""

    def __init__(self, directory: Path, asterisk: Asterisk, *doors: str, **settings: Any) -> None:
        upstream = (asterisk.host, asterisk.port, asterisk.user, asterisk.secret)
        users = {
            name: {**entry, **({"servers": list(settings["servers"])} if "servers" in settings else {})}
            for name, entry in USERS.items()
        }
        super().__init__(directory, upstream, users, limits=LIMITS, **settings)
        self.web_port = free_port()
        self.control = directory / "control.sock"
        written = yaml.safe_load(self.config.read_text())
        certificates = written["listeners"][0]["certificates"]
        written["listeners"].append(
            {
                "address": f"127.0.0.1:{self.web_port}",
                "door": "http",
                "doors": ["ws", *doors],
                "certificates": [dict(pair) for pair in certificates],
            }
        )
        written["control"] = {"socket": str(self.control)}
        self.config.write_text(yaml.safe_dump(written, sort_keys=False))

    @property
    def url(self) -> str:
        return f"wss://localhost:{self.web_port}/ws"
