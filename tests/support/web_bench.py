"""WebBench: a hub whose clients send requests, as the doors that speak HTTP pass them on."""

from amiproxy.ami import privilege
from amiproxy.core.clients.routes.entrance import Entrance
from amiproxy.core.clients.web.websession import WebSession
from amiproxy.core.hub import ONE_SERVER
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.core.ports import Peer, Sealer
from amiproxy.core.servers.servers import Configured
from tests.support.core_doubles import Bench, HandClock

DOORS = frozenset({"ajam", "api", "ws"})
BOSS = User("boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x", doors=DOORS)
AMI_ONLY = User("ami", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
MD5 = User("digest", read=privilege.ALL, write=0, md5_secret=b"sekret", doors=DOORS)
AJAM = Entrance(door="ajam")
API = Entrance(door="api")
HERE = Peer.at("192.0.2.1", 40000)
ELSEWHERE = Peer.at("198.51.100.7", 40000)
LOGIN = b"Action: Login\r\nUsername: boss\r\nSecret: x\r\n\r\n"


class WebBench(Bench):
    """A hub with clients that send requests."""

    def __init__(
        self,
        *users: User,
        servers: Configured = ONE_SERVER,
        interval: float = 0.0,
        clock: HandClock | None = None,
        sealer: Sealer | None = None,
        **limits: float,
    ) -> None:
        super().__init__(
            *(users or (BOSS, AMI_ONLY, MD5)),
            limits=Limits(**limits),
            interval=interval,
            servers=servers,
            clock=clock,
            sealer=sealer,
        )
        for name in servers.names:
            self.link_up(b"Ping: Keepalive command.  (Priv: <none>)\r\n", at=name)
            self.upstreams[name].take()
        self.web = self.hub.web

    def turn(self) -> None:
        """Let what is scheduled for the next turn happen."""
        self.clock.advance(0)

    def log_in(self, name: str = "boss", entrance: Entrance = AJAM, peer: Peer = HERE) -> WebSession:
        """The web session of a user."""
        got: list[tuple[WebSession | None, bytes]] = []
        self.web.login(
            peer,
            entrance,
            LOGIN.replace(b"boss", name.encode()),
            lambda session, answer: got.append((session, answer)),
        )
        self.turn()
        ((session, answer),) = got
        assert session is not None
        assert b"Authentication accepted" in answer
        return session

    def run(self, session: WebSession, action: str) -> list[bytes]:
        """Begin to run an action; what it returns has the answer once it is there."""
        got: list[bytes] = []
        session.run(action.replace("\n", "\r\n").encode() + b"\r\n\r\n", got.append)
        self.turn()
        return got

    def wait(self, session: WebSession, timeout: str = "", seconds: float = 50.0) -> list[bytes]:
        """Begin a WaitEvent; what it returns has the answer once it is there."""
        got: list[bytes] = []
        header = f"Timeout: {timeout}\r\n" if timeout else ""
        session.wait(f"Action: WaitEvent\r\n{header}\r\n".encode(), seconds, got.append)
        self.turns()
        return got

    def turns(self, number: int = 6) -> None:
        """Let several turns pass."""
        for _ in range(number):
            self.turn()
