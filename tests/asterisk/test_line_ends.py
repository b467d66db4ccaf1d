"""Line ends in values that Asterisk writes raw: they open no other user's call and end no other's list."""

import asyncio
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.asterisk.door import LIMITS, Door
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient, Message
from tests.support.proxy_process import ProxyProcess, hashed

_SCOPED = {
    "secret": hashed("scoped"),
    "read": "all",
    "write": ["reporting"],
    "scope": {"channels": ["Local/mine-*@lab-forged"]},
}
_BOSS = {"secret": hashed("boss"), "read": "all", "write": "all"}


@pytest.fixture(scope="module")
def proxy(asterisk: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    """A proxy in front of this Asterisk, with a user that may see only the calls of ``mine-…``."""
    upstream = (asterisk.host, asterisk.port, asterisk.user, asterisk.secret)
    users = {"scoped": _SCOPED, "boss": _BOSS}
    process = ProxyProcess(tmp_path_factory.mktemp("scoped"), upstream, users, limits=LIMITS)
    process.start(linked=True)
    try:
        yield process
        process.stop()
    finally:
        process.kill()


async def _login(proxy: ProxyProcess, user: str) -> AmiClient:
    client = await proxy.connect()
    answer = await client.login(user, user)
    assert answer.get("Message") == "Authentication accepted", answer
    return client


def _said(text: str) -> str:
    """A dialplan expression that gives the text, line ends included."""
    return "${URIDECODE(" + quote(text, safe="") + ")}"


async def _extension(door: Door, name: str, *steps: tuple[str, str]) -> None:
    """Add an extension to Asterisk's dialplan."""
    async with await door.login(Events="off") as client:
        for module in ("func_uri.so", "app_celgenuserevent.so"):
            await client.action("ModuleLoad", Module=module, LoadType="load")
        for priority, (application, data) in enumerate(steps, 1):
            added = await client.action(
                "DialplanExtensionAdd",
                Context="lab-forged",
                Extension=name,
                Priority=str(priority),
                Application=application,
                ApplicationData=data,
                Replace="yes",
            )
            assert added.get("Response") == "Success", added


# -- to which call an event belongs


#: Where a caller's text (``%``) ends up, and the headers that it forges; ``{id}`` is the other call's.
_UP = [("Answer", ""), ("Wait", "1")]
_IN_EVENTS = {
    "cdr-account": ("Cdr", [("Set", "CHANNEL(accountcode)=%"), *_UP], "UniqueID: {id}"),
    "cdr-data": ("Cdr", [*_UP, ("NoOp", "%")], "uniqueid: {id}\r\nChannel: Local/mine-x@lab-forged-1"),
    "cdr-field": ("Cdr", [("Set", "CDR(userfield)=%"), *_UP], "UniqueID: {id}\r\nLinkedid: {id}"),
    "cel": ("CEL", [("Set", "CHANNEL(accountcode)=%"), *_UP], "UniqueID: {id}\r\nLinkedID: {id}"),
    "newexten": ("Newexten", [*_UP, ("NoOp", "%")], "Uniqueid: {id}\r\nLinkedid: {id}"),
    "callerid": ("NewCallerid", [("Set", "CALLERID(num)=%"), *_UP], "Uniqueid: {id}\r\nLinkedid: {id}"),
    "language": ("Newstate", [("Set", "CHANNEL(language)=%"), *_UP], "Uniqueid: {id}"),
    "dial": (
        "DialBegin",
        [*_UP, ("Set", "CALLERID(num)=%"), ("Dial", "Local/answer@lab/n,2")],
        "DestUniqueid: {id}\r\nDestLinkedid: {id}",
    ),
}


@pytest.mark.timeout(90)
@pytest.mark.parametrize("way", _IN_EVENTS)
async def test_they_show_no_other_call(direct: Door, proxy: ProxyProcess, way: str) -> None:
    event, steps, forged = _IN_EVENTS[way]
    theirs, mine = f"their-{way}", f"mine-{way}"
    text = _said("x\r\n" + forged.format(id=theirs))
    await _extension(direct, mine, *((app, data.replace("%", text)) for app, data in steps))

    async with (
        await direct.login() as watcher,
        await _login(proxy, "boss") as boss,
        await _login(proxy, "scoped") as scoped,
    ):
        # The other call, with a number that the caller has guessed; its first events are kept.
        await boss.action(
            "Originate",
            Channel="Local/wait5-theirs@lab/n",
            Application="Wait",
            Data="5",
            Async="true",
            ChannelId=theirs,
            OtherChannelId=f"{theirs}-2",
        )
        await boss.wait_event("Newstate", Uniqueid=theirs)
        await boss.action(
            "Originate",
            Channel=f"Local/{mine}@lab-forged/n",
            Application="Wait",
            Data="4",
            Async="true",
            ChannelId=mine,
            OtherChannelId=f"{mine}-2",
        )

        def is_forged(message: Message) -> bool:
            return message.event == event and all(id_.encode() in message.raw for id_ in (mine, theirs))

        # The premise: Asterisk writes the forged header into an event about the caller's own call.
        for reader in (watcher, boss):
            await reader.take(is_forged, "the forged event")
        await boss.take(
            lambda m: m.event == "Hangup" and f"\r\nUniqueid: {mine}-2\r\n".encode() in m.raw, "the hangup"
        )
        await asyncio.sleep(0.3)
        await boss.action("Hangup", Channel="/^Local.wait5-theirs@/")
        await boss.wait_event("Hangup", Uniqueid=theirs)
        await scoped.action("Ping")
        await asyncio.sleep(0.3)
        shown = [m for m in scoped.log if b"wait5-theirs@" in m.raw]
        assert not shown, shown
        # To show that events are delivered at all.
        await scoped.wait_event("Newchannel", lambda m: mine in (m.get("Channel") or ""))


# -- which messages belong to a list

_END = "ActionID: L\r\nEventList: Complete\r\nListItems: 0"
_IN_LISTS = {
    "channels": ("CoreShowChannels", {}, "ApplicationData", _END),
    "status": ("Status", {"Variables": "FORGED"}, "Variable", _END),
    "database": ("DBGetTree", {"Family": "forged"}, "Val", _END),
    "queue": ("QueueStatus", {"Queue": "lab-queue"}, "Name", _END),
    "lower": ("CoreShowChannels", {}, "ApplicationData", _END.lower() + "\r\n\teventlist: complete"),
    # A blank line ends the item: the text after it is a message that the caller made.
    "foreign": (
        "CoreShowChannels",
        {},
        "ApplicationData",
        "Foreign: 1\r\n\r\nEvent: CoreShowChannel\r\nChannel: foreign\r\nX: 1",
    ),
}


@pytest.mark.timeout(90)
@pytest.mark.parametrize("way", _IN_LISTS)
async def test_they_end_no_list_and_add_nothing_to_it(direct: Door, proxied: Door, way: str) -> None:
    action, headers, place, forged = _IN_LISTS[way]
    name = f"list-{way}"
    text = _said(f"x\r\n{forged}")
    await _extension(
        direct,
        name,
        ("Set", f"DB(forged/{name})={text}"),
        ("Set", f"FORGED={text}"),
        ("AddQueueMember", f"lab-queue,Local/{name}@lab,,,{text}"),
        ("Answer", ""),
        ("Echo", text),
    )
    async with await direct.login() as maker:
        await maker.action(
            "Originate", Channel=f"Local/{name}@lab-forged/n", Application="Wait", Data="9", Async="true"
        )
        await maker.wait_event("Newexten", Application="Echo")
        try:
            raw = await _list(direct, action, headers)
            # The premise: at Asterisk's own door they are in the answer.
            forgeries = [line for line in forged.encode().split(b"\r\n") if b":" in line]
            assert sum(raw.count(b"\r\n" + line + b"\r\n") for line in forgeries) > 3, raw
            messages = [
                Message(part + b"\r\n\r\n")
                for part in (await _list(proxied, action, headers)).split(b"\r\n\r\n")
                if part
            ]
        finally:
            await maker.action("Command", Command=f"queue remove member Local/{name}@lab from lab-queue")
            await maker.action("DBDelTree", Family="forged")
            await maker.action("Hangup", Channel=f"/^Local.{name}@/")
    first, *items, last = messages
    assert (first.get("EventList"), last.get("EventList")) == ("start", "Complete")
    assert last.event == f"{action}Complete"
    assert any(item.get(place) == "x" or (item.get(place) or "").endswith("=x") for item in items), items
    for message in messages:
        assert message.all("ActionID") == ["L"], message
        assert len(message.all("Event")) + len(message.all("Response")) == 1, message
        assert message in {first, last} or b"eventlist" not in message.raw.lower(), message
    assert not [item for item in items if item.get("Channel") == "foreign"]


async def _list(door: Door, action: str, headers: dict[str, str]) -> bytes:
    """The messages that the asker gets for its list, to the real end."""
    async with await door.login(Events="off") as asker:
        begun = len(asker.log)
        asker.send(action, ActionID="L", **headers)
        asker.send("Ping", ActionID="fence")
        await asker.response("fence")
        return b"".join(message.raw for message in asker.log[begun:-1])
