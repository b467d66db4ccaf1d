"""Attacks without a trap in tests.attack: recognised by the state they leave in Asterisk, at both doors."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest

from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.attack.attackers import SECRET
from tests.attack.target import Target
from tests.support.ami_client import AmiClient, Message
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.requirements import give_up

Way = Callable[[AmiClient, Target], Awaitable[object]]


async def direct(target: Target, who: str) -> AmiClient:
    client = await AmiClient.connect(target.asterisk.host, target.asterisk.port)
    await client.login(who, SECRET)
    return client


async def proxied(proxy: ProxyProcess, who: str) -> AmiClient:
    client = await proxy.connect()
    await client.login(who, SECRET)
    return client


# Text that app_queue stores in the database, and reads back when it is loaded again.

EXTRA = "|Local/s@secret;0;0;x"
MEMBER = {"Queue": "attack", "Interface": "Local/own@own/n"}


async def name(client: AmiClient, _: Target) -> Message:
    return await client.action("QueueAdd", **MEMBER, MemberName=f"x;;;{EXTRA}")


async def reason(client: AmiClient, _: Target) -> Message:
    await client.action("QueueAdd", **MEMBER, MemberName="x")
    return await client.action("QueuePause", **MEMBER, Paused="1", Reason=f"x;{EXTRA}")


async def state(client: AmiClient, _: Target) -> Message:
    return await client.action("QueueAdd", **MEMBER, MemberName="x", StateInterface=f"Local/own@own;;{EXTRA}")


async def interface(client: AmiClient, _: Target) -> Message:
    return await client.action("QueueAdd", Queue="attack", Interface=f"Local/own@own/n;0;0;x;;{EXTRA}")


async def stored(target: Target) -> list[str]:
    """Members that lead to the secret context once the module is loaded again."""
    target.asterisk.cli("module unload app_queue.so")
    target.asterisk.cli("module load app_queue.so")
    _, items, _ = await target.admin.event_list("QueueStatus", Queue="attack")
    locations = [item.get("Location") or item.get("Name") or "" for item in items]
    for place in {*locations, MEMBER["Interface"]} - {"attack", "Local/member@own/n"}:
        await target.admin.action("QueueRemove", Queue="attack", Interface=place)
    target.asterisk.cli("database deltree Queue/PersistentMembers")
    target.asterisk.cli("module unload app_queue.so")
    target.asterisk.cli("module load app_queue.so")
    return [place for place in locations if "secret" in place]


@pytest.mark.parametrize("way", [name, reason, state, interface], ids=lambda way: way.__name__)
async def test_a_members_record_contains_no_other_member(
    target: Target, attacked: tuple[Target, ProxyProcess], way: Way
) -> None:
    async with await direct(target, "in-contexts") as client:
        await way(client, target)
    assert await stored(target), "the way is not open at all: this proves nothing"
    async with await proxied(attacked[1], "in-contexts") as client:
        await way(client, target)
    assert await stored(target) == []


# A channel that Asterisk finds by a prefix of its name.


async def bridged_first(client: AmiClient, target: Target) -> Message:
    mine, _ = await target.call("own", "own")
    return await client.action("Bridge", Channel1="Local/own@owner", Channel2=mine)


async def bridged_second(client: AmiClient, target: Target) -> Message:
    mine, _ = await target.call("own", "own")
    return await client.action("Bridge", Channel1=mine, Channel2="Local/own@owner")


async def bridged_shorter(client: AmiClient, target: Target) -> Message:
    mine, _ = await target.call("own", "own")
    return await client.action("Bridge", Channel1=mine, Channel2="Local/own@owners")


@pytest.mark.parametrize(
    "way", [bridged_first, bridged_second, bridged_shorter], ids=lambda way: way.__name__
)
async def test_a_prefix_reaches_no_other_users_call(
    target: Target, attacked: tuple[Target, ProxyProcess], way: Way
) -> None:
    async def taken(client: AmiClient, within: float) -> str:
        """The bridge in which the other's call is afterwards."""
        halves = await target.call("own", "owners-of-theirs")
        await way(client, target)
        peer, give_up_at = "", time.monotonic() + within
        while not peer and time.monotonic() < give_up_at:
            await asyncio.sleep(0.05)
            for half in halves:  # Asterisk may choose either
                found = await target.admin.action("Getvar", Channel=half, Variable="BRIDGEPEER")
                peer = peer or found.get("Value") or ""
        return peer

    async with await direct(target, "in-prefix") as client:
        assert await taken(client, 20), "the way is not open at all: this proves nothing"
    await target.restore()
    async with await proxied(attacked[1], "in-prefix") as client:
        assert await taken(client, 0.5) == ""


# Second names of an argument that a rule is about: the rule applies to them.


class Ruled(NamedTuple):
    action: str
    headers: dict[str, str]
    effect: str


RULED = [
    Ruled("MessageSend", {"To": "pjsip:200", "Destination": "pjsip:200/sip:x@127.0.0.1:{udp}"}, "connection"),
    Ruled("MessageSend", {"Destination": "pjsip:200/sip:x@127.0.0.1:{udp}", "To": "pjsip:200"}, "connection"),
    Ruled("Park", {"Channel": "{own}", "Channel2": "Local/s@secret-0", "Timeout": "200"}, "secret"),
    Ruled(
        "Park",
        {"Channel": "{own}", "TimeoutChannel": "", "channel2": "Local/s@secret-0", "Timeout": "200"},
        "secret",
    ),
]


@pytest.mark.parametrize("ruled", RULED, ids=lambda ruled: f"{ruled.action}-{'-'.join(ruled.headers)}")
async def test_a_rule_applies_to_every_name_of_its_argument(
    target: Target, attacked: tuple[Target, ProxyProcess], ruled: Ruled
) -> None:
    async def effects(client: AmiClient, wanted: str = "") -> dict[str, str]:
        """The effects after a while, or as soon as the wanted one is there, which may take longer."""
        own, _ = await target.call()
        values = {"own": own, "udp": str(target.ports.udp)}
        headers = {name: value.format_map(values) for name, value in ruled.headers.items()}
        await client.action(
            ruled.action, **headers, **({"Body": "x"} if ruled.action == "MessageSend" else {})
        )
        give_up_at = time.monotonic() + (10 if wanted else 1.6)
        found: dict[str, str] = {}
        while time.monotonic() < give_up_at and wanted not in found:
            await asyncio.sleep(0.05)
            found |= await target.tripped()
        return found

    async with await direct(target, "ruled") as client:
        assert ruled.effect in await effects(client, ruled.effect), (
            "the way is not open at all: this proves nothing"
        )
    target.renew_ports()
    await target.restore()
    async with await proxied(attacked[1], "ruled") as client:
        assert await effects(client) == {}


# Words, and omitted values, that mean everything.  Each attempt waits this long for its effect.


async def becomes(condition: Callable[[], bool], within: float) -> bool:
    give_up_at = time.monotonic() + within
    while time.monotonic() < give_up_at:
        if condition():
            return True
        await asyncio.sleep(0.02)
    return condition()


async def rotated(client: AmiClient, target: Target, within: float) -> bool:
    """All logs are rotated, so that their contents are soon gone."""
    logs = target.asterisk.directory / "log"
    before = set(logs.iterdir())
    await client.action("LoggerRotate")
    return await becomes(lambda: set(logs.iterdir()) != before, within)


async def database_is_read(client: AmiClient, _: Target, within: float) -> bool:
    """The whole database is read."""
    action_id = client.send("DBGetTree")
    answer = await client.response(action_id)

    def is_there() -> bool:
        return any(message.get("Key") == "/victim/key" for message in client.inbox)

    return answer.get("Response") == "Success" and await becomes(is_there, within)


async def ended(client: AmiClient, target: Target, within: float) -> bool:
    """Every call ends."""
    await client.action("PJSIPHangup", Channel="/.*/")
    await client.action("Hangup", Channel="/.*/")
    give_up_at = time.monotonic() + within
    while time.monotonic() < give_up_at:
        if target.neighbour not in await target.channels():
            return True
        await asyncio.sleep(0.02)
    return target.neighbour not in await target.channels()


@pytest.mark.parametrize(
    ("who", "way"),
    [("class-reporting", rotated), ("class-reporting", database_is_read), ("class-call", ended)],
    ids=lambda value: getattr(value, "__name__", value),
)
async def test_an_omitted_value_does_not_mean_everything(
    target: Target,
    attacked: tuple[Target, ProxyProcess],
    who: str,
    way: Callable[[AmiClient, Target, float], Awaitable[bool]],
) -> None:
    async with await direct(target, who) as client:
        assert await way(client, target, 10), "the way is not open at all: this proves nothing"
    await target.restore()
    async with await proxied(attacked[1], who) as client:
        assert not await way(client, target, 0.3)


async def test_a_wildcard_for_the_slash_reads_no_key_of_asterisks_own(
    target: Target, attacked: tuple[Target, ProxyProcess]
) -> None:
    async def read(client: AmiClient) -> list[str | None]:
        answer = await client.action("DBGetTree", Family="dundi_secret")
        if answer.get("Response") == "Success":
            await client.wait_event("DBGetTreeComplete")
        return [message.get("Val") for message in client.log if message.event == "DBGetTreeResponse"]

    await target.admin.action("DBPut", Family="dundi", Key="secret", Val="a key")
    async with await direct(target, "class-reporting") as client:
        assert await read(client) == ["a key"], "the way is not open at all: this proves nothing"
    async with await proxied(attacked[1], "class-reporting") as client:
        assert await read(client) == []


# An argument that crashes Asterisk itself: with a throw-away instance.


@pytest.mark.timeout(120)
@pytest.mark.parametrize("announced", ["Local/none@nowhere-00000001;1", "x", "1690000000.1"])
async def test_a_channel_to_announce_to_cannot_crash_asterisk(
    tmp_path_factory: pytest.TempPathFactory, announced: str
) -> None:
    try:
        asterisk = Asterisk("sid", manager_extra=f"\n[caller]\nsecret = {SECRET}\nread =\nwrite = call\n")
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    link = (asterisk.host, asterisk.port, asterisk.user, asterisk.secret)
    users = {"caller": {"secret": hashed(SECRET), "read": [], "write": ["call"]}}
    proxy = ProxyProcess(tmp_path_factory.mktemp("crash"), link, users)

    async def park(client: AmiClient) -> str | None:
        """The answer to a parking; empty if Asterisk is gone."""
        async with await AmiClient.connect(asterisk.host, asterisk.port) as admin:
            await admin.login(asterisk.user, asterisk.secret, Events="call")
            await admin.action(
                "Originate", Channel="Local/wait9@lab/n", Application="Wait", Data="9", Async="true"
            )
            found = await admin.wait_event("Newchannel")
            await client.login("caller", SECRET)
            try:
                answer = await client.action(
                    "Park", Channel=found.get("Channel"), AnnounceChannel=announced, within=5
                )
            except (ConnectionError, TimeoutError):
                return None
            return answer.get("Message")

    def is_gone() -> bool:
        give_up_at = time.monotonic() + 20
        while asterisk.is_running and time.monotonic() < give_up_at:
            time.sleep(0.05)
        return not asterisk.is_running

    try:
        await asyncio.to_thread(asterisk.start)
        proxy.start(linked=True)
        async with await proxy.connect() as client:
            assert await park(client) == "Park successful"
            await asyncio.sleep(0.3)
            assert asterisk.is_running
        async with await AmiClient.connect(asterisk.host, asterisk.port) as client:
            await park(client)
            assert await asyncio.to_thread(is_gone), "the way is not open at all: this proves nothing"
    finally:
        proxy.kill()
        asterisk.remove()


@pytest.mark.timeout(120)
async def test_a_function_that_needs_a_channel_cannot_crash_asterisk(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Asterisk lends it a channel without a driver, whose name it reads."""
    try:
        asterisk = Asterisk("sid", manager_extra=f"\n[caller]\nsecret = {SECRET}\nread =\nwrite = call\n")
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    link = (asterisk.host, asterisk.port, asterisk.user, asterisk.secret)
    users = {"caller": {"secret": hashed(SECRET), "read": [], "write": ["call"]}}
    proxy = ProxyProcess(tmp_path_factory.mktemp("crash"), link, users)
    try:
        await asyncio.to_thread(asterisk.start)
        proxy.start(linked=True)
        async with await proxy.connect() as client:
            await client.login("caller", SECRET)
            answer = await client.action("Getvar", Variable="CHANNEL(channeltype)")
            assert answer.get("Message") == "GetVar Access Forbidden: Variable"
            answer = await client.action("Getvar", Variable="LAB")
            assert answer.get("Response") == "Success"
        async with await AmiClient.connect(asterisk.host, asterisk.port) as client:
            await client.login("caller", SECRET)
            with pytest.raises(ConnectionError):
                await client.action("Getvar", Variable="CHANNEL(channeltype)")
    finally:
        proxy.kill()
        asterisk.remove()
