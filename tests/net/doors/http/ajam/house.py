"""AJAM on a hub without sockets: a test sends requests, and has their responses."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from amiproxy.ami import privilege
from amiproxy.config import AjamSettings
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.share import Share
from amiproxy.core.model.users import User
from amiproxy.core.ports import Peer
from amiproxy.net.doors.http.ajam.routes import routes
from amiproxy.net.doors.http.exchange import TakenStream, Taker
from amiproxy.net.doors.http.requests import Request
from amiproxy.net.doors.http.responses import Response
from amiproxy.net.doors.http.site import Site
from tests.support.core_doubles import Bench
from tests.support.http_peer import NAMES, listener

AJAM = frozenset({"ajam"})
BOSS = User("boss", privilege.ALL, privilege.ALL, secret="plain:sekret", md5_secret=b"sekret", doors=AJAM)
CLERK = User("clerk", secret="plain:sekret", doors=AJAM)
AMI_ONLY = User("ami", privilege.ALL, privilege.ALL, secret="plain:sekret")
HERE = Peer.at("192.0.2.1", 40000)._replace(tls="TLSv1.3")

FORM = "application/x-www-form-urlencoded"


class Asking:
    """One request, which is an Exchange, and its response once it is there."""

    def __init__(self, request: Request, *, closes: bool = False) -> None:
        self.request = request
        self.closes = closes
        self.responses: list[Response] = []
        self.is_authenticated = False
        self.is_judged = False
        self._gone: list[Callable[[], None]] = []

    @property
    def response(self) -> Response:
        (response,) = self.responses
        return response

    @property
    def body(self) -> bytes:
        return self.response.body

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.response.headers if key.decode().lower() == name.lower()]
        assert len(found) <= 1
        return found[0].decode() if found else None

    @property
    def cookie(self) -> str | None:
        said = self.header("set-cookie")
        return None if said is None else said.split('"')[1]

    def leave(self) -> None:
        """The client closes the connection."""
        for call in self._gone:
            call()

    # -- see Exchange ------------------------------------------------------

    def respond(self, response: Response) -> None:
        self.responses.append(response)

    def on_gone(self, call: Callable[[], None]) -> None:
        self._gone.append(call)

    def authenticated(self) -> None:
        self.is_authenticated = True

    def judged(self) -> None:
        self.is_judged = True

    def charge(self, share: Share) -> None:
        pass

    def take_over(self, head: bytes, taker: Taker) -> TakenStream:
        raise AssertionError


class AjamHouse(Bench):
    """A hub, a site with AJAM, and its clients."""

    def __init__(self, *users: User, ajam: dict[str, Any] | None = None, **settings: Any) -> None:
        limits = settings.pop("limits", {})
        super().__init__(*(users or (BOSS, CLERK, AMI_ONLY)), limits=Limits(**limits))
        self.link_up(b"Ping: Keepalive command.  (Priv: <none>)\r\n")
        self.entrance = Entrance(door="ajam")
        settings.setdefault("doors", ("ajam",))
        self.site = Site(listener(ajam=AjamSettings(**ajam or {}), **settings), lambda: NAMES)
        routes(self.site, self.hub.web, self.entrance, self.hub.limit_state)

    def turn(self) -> None:
        """Let what is scheduled for the next turn happen."""
        self.clock.advance(0)

    def ask(
        self,
        target: str,
        *lines: tuple[str, str],
        method: str = "GET",
        body: str | None = None,
        cookie: str | None = None,
        peer: Peer = HERE,
        secure: bool = True,
        closes: bool = False,
    ) -> Asking:
        """Send a request."""
        headers = [("host", "localhost"), *lines]
        if cookie is not None:
            headers.append(("cookie", f'mansession_id="{cookie}"'))
        if body is not None:
            method = "POST"
            headers.append(("content-type", FORM))
        raw = tuple([(name.encode(), value.encode("latin-1")) for name, value in headers])
        request = Request(method, target.encode("latin-1"), raw, (body or "").encode(), peer, secure, False)
        asking = Asking(request, closes=closes)
        self.site.serve(asking)
        self.turn()
        return asking

    def log_in(self, name: str = "boss", **more: Any) -> str:
        """The id of a new session of this user."""
        form = urlencode({"action": "login", "username": name, "secret": "sekret"})
        asking = self.ask("/rawman", body=form, **more)
        assert b"Authentication accepted" in asking.body
        assert asking.cookie
        return asking.cookie


def attributes(cookie: str | None) -> dict[str, str]:
    """The attributes of a Set-Cookie."""
    assert cookie
    return dict(parse_qsl(cookie.replace("; ", "&"), keep_blank_values=True))
