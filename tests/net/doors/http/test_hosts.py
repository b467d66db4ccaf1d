"""The Host header: only names of ours, so that no page can have its own name point here."""

import pytest

from amiproxy.net.doors.http.hosts import AllowedHosts, host_of, is_address
from tests.net.doors.http.settings import with_
from tests.support.http_peer import HttpHouse

BOTH_LOOPS = True


def asking(host: str) -> bytes:
    return f"GET /echo HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "localhost:8089",
        "localhost:",
        "127.0.0.1",
        "[::1]",
        "[0:0:0:0:0:0:0:1]:1",
    ],
)
async def test_a_name_of_the_certificate_is_ours(house: HttpHouse, host: str) -> None:
    async with house.peer() as peer:
        assert (await peer.ask(asking(host))).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.2",
        "::1",
        "[::2]",
        "localhost:x",
        "localhost@evil.example",
        "evil.example#localhost",
        "local host",
        "l\xf6calhost",
        "localhost:999999",
    ],
)
async def test_any_other_host_is_refused(house: HttpHouse, host: str) -> None:
    async with house.peer() as peer:
        assert (await peer.ask(asking(host))).status == 421
        assert house.peers == []
        assert (await peer.get("/echo")).status == 200


@with_(names=("pbx.example.org", "*.dash.example", "192.0.2.1"))
async def test_configured_names_replace_those_of_the_certificate(house: HttpHouse) -> None:
    async with house.peer() as peer:
        for host, status in {
            "pbx.example.org": 200,
            "a.dash.example": 200,
            "192.0.2.1:8089": 200,
            "a.b.dash.example": 421,
            "dash.example": 421,
            "localhost": 421,
            "127.0.0.1": 421,
        }.items():
            assert (await peer.ask(asking(host))).status == status, host


async def test_names_follow_the_certificate_that_is_served(house: HttpHouse) -> None:
    async with house.peer() as peer:
        house.names = ("dns:new.example",)
        assert (await peer.ask(asking("new.example"))).status == 200
        assert (await peer.ask(asking("localhost"))).status == 421


async def test_a_program_on_this_machine_may_leave_out_the_host(house: HttpHouse) -> None:
    async with house.peer() as peer:
        assert (await peer.ask(b"GET /echo HTTP/1.1\r\n\r\n")).status == 200
        assert (await peer.ask(b"GET /echo HTTP/1.0\r\n\r\n")).status == 200


@with_(doors=("api", "ws"))
async def test_without_ajam_a_host_is_required(house: HttpHouse) -> None:
    async with house.peer() as peer:
        assert (await peer.ask(b"GET /echo HTTP/1.1\r\n\r\n")).status == 400
        assert (await peer.ask(asking(""))).status == 400


@with_(names=("localhost",))
async def test_with_configured_names_a_host_is_required(house: HttpHouse) -> None:
    async with house.peer() as peer:
        assert (await peer.ask(b"GET /echo HTTP/1.1\r\n\r\n")).status == 400


@with_(trusted_proxies=("127.0.0.0/8",))
async def test_clients_behind_a_proxy_must_send_a_host(house: HttpHouse) -> None:
    async with house.peer() as peer:
        asked = b"GET /echo HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
        assert (await peer.ask(asked)).status == 400


@with_(insecure_local=True)
async def test_a_plain_listener_is_reached_at_this_machines_own_names(house: HttpHouse) -> None:
    async with house.peer() as peer:
        for host, status in {
            "localhost": 200,
            "127.0.0.1:80": 200,
            "[::1]": 200,
            "evil.example": 421,
        }.items():
            assert (await peer.ask(asking(host))).status == status, host


def test_hosts_are_cut_from_their_ports() -> None:
    assert [host_of(text) for text in ("A.b:1", "[::1]:2", "a", "a.", "", ":1", "[::1", "a:b:c")] == [
        "a.b", "::1", "a", "a", "", "", "", "",
    ]  # fmt: skip
    assert is_address("::1")
    assert not is_address("localhost")


def test_without_any_names_this_machine_is_meant() -> None:
    hosts = AllowedHosts(tuple)
    assert hosts.has(b"localhost")
    assert not hosts.has(b"\xff")
