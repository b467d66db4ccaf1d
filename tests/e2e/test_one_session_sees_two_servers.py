"""A client of two servers: where its actions go, what it is sent, and what the fault of one server costs."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from amiproxy.tools.simulator import Settings, Simulator, User
from tests.support.ami_client import AmiClient, Message
from tests.support.ports import free_port
from tests.support.service import LIMITS, PASSWORDS, SECRET, USERS, Service
from tests.support.waiting import until

#: ``boss`` may use both servers, ``caller`` only the first, ``blind`` both but without a default.
BOTH: dict[str, dict[str, Any]] = {
    "boss": {**USERS["boss"], "servers": ["*"], "default_server": "pbx1"},
    "caller": {**USERS["caller"], "servers": ["pbx1"]},
    "blind": {**USERS["blind"], "servers": ["pbx1", "pbx2"]},
}


class Pair:
    """Two simulators, and the proxy before them."""

    def __init__(self, one: Simulator, two: Simulator, service: Service) -> None:
        self.servers = {"pbx1": one, "pbx2": two}
        self.service = service

    def say(self, server: str, event: str, classes: str = "call", **headers: str) -> None:
        """Have one server send an event."""
        lines = [f"Event: {event}", f"Privilege: {classes},all", *(f"{k}: {v}" for k, v in headers.items())]
        self.servers[server].broadcast(("\r\n".join(lines) + "\r\n\r\n").encode())

    def received(self, server: str, action: str) -> int:
        """How often a server was sent this action."""
        wanted = f"Action: {action}\r\n".encode()
        return sum(wanted in raw for raw in self.servers[server].received)


def settings(**ports: int) -> dict[str, Any]:
    """``servers`` of proxy.yaml."""
    return {
        name: {"host": "127.0.0.1", "port": port, "username": "proxy", "secret_file": "upstream.secret"}
        for name, port in ports.items()
    }


def service_at(directory: Path, **ports: int) -> Service:
    return Service(
        directory, ("", 0, "", SECRET), BOTH, limits=LIMITS, servers=settings(**ports), default_server="pbx1"
    )


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    users = [User("proxy", SECRET)]
    async with (
        Simulator(users, Settings(login_delay=0.0, system_name="one", seed=1)) as one,
        Simulator(
            users, Settings(login_delay=0.0, system_name="two", asterisk_version="16.28.0", seed=2)
        ) as two,
    ):
        service = service_at(tmp_path, pbx1=one.port, pbx2=two.port)
        try:
            await service.start_up()
            await service.linked(2)
            yield Pair(one, two, service)
        finally:
            service.kill()
            assert "Traceback" not in service.stderr, service.stderr


async def log_in(service: Service, user: str) -> AmiClient:
    """A session that has read what follows the answer to its login."""
    client = await service.client(user)
    if user == "boss":
        for name in ("pbx1", "pbx2"):
            await client.wait_event("FullyBooted", Server=name)
    return client


def servers_of(messages: list[Message]) -> list[str | None]:
    return [message.get("Server") for message in messages]


async def test_each_server_is_named_after_the_login_and_in_every_event(pair: Pair) -> None:
    async with await log_in(pair.service, "boss") as boss:
        for name in ("pbx2", "pbx1"):
            pair.say(name, "Newchannel", Channel="PJSIP/alice-00000001", Uniqueid="1.1")
            seen = await boss.wait_event("Newchannel")
            assert seen.headers[-1] == ("Server", name)
            assert seen.get("Uniqueid") == "1.1"


async def test_actions_go_where_their_header_says_and_nowhere_else(pair: Pair) -> None:
    async with await log_in(pair.service, "boss") as boss, await log_in(pair.service, "blind") as blind:
        for name, system in (("pbx1", "one"), ("pbx2", "two")):
            answer = await boss.action("CoreSettings", Server=name)
            assert answer.get("SystemName") == system
            assert answer.headers[-1] == ("Server", name)
        assert (await boss.action("CoreSettings")).get("SystemName") == "one"
        assert (await boss.action("Ping")).get("Server") is None
        assert (await boss.action("Ping", Server="PBX2")).headers[-1] == ("Server", "pbx2")
        assert (await blind.action("CoreStatus")).get("SystemName") is None  # pbx1 is the file's default
        refused = [
            await boss.action("CoreStatus", Server=server, ActionID="same") for server in ("pbx3", "nowhere")
        ]
        assert refused[0].raw == refused[1].raw
        assert refused[0].get("Message") == "No such server"
        several = await boss.action("CoreStatus", Server="*")
        assert several.get("Message") == "Not for several servers"


async def test_a_list_of_both_servers_is_one_list(pair: Pair) -> None:
    async with await log_in(pair.service, "boss") as boss:
        response, items, end = await boss.event_list("QueueStatus")
        assert response.get("Server") is None
        assert set(servers_of(items)) == {"pbx1", "pbx2"}
        assert end.get("Servers") == "pbx1, pbx2"
        assert end.get("ServersMissing") is None
        assert end.get("ListItems") == str(len(items))
        for name in ("pbx1", "pbx2"):
            _, own, own_end = await boss.event_list("QueueStatus", Server=name)
            assert servers_of(own) == [name] * len(own)
            assert own_end.headers[-1] == ("Server", name)
            assert [item.get("Queue") for item in own] == [
                item.get("Queue") for item in items if item.get("Server") == name
            ]


async def test_a_bound_session_beside_it_sees_one_server_without_its_name(pair: Pair) -> None:
    async with await pair.service.client("caller") as caller, await log_in(pair.service, "boss") as boss:
        for name in ("pbx2", "pbx1"):
            pair.say(name, "Newchannel", Channel=f"PJSIP/{name}-00000001")
            await boss.wait_event("Newchannel", Server=name)
        seen = await caller.wait_event("Newchannel")
        assert seen.get("Channel") == "PJSIP/pbx1-00000001"
        assert seen.get("Server") is None
        assert (await caller.action("QueueStatus")).get("Server") is None


async def test_a_call_is_made_at_one_server_and_its_outcome_bears_the_name(pair: Pair) -> None:
    async with await log_in(pair.service, "boss") as boss:
        call = {"Channel": "Local/600@default", "Application": "Wait", "Data": "1", "Server": "pbx2"}
        assert (await boss.action("Originate", Async="true", ActionID="async", **call)).get(
            "Server"
        ) == "pbx2"
        outcome = await boss.wait_event("OriginateResponse", ActionID="async")
        assert outcome.headers[-1] == ("Server", "pbx2")
        answer = await boss.action("Originate", **call)
        assert answer.headers[-1] == ("Server", "pbx2")
        assert pair.received("pbx1", "Originate") == 0


async def test_a_user_event_reaches_all_as_one_of_its_server(pair: Pair) -> None:
    async with await log_in(pair.service, "boss") as boss, await log_in(pair.service, "boss") as other:
        await boss.action("UserEvent", UserEvent="Note", Text="hi", Server="pbx2")
        for client in (boss, other):
            seen = await client.wait_event("UserEvent")
            assert (seen.get("Text"), seen.all("Server")) == ("hi", ["pbx2"])


async def test_filters_choose_servers(pair: Pair) -> None:
    async with await log_in(pair.service, "boss") as boss:
        await boss.action("Filter", Operation="Add", Filter="Server: pbx2")
        for name in ("pbx1", "pbx2"):
            pair.say(name, "Newchannel", Channel=f"PJSIP/{name}-00000001")
        assert (await boss.wait_event("Newchannel")).get("Server") == "pbx2"


async def test_proxy_servers_says_what_each_is(pair: Pair) -> None:
    async with await log_in(pair.service, "boss") as boss:
        _, items, _ = await boss.event_list("ProxyServers")
        facts = ("Server", "Status", "Version", "SystemName", "Default")
        assert [[item.get(fact) for fact in facts] for item in items] == [
            ["pbx1", "Up", "22.10.1", "one", "yes"],
            ["pbx2", "Up", "16.28.0", "two", "no"],
        ]


async def test_list_commands_is_the_union_of_both(pair: Pair) -> None:
    two = pair.servers["pbx2"]
    two.script("OnlyHere", lambda _: b"", classes="system")
    pair.say("pbx2", "Reload", "system", Module="x", Status="0")
    await two.until_received(b"Action: ListCommands", times=pair.received("pbx2", "ListCommands") + 1)
    async with await log_in(pair.service, "boss") as boss:
        await boss.action("Ping", Server="pbx2")  # whose Pong comes behind the list of actions

        async def offered(**server: str) -> bool:
            return (await boss.action("ListCommands", **server)).get("OnlyHere") is not None

        assert await offered()
        assert await offered(Server="pbx2")
        assert not await offered(Server="pbx1")


async def test_one_server_down_is_announced_at_once_and_does_not_affect_the_other(pair: Pair) -> None:
    async with await log_in(pair.service, "boss") as boss:
        port = pair.servers["pbx2"].port
        await pair.servers["pbx2"].stop()
        down = await boss.wait_event("ProxyUpstream")
        assert (down.get("Status"), down.get("Server")) == ("Down", "pbx2")
        refused = await boss.action("CoreStatus", Server="pbx2")
        assert refused.get("Message") == "Server pbx2 is not connected"
        assert (await boss.action("CoreStatus", Server="pbx1")).get("Response") == "Success"
        _, items, end = await boss.event_list("QueueStatus")
        assert set(servers_of(items)) == {"pbx1"}
        assert (end.get("Servers"), end.get("ServersMissing")) == ("pbx1", "pbx2")
        async with await pair.service.client("boss") as late:
            assert (await late.wait_event("ProxyUpstream", Status="Down")).get("Server") == "pbx2"
        await pair.servers["pbx2"].start(port=port)
        assert (await boss.wait_event("ProxyUpstream", Status="Up")).get("Server") == "pbx2"
        assert (await boss.wait_event("FullyBooted")).get("Server") == "pbx2"
        _, _, end = await boss.event_list("QueueStatus")
        assert end.get("Servers") == "pbx1, pbx2"


async def test_a_server_that_does_not_answer_delays_only_the_end_of_a_list(pair: Pair) -> None:
    pair.servers["pbx2"].faults.stall()
    async with await log_in(pair.service, "boss") as boss:
        asked = boss.send("QueueStatus")
        assert (await boss.response(asked)).get("EventList") == "start"
        pair.say("pbx1", "Newchannel", Channel="PJSIP/a-00000001")
        assert (await boss.wait_event("Newchannel")).get("Server") == "pbx1"
        async with await log_in(pair.service, "boss") as other:
            assert (await other.action("CoreStatus", Server="pbx1")).get("Response") == "Success"
        pair.servers["pbx2"].faults.resume()
        assert (await boss.wait_event("QueueStatusComplete")).get("Servers") == "pbx1, pbx2"


async def test_no_server_up_still_logs_in(tmp_path: Path) -> None:
    service = service_at(tmp_path, pbx1=free_port(), pbx2=free_port())
    try:
        await service.start_up()
        await until(lambda: service.stderr.count(" upstream-down ") >= 2, lambda: service.stderr[-2000:])
        async with await service.client("boss") as boss:
            downs = [await boss.wait_event("ProxyUpstream") for _ in range(2)]
            assert [(down.get("Status"), down.get("Server")) for down in downs] == [
                ("Down", "pbx1"),
                ("Down", "pbx2"),
            ]
            failed = await boss.action("CoreShowChannels")
            assert (failed.get("Message"), failed.get("ServersMissing")) == (
                "Server pbx1 is not connected",
                "pbx1, pbx2",
            )
            assert (await boss.action("Ping")).get("Ping") == "Pong"
    finally:
        service.kill()
        assert PASSWORDS["boss"] not in service.stderr
