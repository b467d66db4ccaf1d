"""Two doors to the same Asterisk over HTTP: its own AJAM, and the proxy's."""

import hashlib
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.asterisk.door import LIMITS, SECRETS, USERS
from tests.asterisk.lab.asterisk import Asterisk
from tests.support import twin
from tests.support.ports import free_port
from tests.support.proxy_process import ProxyProcess
from tests.support.raw_http import Answer, RawHttp

#: Of the paths, at both doors, as most public scripts have it.
PREFIX = "/asterisk"
#: Seconds that a session lives without a request, at both doors; a WaitEvent lasts ten seconds less.
TIMEOUT = 16


class AjamProxy(ProxyProcess):
    """The proxy with a second listener, which serves AJAM on ``http_port``; its users have all its doors."""

    def __init__(self, directory: Path, asterisk: Asterisk, **listener: Any) -> None:
        doors = ["ami", *listener.get("doors", ["ajam"])]
        users = {name: {**entry, "doors": [*doors]} for name, entry in USERS.items()}
        upstream = (asterisk.host, asterisk.port, asterisk.user, asterisk.secret)
        super().__init__(directory, upstream, users, limits=LIMITS)
        self.http_port = free_port()
        entry = {
            "address": f"127.0.0.1:{self.http_port}",
            "door": "http",
            "doors": ["ajam"],
            "certificates": [{"chain": "server.crt", "key": "server.key"}],
            "prefix": PREFIX,
            **listener,
        }
        entry["ajam"] = {"timeout": TIMEOUT, **listener.get("ajam", {})}
        configuration = yaml.safe_load(self.config.read_text())
        configuration["listeners"] += twin.with_server([entry])
        self.config.write_text(yaml.safe_dump(configuration, sort_keys=False))


@dataclass(frozen=True)
class AjamDoor:
    """Where clients connect; ``proxy`` is None at Asterisk's own port."""

    asterisk: Asterisk
    proxy: AjamProxy | None

    @property
    def is_ours(self) -> bool:
        """Whether it is the proxy's."""
        return self.proxy is not None

    @property
    def port(self) -> int:
        """The port on loopback."""
        return self.asterisk.http_port if self.proxy is None else self.proxy.http_port

    @property
    def tls(self) -> ssl.SSLContext | None:
        """What to connect with."""
        return None if self.proxy is None else self.proxy.context

    @property
    def url(self) -> str:
        """What the address of each page begins with."""
        return f"{'https' if self.is_ours else 'http'}://localhost:{self.port}{PREFIX}"

    @property
    def realm(self) -> str:
        """The realm of its digest."""
        return "amiproxy" if self.is_ours else "lab"

    def connect(self) -> RawHttp:
        """A connection."""
        return RawHttp(self.port, self.tls)

    def browser(self) -> "Browser":
        """A connection that keeps its cookie."""
        return Browser(self)


class Browser:
    """A connection whose requests name pages, and which keeps the cookie of its session."""

    def __init__(self, door: AjamDoor) -> None:
        self.door = door
        self.http = door.connect()
        self.cookie: str | None = None

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def target(self, page: str, parameters: Mapping[str, str]) -> str:
        """The target of a request."""
        return f"{PREFIX}/{page}?{urlencode(parameters)}" if parameters else f"{PREFIX}/{page}"

    def get(self, page: str = "rawman", *lines: str, **parameters: str) -> Answer:
        """Ask for a page, by GET."""
        answer = self.http.ask(self.target(page, parameters), *lines, cookie=self.cookie)
        self.cookie = answer.cookie or self.cookie
        return answer

    def post(self, page: str = "rawman", *lines: str, **parameters: str) -> Answer:
        """Ask for a page, by POST."""
        body = urlencode(parameters).encode()
        target = f"{PREFIX}/{page}"
        answer = self.http.ask(target, *lines, method="POST", body=body, cookie=self.cookie)
        self.cookie = answer.cookie or self.cookie
        return answer

    def login(self, user: str = "proxy", **parameters: str) -> Answer:
        """Log in."""
        answer = self.post(action="login", username=user, secret=SECRETS[user], **parameters)
        assert b"Authentication accepted" in answer.body, answer
        return answer

    def waited(self, page: str = "rawman", **parameters: str) -> Answer:
        """A WaitEvent."""
        return self.get(page, action="waitevent", **parameters)


@dataclass
class Digest:
    """Makes Authorization headers from the challenge of an answer with status 401."""

    challenge: str
    user: str = "proxy"
    secret: str = SECRETS["proxy"]
    count: int = 0

    @property
    def nonce(self) -> str:
        """The server's nonce."""
        return self._part("nonce")

    def _part(self, name: str) -> str:
        found = re.search(rf'{name}="([^"]*)"', self.challenge)
        assert found, self.challenge
        return found[1]

    def header(self, target: str, method: str = "GET", **changed: str) -> str:
        """The header for a request; ``changed`` are values in place of the right ones."""
        self.count += 1
        parts = {
            "username": self.user,
            "realm": self._part("realm"),
            "nonce": self.nonce,
            "uri": target,
            "nc": f"{self.count:08x}",
            "cnonce": "0a4f113b",
            "opaque": self._part("opaque") if "opaque=" in self.challenge else "",
        } | changed
        one = _md5(f"{parts['username']}:{parts['realm']}:{self.secret}")
        two = _md5(f"{method}:{parts['uri']}")
        response = _md5(f"{one}:{parts['nonce']}:{parts['nc']}:{parts['cnonce']}:auth:{two}")
        quoted = ", ".join(f'{name}="{value}"' for name, value in parts.items() if name != "nc")
        rest = f'qop=auth, nc={parts["nc"]}, response="{response}", algorithm=MD5'
        return f"Authorization: Digest {quoted}, {rest}"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def digest(http: RawHttp, page: str = "arawman", **who: str) -> Digest:
    """A digest for the challenge that a page answers with."""
    answer = http.ask(f"{PREFIX}/{page}?action=ping")
    assert answer.status == 401, answer
    challenge = answer.get("WWW-authenticate")
    assert challenge
    return Digest(challenge, **who)
