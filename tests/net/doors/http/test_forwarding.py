"""Who the client is behind a trusted reverse proxy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.admission.networks import NetworkSet
from amiproxy.net.doors.http.forwarding import Client, client_of
from amiproxy.net.doors.http.heads import Refused
from tests.net.doors.http.settings import with_
from tests.support.http_peer import HttpHouse

BOTH_LOOPS = True
PROXY, CLIENT = "10.0.0.1", "192.0.2.7"
TRUSTED = NetworkSet(("10.0.0.0/8", "fd00::/8"))


def client(*headers: tuple[str, str], peer: str = PROXY, secure: bool = False) -> Client:
    raw = tuple((name.lower().encode(), value.encode("latin-1")) for name, value in headers)
    return client_of(raw, peer, TRUSTED, secure=secure)


def xff(value: str) -> tuple[str, str]:
    return "X-Forwarded-For", value


def forwarded(value: str) -> tuple[str, str]:
    return "Forwarded", value


@pytest.mark.parametrize(
    "headers",
    [
        [xff(CLIENT)],
        [xff(f"{CLIENT}:4711")],
        [xff(f"1.1.1.1, {CLIENT}")],
        [xff(f"garbage, {CLIENT}")],
        [xff(f"{CLIENT}, 10.9.9.9")],
        [xff(f"1.1.1.1,{CLIENT}, 10.9.9.9 ,10.8.8.8")],
        [xff("1.1.1.1"), xff(CLIENT)],
        [xff(f"{CLIENT}, ")],
        [xff(f"::ffff:{CLIENT}")],
        [xff(f"[::ffff:{CLIENT}]:1")],
        [forwarded(f"for={CLIENT}")],
        [forwarded(f'For="{CLIENT}:4711";proto=http;by=10.0.0.1')],
        [forwarded(f"for=1.1.1.1, for={CLIENT};host=a")],
        [forwarded("for=1.1.1.1"), forwarded(f"for={CLIENT}")],
        [forwarded(f'for="[fd00::1]", for={CLIENT}, for="[fd00::2]:8"')],
        [forwarded(f"for=1.1.1.1;for=2.2.2.2, for={CLIENT}")],
        [forwarded(f'host="a,b;c=\\"";for={CLIENT}')],
        [forwarded(f"for={CLIENT}"), xff(f"1.1.1.1, {CLIENT}")],
        [forwarded("proto=https"), xff(CLIENT)],
    ],
)
def test_the_right_most_address_that_is_no_proxy_is_the_client(headers: list[tuple[str, str]]) -> None:
    assert client(*headers).address == CLIENT


def test_an_address_of_ipv6_is_found() -> None:
    assert client(xff("2001:DB8::7")).address == "2001:db8::7"
    assert client(forwarded('for="[2001:DB8::7]:1"')).address == "2001:db8::7"


def test_headers_of_others_are_ignored() -> None:
    headers = xff("1.1.1.1"), forwarded("for=2.2.2.2;proto=https"), ("X-Forwarded-Proto", "https")
    assert client(*headers, peer=CLIENT) == Client(CLIENT, secure=False)
    assert client(*headers, peer=CLIENT, secure=True) == Client(CLIENT, secure=True)


def test_without_such_headers_the_proxy_is_the_client() -> None:
    assert client() == Client(PROXY, secure=False)
    assert client(("X-Forwarded-Proto", "https")) == Client(PROXY, secure=True)
    assert client(xff(" ")).address == PROXY
    assert client(forwarded("proto=https")) == Client(PROXY, secure=True)


def test_if_all_are_proxies_the_first_of_them_is_the_client() -> None:
    assert client(xff("10.3.3.3, 10.2.2.2")).address == "10.3.3.3"
    assert client(xff("what, 10.2.2.2")).address == "10.2.2.2"


@pytest.mark.parametrize(
    "headers",
    [
        [xff("unknown")],
        [xff("1.1.1.1, _hidden")],
        [xff("1.1.1.1, 999.1.1.1")],
        [xff("1.1.1.1 2.2.2.2")],
        [xff("1.1.1.1, fe80::1%eth0")],
        [forwarded("for=unknown")],
        [forwarded('for="')],
        # A client that opens a quote hides what the proxy appends.
        [forwarded(f'for="1.1.1.1, for={CLIENT}')],
        [forwarded(f'for=1.1.1.1;x=", for={CLIENT}')],
        [forwarded('for=1.1.1.1, x="'), forwarded(f"for={CLIENT}")],
        [forwarded("for=1.1.1.1, nonsense")],
        # The proxy writes one kind, the client the other.
        [forwarded("for=1.1.1.1"), xff(CLIENT)],
        [forwarded("for=1.1.1.1;proto=https, proto=http"), xff("1.1.1.1")],
    ],
)
def test_a_client_cannot_hide_behind_malformed_headers(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(Refused) as refused:
        client(*headers)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("headers", "secure"),
    [
        ([("X-Forwarded-Proto", "https")], True),
        ([("X-Forwarded-Proto", "HTTPS")], True),
        ([("X-Forwarded-Proto", "http")], False),
        ([("X-Forwarded-Proto", "https, http")], False),
        ([("X-Forwarded-Proto", "http, https")], True),
        ([forwarded(f"for={CLIENT};proto=https")], True),
        ([forwarded(f"for=1.1.1.1;proto=https, for={CLIENT}")], False),
        ([forwarded(f"for={CLIENT};proto=https"), ("X-Forwarded-Proto", "http")], False),
    ],
)
def test_the_last_proxy_says_how_the_client_connected(headers: list[tuple[str, str]], secure: bool) -> None:
    assert client(*headers).secure is secure


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["forwarded", "x-forwarded-for", "x-forwarded-proto"]),
            st.text('for=;,"\\ 1.2[:]abproto'),
        )
    )
)
def test_any_headers_give_an_address_or_a_refusal(headers: list[tuple[str, str]]) -> None:
    try:
        found = client(*headers)
    except Refused:
        return
    assert found.address == PROXY or NetworkSet((found.address,)) is not None


@given(st.text('for=;,"\\ 1.2[:]abproto').filter(lambda text: '"' not in text))
def test_whatever_a_client_writes_the_proxy_has_the_last_word(text: str) -> None:
    assert client(xff(f"{text}, {CLIENT}")).address == CLIENT
    assert client(forwarded(f"{text}, for={CLIENT}")).address == CLIENT


@with_(trusted_proxies=("127.0.0.0/8",))
async def test_a_handler_sees_the_client_behind_the_proxy(house: HttpHouse) -> None:
    async with house.peer() as peer:
        for address in (CLIENT, "192.0.2.8"):
            assert (await peer.get("/echo", f"X-Forwarded-For: {address}")).status == 200
        assert (await peer.get("/echo")).status == 200
        assert [one.address for one in house.peers] == [CLIENT, "192.0.2.8", "127.0.0.1"]
        assert (house.peers[0].port, house.peers[0].local_address) == (0, "127.0.0.1")
        reply = await peer.get("/echo", f"X-Forwarded-For: {CLIENT}", "Forwarded: for=1.1.1.1")
        assert (reply.status, reply.get("connection")) == (400, "close")


async def test_a_client_that_is_no_trusted_proxy_names_nobody_else(house: HttpHouse) -> None:
    async with house.peer() as peer:
        assert (await peer.get("/echo", f"X-Forwarded-For: {CLIENT}", "Forwarded: for=1.1.1.1")).status == 200
        assert house.peers[0].address == "127.0.0.1"
