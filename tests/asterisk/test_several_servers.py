"""One session of two real Asterisks, 16 and 22: its lists, actions and events, and published libraries."""

import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from amiproxy.ami.listqueries import LIST_QUERIES
from tests.asterisk.conftest import running
from tests.asterisk.door import LIMITS, SECRETS, USERS, Door
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.node import CLIENTS
from tests.asterisk.test_clients import run_client, task
from tests.support.ami_client import AmiClient, Message
from tests.support.proxy_process import ProxyProcess
from tests.support.tls_wrapper import tls_wrapped

#: Names that have nothing to do with each other's order: the second is the default server.
OLD, NEW = "pbx16", "pbx22"
#: What a list query needs to be answered at all.
ARGUMENTS = {
    "confbridgelist": {"Conference": "none"},
    "coreshowchannelmap": {"Channel": "none"},
    "mwiget": {"Mailbox": "/^1/"},
    "pjsipshowendpoint": {"Endpoint": "none"},
}


@pytest.fixture(scope="session")
def both(
    asterisk16: Asterisk, asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProxyProcess]:
    """The proxy before both; every user may use both."""
    servers = {
        name: {
            "host": asterisk.host,
            "port": asterisk.port,
            "username": asterisk.user,
            "secret_file": "upstream.secret",
        }
        for name, asterisk in ((OLD, asterisk16), (NEW, asterisk22))
    }
    users = {name: {**entry, "servers": ["*"]} for name, entry in USERS.items()}
    directory = tmp_path_factory.mktemp("both")
    proxy = ProxyProcess(
        directory, ("", 0, "", Asterisk.secret), users, limits=LIMITS, servers=servers, default_server=NEW
    )
    with running(proxy, Asterisk.secret):
        yield proxy


@pytest.fixture
async def client(both: ProxyProcess) -> AsyncIterator[AmiClient]:
    """A session of both, which has been told that both have booted."""
    async with await both.connect() as session:
        assert (await session.login("proxy", SECRETS["proxy"])).get("Response") == "Success"
        for name in (OLD, NEW):
            await session.wait_event("FullyBooted", Server=name)
        yield session


async def answer_to(client: AmiClient, action: str, **headers: str) -> list[Message]:
    """The whole answer to a list query: its response, or its response, items and last event."""
    action_id = client.send(action, **headers)
    answer = [await client.response(action_id)]
    if (answer[0].get("EventList") or "").lower() == "start":
        while answer[-1].get("EventList") not in {"Complete", "Cancelled"}:
            answer.append(await client.take(lambda m: m.event and m.get("ActionID") == action_id))
    return answer


def kinds(items: list[Message]) -> Counter[tuple[str | None, str | None]]:
    """How many items of each kind each server has sent."""
    return Counter((item.event, item.get("Server")) for item in items)


async def test_every_list_of_both_is_what_each_of_them_lists(client: AmiClient) -> None:
    merged_lists = 0
    for query in sorted(key.decode() for key in LIST_QUERIES):
        arguments = ARGUMENTS.get(query, {})
        each = {name: await answer_to(client, query, Server=name, **arguments) for name in (OLD, NEW)}
        merged = await answer_to(client, query, **arguments)
        lists = [name for name, answer in each.items() if len(answer) > 1]
        for name, answer in each.items():
            assert {message.get("Server") for message in answer} == {name}, (query, answer)
        if not lists:
            assert len(merged) == 1, (query, merged)
            assert merged[0].get("Response") == each[OLD][0].get("Response"), (query, merged, each)
            continue
        merged_lists += 1
        items = [item for name in lists for item in each[name][1:-1]]
        end = merged[-1]
        assert kinds(merged[1:-1]) == kinds(items), query
        assert end.event == each[lists[0]][-1].event, query
        assert end.get("ListItems") == str(
            sum(int(each[name][-1].get("ListItems") or 0) for name in lists)
        ), query
        named = [*(end.get("Servers") or "").split(", "), *(end.get("ServersMissing") or "").split(", ")]
        assert sorted(name for name in named if name) == [OLD, NEW], query
        assert set(lists) <= set((end.get("Servers") or "").split(", ")), query
    assert merged_lists >= 10


async def test_each_version_answers_for_itself(client: AmiClient) -> None:
    for name, version in ((OLD, "16."), (NEW, "22.")):
        settings = await client.action("CoreSettings", Server=name)
        assert (settings.get("AsteriskVersion") or "").startswith(version)
        assert settings.headers[-1] == ("Server", name)
    assert ((await client.action("CoreSettings")).get("AsteriskVersion") or "").startswith("22.")
    _, items, _ = await client.event_list("ProxyServers")
    assert [(item.get("Server"), item.get("Status"), (item.get("Version") or "")[:3]) for item in items] == [
        (OLD, "Up", "16."),
        (NEW, "Up", "22."),
    ]


async def test_the_output_of_a_command_is_the_servers_own(client: AmiClient) -> None:
    for name, version in ((OLD, "Asterisk 16"), (NEW, "Asterisk 22")):
        answer = await client.action("Command", Command="core show version", Server=name)
        assert [header for header, _ in answer.headers] == [
            "Response",
            "ActionID",
            "Message",
            "Output",
            "Server",
        ]
        assert (answer.get("Output") or "").startswith(version)


async def test_what_is_stored_at_one_server_is_not_at_the_other(client: AmiClient) -> None:
    put = await client.action("DBPut", Family="multi", Key="k", Val="v", Server=OLD)
    assert put.headers[-1] == ("Server", OLD)
    _, items, _ = await client.event_list("DBGet", Family="multi", Key="k", Server=OLD)
    assert [(item.get("Val"), item.get("Server")) for item in items] == [("v", OLD)]
    absent = await client.action("DBGet", Family="multi", Key="k", Server=NEW)
    assert (absent.get("Response"), absent.get("Server")) == ("Error", NEW)
    assert (await client.action("DBDel", Family="multi", Key="k", Server=OLD)).get("Response") == "Success"


@pytest.mark.parametrize("name", [OLD, NEW])
async def test_calls_are_made_at_the_server_that_is_named(client: AmiClient, name: str) -> None:
    call = {"Channel": f"Local/quick-{name}@lab/n", "Application": "Wait", "Data": "1", "Server": name}
    queued = await client.action("Originate", Async="true", ActionID="later", **call)
    assert queued.get("Server") == name
    outcome = await client.wait_event("OriginateResponse", ActionID="later")
    assert outcome.headers[-1] == ("Server", name)
    answered = await client.action("Originate", **{**call, "Channel": "Local/quick@lab/n"})
    assert (answered.get("Message"), answered.get("Server")) == ("Originate successfully queued", name)
    # The calls of the other server's test may end only now.
    hangup = await client.wait_event(
        "Hangup", lambda event: f"quick-{name}@lab" in (event.get("Channel") or "")
    )
    assert hangup.all("Server") == [name]


async def test_a_user_event_cannot_speak_for_the_other_server(
    client: AmiClient, asterisk16: Asterisk
) -> None:
    async with await AmiClient.connect(asterisk16.host, asterisk16.port) as inside:
        await inside.login("proxy", SECRETS["proxy"])
        await inside.action("UserEvent", ("SERVER", NEW), (" server ", NEW), UserEvent="Forged", Note="x")
    forged = await client.wait_event("UserEvent", UserEvent="Forged")
    assert [value for header, value in forged.headers if header.strip().lower() == "server"] == [OLD]
    assert forged.headers[-1] == ("Server", OLD)
    sent = await client.action("UserEvent", UserEvent="Honest", Server=OLD, Note="y")
    assert sent.get("Server") == OLD
    honest = await client.wait_event("UserEvent", UserEvent="Honest")
    assert honest.all("Server") == [OLD]


def without_server(story: Any) -> Any:
    """What a library has seen, without the names of servers."""
    if isinstance(story, dict):
        return {key: without_server(value) for key, value in story.items() if key.lower() != "server"}
    if isinstance(story, list):
        return [without_server(one) for one in story if not str(one).startswith("Server: ")]
    return story


@pytest.mark.parametrize("library", ["panoramisk", "pyst2"])
async def test_libraries_see_what_they_see_at_the_default_server(
    both: ProxyProcess, asterisk22: Asterisk, library: str
) -> None:
    command = [sys.executable, "-W", "ignore", str(CLIENTS / f"with_{library}.py")]
    door = Door(asterisk22, both)
    direct = await run_client(command, task(door, library))
    async with tls_wrapped("127.0.0.1", both.port, both.context) as port:
        seen = await run_client(command, task(door, library) | {"port": port})
    assert seen != direct, "nothing names a server"
    assert without_server(seen) == without_server(direct)
