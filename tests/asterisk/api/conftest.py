"""The JSON interface of a proxy in front of a real Asterisk 22."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.asterisk.door import LIMITS
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ports import free_port
from tests.support.proxy_process import ProxyProcess, hashed

SECRET = "a-secret-of-22-letters"
#: ``wallboard`` is that of the page; ``board`` may only read, ``oper`` may do all, ``lister`` not quite all;
#: ``script`` may use AMI only.
USERS: dict[str, dict[str, Any]] = {
    "wallboard": {"read": "call,agent", "write": ["reporting"], "doors": ["api"]},
    "board": {"read": "call,agent,user", "write": [], "doors": ["api"]},
    "oper": {"read": "all", "write": "all", "doors": ["ami", "api"]},
    "lister": {
        "read": "all",
        "write": "all",
        "doors": ["api"],
        "commands": ["core show"],
        "acl": ["deny 0.0.0.0/0.0.0.0", "permit 127.0.0.1/32"],
    },
    "script": {"read": "all", "write": "all"},
}
for _entry in USERS.values():
    _entry["secret"] = hashed(SECRET)

Client = Callable[..., httpx.Client]


class ApiProxy(ProxyProcess):
    """A proxy with a listener for the JSON interface beside the one for AMI."""

    def __init__(self, directory: Path, asterisk: Asterisk, **settings: Any) -> None:
        self.http_port = free_port()
        self.control = directory / "control.sock"

        def pair() -> list[dict[str, str]]:
            return [{"chain": "server.crt", "key": "server.key"}]

        upstream = (asterisk.host, asterisk.port, asterisk.user, asterisk.secret)
        super().__init__(directory, upstream, USERS, limits=LIMITS, **settings)
        listeners = [
            {"address": f"127.0.0.1:{self.port}", "certificates": pair()},
            {
                "address": f"127.0.0.1:{self.http_port}",
                "door": "http",
                "doors": ["api"],
                "certificates": pair(),
                "allowed_origins": ["https://dash.example.org"],
            },
        ]
        written = yaml.safe_load(self.config.read_text())
        written |= {"listeners": listeners, "control": {"socket": str(self.control)}}
        self.config.write_text(yaml.safe_dump(written, sort_keys=False))

    @property
    def base(self) -> str:
        return f"https://localhost:{self.http_port}"

    def client(self, user: str = "", **more: Any) -> httpx.Client:
        """A client that sends the name and secret of this user, if it is given one."""
        auth = (user, SECRET) if user else None
        return httpx.Client(
            base_url=f"{self.base}/api/v1", auth=auth, verify=self.context, timeout=30, **more
        )


@pytest.fixture(scope="module")
def proxy(asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProxy]:
    proxy = ApiProxy(tmp_path_factory.mktemp("api"), asterisk22)
    proxy.start(linked=True)
    try:
        yield proxy
        proxy.stop()
    finally:
        proxy.kill()
    assert SECRET not in proxy.stderr


@pytest.fixture
def oper(proxy: ApiProxy) -> Iterator[httpx.Client]:
    with proxy.client("oper") as client:
        yield client


@pytest.fixture
def board(proxy: ApiProxy) -> Iterator[httpx.Client]:
    with proxy.client("board") as client:
        yield client
