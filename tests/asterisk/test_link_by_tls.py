"""The link by TLS: to Asterisk's own TLS port, and to another ami-proxy in front of Asterisk."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.asterisk.door import LIMITS, USERS, Door
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient
from tests.support.by_tls import EDGE, EDGE_ENTRY, before_another, upstream_by_tls
from tests.support.service import Service
from tests.support.waiting import until

Start = Callable[..., Service]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts proxies, each in a folder of its own; they must end well."""
    started: list[Service] = []

    def go(make: Callable[[Path], Service]) -> Service:
        folder = tmp_path / str(len(started))
        folder.mkdir(mode=0o700)
        service = make(folder)
        service.start()
        started.append(service)
        return service

    yield go
    try:
        for service in reversed(started):
            service.stop()
    finally:
        for service in started:
            service.kill()


def at_the_tls_port(asterisk: Asterisk, folder: Path, **users: object) -> Service:
    upstream = (asterisk.host, asterisk.tls_port, asterisk.user, asterisk.secret)
    service = Service(folder, upstream, {**USERS, **users}, limits=LIMITS)
    service.change(upstream=upstream_by_tls(asterisk.tls_port, asterisk.user, asterisk.cafile))
    return service


def at_the_plain_port(asterisk: Asterisk, folder: Path) -> Service:
    upstream = (asterisk.host, asterisk.port, asterisk.user, asterisk.secret)
    return Service(folder, upstream, {**USERS, EDGE: EDGE_ENTRY}, limits=LIMITS)


@pytest.fixture(params=["Asterisk's TLS port", "another proxy", "another proxy by Asterisk's TLS port"])
async def far(asterisk: Asterisk, start: Start, request: pytest.FixtureRequest) -> Door:
    """A door whose proxy reaches Asterisk by TLS."""
    if request.param == "Asterisk's TLS port":
        proxy = await asyncio.to_thread(start, lambda folder: at_the_tls_port(asterisk, folder))
    else:
        by_tls = "TLS port" in request.param
        inner = await asyncio.to_thread(
            start,
            lambda folder: (
                at_the_tls_port(asterisk, folder, **{EDGE: EDGE_ENTRY})
                if by_tls
                else at_the_plain_port(asterisk, folder)
            ),
        )
        await inner.linked()
        proxy = await asyncio.to_thread(
            start, lambda folder: before_another(inner, folder, USERS, limits=LIMITS)
        )
    await proxy.linked()
    assert " tls=TLSv1." in proxy.stderr
    return Door(asterisk, proxy)


async def ready(client: AmiClient) -> None:
    """Wait until actions are sent."""
    async with asyncio.timeout(30):
        while (await client.action("Getvar", Variable="LAB")).get("Value") != "1":
            await client.action("Ping")


async def test_actions_events_and_lists_are_the_same(far: Door, direct: Door) -> None:
    async with await far.login() as client, await direct.login() as watcher:
        await ready(client)
        for action, headers in {
            "CoreSettings": {},
            "Getvar": {"Variable": "LAB"},
            "QueueSummary": {},
            "DBGet": {"Family": "nobody", "Key": "nothing"},
            "Command": {"Command": "core show version"},
            "NoSuchAction": {},
        }.items():
            got = await client.action(action, **headers)
            wanted = await watcher.action(action, **headers)
            assert got.without("ActionID") == wanted.without("ActionID"), action
        _, items, complete = await client.event_list("ShowDialPlan")
        _, same, end = await watcher.event_list("ShowDialPlan")
        assert [item.without("ActionID") for item in items] == [item.without("ActionID") for item in same]
        assert complete.without("ActionID") == end.without("ActionID")


async def test_events_arrive_in_asterisks_order(far: Door, direct: Door) -> None:
    async with await far.login() as client, await direct.login() as watcher:
        await ready(client)
        for number in range(20):
            await client.action("UserEvent", ("Number", str(number)), UserEvent="Counted")
        for one in (client, watcher):
            numbers = [
                (await one.wait_event("UserEvent", UserEvent="Counted")).get("Number") for _ in range(20)
            ]
            assert numbers == [str(number) for number in range(20)]


async def test_an_originate_ends_with_its_own_answer(far: Door) -> None:
    async with await far.login() as client, await far.login() as other:
        await ready(client)
        answer = await client.action(
            "Originate",
            Channel="Local/answer@lab",
            Application="Wait",
            Data="1",
            Timeout="5000",
            Async="true",
        )
        assert answer.get("Message") == "Originate successfully queued"
        response = await client.wait_event("OriginateResponse", within=20)
        assert response.get("ActionID") == answer.get("ActionID")
        refused = await client.action(
            "Originate", Channel="Local/nobody@nowhere", Application="Wait", Data="1", Timeout="2000"
        )
        assert refused.get("Message") == "Originate failed"
        assert (await other.action("Ping")).get("Ping") == "Pong"


async def test_a_restart_of_asterisk_is_noticed_through_all_of_them(far: Door) -> None:
    assert isinstance(far.proxy, Service)
    async with await far.login() as client:
        await ready(client)
        try:
            await asyncio.to_thread(far.asterisk.stop)
            down = await client.wait_event("ProxyUpstream", within=30)
            assert down.get("Status") == "Down"
            assert (await client.action("CoreStatus")).get("Message") == "Upstream not connected"
        finally:
            await asyncio.to_thread(far.asterisk.start)
        up = await client.wait_event("ProxyUpstream", within=60)
        assert up.get("Status") == "Up"
        assert (await client.action("Getvar", Variable="LAB")).get("Value") == "1", "at once"
        statuses = [one.get("Status") for one in client.log if one.event == "ProxyUpstream"]
        assert statuses == ["Down", "Up"], "none of the other proxy's"


async def test_rights_are_those_of_the_outer_proxys_user(far: Door) -> None:
    async with await far.login("limited") as client, await far.login() as boss:
        await ready(boss)
        assert (await client.action("Command", Command="core show version")).get(
            "Message"
        ) == "Permission denied"
        await boss.action("UserEvent", UserEvent="Hidden")
        await boss.wait_event("UserEvent")
        await client.action("Ping")
        assert not [one for one in client.log if one.event == "UserEvent"]


async def test_a_wrong_secret_or_name_is_logged_with_the_reason(
    asterisk: Asterisk, start: Start, tmp_path: Path
) -> None:
    def wrong_secret(folder: Path) -> Service:
        service = at_the_tls_port(asterisk, folder)
        (folder / "upstream.secret").write_text("wrong\n")
        return service

    def wrong_name(folder: Path) -> Service:
        service = at_the_tls_port(asterisk, folder)
        named = upstream_by_tls(asterisk.tls_port, asterisk.user, asterisk.cafile, name="pbx.example.org")
        service.change(upstream=named)
        return service

    one = await asyncio.to_thread(start, wrong_secret)
    await one.said("Asterisk refused user 'proxy'")
    other = await asyncio.to_thread(start, wrong_name)
    await other.said("not valid for pbx.example.org")
    await until(lambda: other.stderr.count("upstream-down") >= 1)
    assert " upstream-up " not in other.stderr
