"""Sessions with a digest: each request proves its secret, for its own method and target, once."""

import hashlib
import re

import pytest

from amiproxy.core.model.users import User
from tests.net.doors.http.ajam.house import AJAM, HERE, AjamHouse, Asking

PING = "/arawman?action=ping"
PONG = b"Response: Success\r\nPing: Pong\r\n"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Client:
    """Answers the challenges of a house."""

    def __init__(self, house: AjamHouse, user: str = "boss", secret: str = "sekret") -> None:
        self.house = house
        self.user, self.secret = user, secret
        self.count = 0
        self.take(house.ask(PING))

    def take(self, asking: Asking) -> None:
        assert asking.response.status == 401
        self.nonce = re.findall(r'nonce="([0-9a-f]+)"', asking.header("www-authenticate") or "")[0]
        self.count = 0

    def credentials(self, target: str, method: str = "GET", **changed: str) -> tuple[str, str]:
        self.count += 1
        said = {"realm": "amiproxy", "uri": target, "nc": f"{self.count:08x}", "nonce": self.nonce} | changed
        one, two = _md5(f"{self.user}:{said['realm']}:{self.secret}"), _md5(f"{method}:{said['uri']}")
        response = _md5(f"{one}:{said['nonce']}:{said['nc']}:c:auth:{two}")
        return (
            "authorization",
            f'Digest username="{self.user}", realm="{said["realm"]}", nonce="{said["nonce"]}", '
            f'uri="{said["uri"]}", response="{response}", qop=auth, nc={said["nc"]}, cnonce="c"',
        )

    def ask(self, target: str = PING, method: str = "GET", **changed: str) -> Asking:
        return self.house.ask(target, self.credentials(target, method, **changed), method=method)


@pytest.fixture
def client(house: AjamHouse) -> Client:
    return Client(house)


def test_a_request_without_credentials_is_challenged_as_by_asterisk(house: AjamHouse) -> None:
    asking = house.ask(PING)
    assert asking.response.status == 401
    names = [name for name, _ in asking.response.headers]
    assert names[:6] == [
        b"Server",
        b"Date",
        b"Cache-Control",
        b"WWW-authenticate",
        b"Content-type",
        b"Content-Length",
    ]
    challenge = (
        r'Digest algorithm=MD5, realm="amiproxy", nonce="[0-9a-f]{32,}", qop="auth", opaque="[0-9a-f]+"'
    )
    assert re.fullmatch(challenge, asking.header("www-authenticate") or "")
    assert b"<h1>Unauthorized</h1>" in asking.body
    assert len(house.hub.web) == 0


def test_realm_and_algorithms_are_those_of_the_listener() -> None:
    house = AjamHouse(ajam={"realm": "pbx", "digest": ("SHA-256", "MD5")})
    offers = [value for name, value in house.ask(PING).response.headers if name == b"WWW-authenticate"]
    assert [offer.split(b", ")[:2] for offer in offers] == [
        [b"Digest algorithm=SHA-256", b'realm="pbx"'],
        [b"Digest algorithm=MD5", b'realm="pbx"'],
    ]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_right_credentials_run_the_action_without_a_cookie(client: Client, method: str) -> None:
    asking = client.ask(PING, method)
    assert asking.response.status == 200
    assert asking.body.startswith(PONG if method != "POST" else b"Response: Error\r\nMessage: Missing action")
    assert asking.cookie is None
    assert asking.header("pragma") is None
    assert asking.is_authenticated


def test_all_requests_of_a_nonce_are_one_session_in_each_form(client: Client) -> None:
    for target in (PING, "/amxml?action=ping", "/amanager?action=ping", "/AMXML/?action=login"):
        assert client.ask(target).response.status == 200
    assert len(client.house.hub.web) == 1


def test_a_login_in_it_is_superfluous_and_after_a_logoff_it_begins_again(client: Client) -> None:
    assert b"Already authenticated" in client.ask("/arawman?action=login").body
    assert b"Goodbye" in client.ask("/arawman?action=logoff").body
    assert client.ask(PING).body.startswith(PONG)


def test_parameters_are_looked_at_only_with_right_credentials(client: Client) -> None:
    assert client.house.ask(f"{PING}&x=%0d%0a").response.status == 401
    assert client.ask(f"{PING}&x=%0d%0a").response.status == 400


@pytest.mark.parametrize("line", ["Basic Ym9zczpzZWtyZXQ=", "Digest", "Digest username=boss", "", "Bearer x"])
def test_other_credentials_are_challenged_at_once(house: AjamHouse, line: str) -> None:
    assert house.ask(PING, ("authorization", line)).response.status == 401


def test_two_authorization_headers_are_challenged(client: Client) -> None:
    right = client.credentials(PING)
    assert client.house.ask(PING, right, right).response.status == 401


@pytest.mark.parametrize(
    ("user", "secret"), [("boss", "wrong"), ("BOSS", "sekret"), ("nobody", "sekret"), ("clerk", "sekret")]
)
def test_wrong_credentials_are_refused_after_a_second_and_count(
    house: AjamHouse, user: str, secret: str
) -> None:
    client = Client(house, user, secret)
    asking = client.ask()
    assert asking.responses == []
    house.clock.advance(1.0)
    assert asking.response.status == 401
    assert not asking.is_authenticated
    assert house.hub.limit_state.admission.has_failed(HERE.address, house.clock.now())


def test_the_refusal_is_not_sent_to_a_client_that_has_left(house: AjamHouse) -> None:
    asking = Client(house, secret="wrong").ask()
    asking.leave()
    house.clock.advance(2.0)
    assert asking.responses == []


def test_a_user_who_may_not_use_the_door_is_refused_like_a_wrong_secret() -> None:
    house = AjamHouse(User("boss", md5_secret=b"sekret"), User("other", md5_secret=b"x", doors=AJAM))
    asking = Client(house).ask()
    house.clock.advance(1.0)
    assert asking.response.status == 401


def test_a_captured_header_is_good_for_nothing_else(client: Client) -> None:
    line = client.credentials(PING)
    assert client.house.ask(PING, line).response.status == 200
    for target, method in ((PING, "GET"), ("/arawman?action=corestatus", "GET"), (PING, "HEAD")):
        again = client.house.ask(target, line, method=method)
        client.house.clock.advance(1.0)
        assert again.response.status == 401


def test_a_nonce_that_was_not_issued_here_is_refused(client: Client) -> None:
    for nonce in ("0badcafe", "0" * 80):
        asking = client.ask(PING, nonce=nonce)
        client.house.clock.advance(1.0)
        assert asking.response.status == 401


def test_a_nonce_is_no_cookie(client: Client) -> None:
    assert client.ask().response.status == 200
    for key in (client.nonce, client.nonce[:32], client.nonce[16:48], client.nonce[-32:]):
        asking = client.house.ask("/rawman?action=ping", cookie=key)
        assert asking.body == b"Response: Error\r\nMessage: Permission denied\r\n\r\n"


def test_after_five_minutes_a_session_goes_on_under_a_new_nonce(client: Client) -> None:
    assert client.ask("/arawman?action=waitevent&timeout=0").response.status == 200
    client.house.entrance.idle = 3600.0
    client.house.clock.advance(301.0)
    stale = client.ask()
    assert (stale.header("www-authenticate") or "").endswith(", stale=true")
    client.take(stale)
    assert client.ask().body.startswith(PONG)
    assert len(client.house.hub.web) == 1
