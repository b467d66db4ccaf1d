"""Digest authentication: what a header says, what is right, and what is replayed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.clients.web.digest import (
    NONCE_SECONDS,
    Credentials,
    Digest,
    Nonces,
    parse_authorization,
    response_to,
)

#: RFC 7616, 3.9.1.
EXAMPLE = Credentials(
    username=b"Mufasa",
    realm=b"http-auth@example.org",
    nonce=b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    uri=b"/dir/index.html",
    response=b"",
    algorithm="MD5",
    nc=b"00000001",
    cnonce=b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
)
REALM = b"amiproxy"
TARGET = b"/arawman?action=ping&x=%7e"
SECRETS = {b"boss": b"sekret", b"M\xc3\xbcller": b"p\xc3\xa4ss"}


def header(credentials: Credentials, extra: bytes = b"") -> bytes:
    quoted = b", ".join(
        b'%b="%b"' % (name.encode(), value.replace(b"\\", b"\\\\").replace(b'"', b'\\"'))
        for name, value in credentials._asdict().items()
        if name in ("username", "realm", "nonce", "uri", "response", "cnonce")
    )
    return b"Digest %b, algorithm=%b, nc=%b, qop=auth%b" % (
        quoted,
        credentials.algorithm.encode(),
        credentials.nc,
        extra,
    )


class Client:
    """Answers challenges of one Digest."""

    def __init__(self, now: float = 100.0) -> None:
        self.digest = Digest()
        self.now = now
        self.algorithms = ["MD5", "SHA-256"]
        ((self.nonce, self.offer), _) = self.digest.challenge(REALM, self.algorithms, now)

    def credentials(self, nc: int = 1, secret: bytes = b"sekret", method: bytes = b"GET", **changed):
        one = Credentials(b"boss", REALM, self.nonce, TARGET, b"", "MD5", b"%08x" % nc, b"c0ffee")
        one = one._replace(**changed)
        return one._replace(response=response_to(one, method, secret))

    def check(self, value: bytes, method: bytes = b"GET", target: bytes = TARGET) -> str:
        return self.digest.check(value, method, target, REALM, self.algorithms, SECRETS.get, self.now).verdict

    def ask(self, nc: int = 1, **changed) -> str:
        return self.check(header(self.credentials(nc, **changed)))


@pytest.fixture
def client():
    return Client()


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", b"8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", b"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_the_rfc_are_computed(algorithm, response):
    assert response_to(EXAMPLE._replace(algorithm=algorithm), b"GET", b"Circle of Life") == response


def test_a_challenge_is_written_as_by_asterisk(client):
    opaque = client.nonce[16:24]
    assert client.offer == (
        b'Digest algorithm=MD5, realm="amiproxy", nonce="' + client.nonce + b'", qop="auth", '
        b'opaque="' + opaque + b'"'
    )
    ((_, stale),) = client.digest.challenge(REALM, ["MD5"], 1.0, stale=True)
    assert stale.endswith(b'", stale=true')
    assert len({nonce for nonce, _ in client.digest.challenge(REALM, client.algorithms, 1.0)}) == 2


def test_a_right_response_is_right_once(client):
    assert client.ask() == "right"
    assert client.ask() == "stale"
    assert client.ask(2) == "right"


def test_a_captured_header_is_good_for_no_other_request(client):
    value = header(client.credentials())
    assert client.check(value, target=b"/arawman?action=command") == "wrong"
    assert client.check(value, method=b"POST") == "wrong"
    assert client.check(value, target=TARGET.replace(b"%7e", b"~")) == "wrong"
    assert client.check(value) == "right"


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": b"wrong"},
        {"username": b"BOSS"},
        {"username": b"nobody"},
        {"realm": b"asterisk"},
        {"uri": b"/other"},
    ],
)
def test_other_credentials_are_wrong(client, changed):
    assert client.ask(**changed) == "wrong"


def test_a_name_and_a_secret_need_not_be_ascii(client):
    assert client.ask(username=b"M\xc3\xbcller", secret=b"p\xc3\xa4ss") == "right"


def test_sha_256_is_right_if_it_is_offered(client):
    assert client.ask(algorithm="SHA-256") == "right"
    client.algorithms = ["MD5"]
    assert client.ask(2, algorithm="SHA-256") == "malformed"
    assert client.check(header(client.credentials(3)).replace(b"algorithm=MD5, ", b"")) == "right"


@pytest.mark.parametrize(
    "nonce",
    [b"0badcafe", b"0" * 80, b"X" * 80],
)
def test_a_nonce_of_another_is_stale_although_the_response_is_right(client, nonce):
    assert client.ask(nonce=nonce) == "stale"


def test_a_nonce_is_good_for_a_time(client):
    client.now += NONCE_SECONDS
    assert client.ask() == "right"
    client.now += 1
    assert client.ask(2) == "stale"


def test_parallel_requests_may_overtake_each_other(client):
    assert client.ask(64) == "right"
    assert [client.ask(number) for number in (2, 1, 1, 63, 64)] == [
        "right", "right", "stale", "right", "stale"
    ]  # fmt: skip
    assert client.ask(1000) == "right"
    assert client.ask(936) == "stale"
    assert client.ask(937) == "right"


def test_counts_of_old_nonces_are_forgotten_without_making_them_good_again():
    nonces = Nonces()
    first = nonces.make(1.0)
    assert nonces.takes(first, 1, 1.0)
    for number in range(4096):
        assert nonces.takes(nonces.make(2.0 + number / 100), 1, 50.0)
    assert not nonces.takes(first, 1, 50.0)
    assert not nonces.takes(first, 2, 50.0)
    late = nonces.make(500.0)
    assert nonces.takes(late, 1, 500.0)
    assert len(nonces._counts) == 1


@pytest.mark.parametrize(
    "value",
    [
        b"Basic Ym9zczp4",
        b"Digest",
        b"Digest ",
        b"Digest username",
        b'Digest username="boss',
        b'Digest username="boss" realm="x"',
        b'Digest username="boss", username="boss"',
        b'Digest username="bo\nss"',
        b'Digest username="boss",',
    ],
)
def test_a_header_that_is_no_digest_is_malformed(client, value):
    assert parse_authorization(value) is None
    assert client.check(value) == "malformed"


@pytest.mark.parametrize("name", ["username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce"])
def test_a_header_without_what_it_needs_is_malformed(client, name):
    value = header(client.credentials())
    parts = [part for part in value[7:].split(b", ") if not part.startswith(name.encode() + b"=")]
    assert parse_authorization(b"Digest " + b", ".join(parts)) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"qop=auth", b"qop=auth-int"), (b"nc=00000001", b"nc=1"), (b"nc=00000001", b'nc="0000000x"')],
)
def test_a_header_with_another_value_is_malformed(client, before, after):
    value = header(client.credentials()).replace(before, after)
    assert parse_authorization(value) is None


def test_a_header_may_be_written_in_several_ways(client):
    value = header(client.credentials(username=b'q"\\'), b' , opaque="" ,extra="x,\\"y"')
    value = value.replace(b"Digest ", b"DIGEST \t").replace(b"nc=00000001", b'NC = "00000001"')
    found = parse_authorization(value)
    assert found is not None
    assert (found.username, found.nc) == (b'q"\\', b"00000001")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(value):
    parse_authorization(value)
    parse_authorization(b"Digest " + value)
