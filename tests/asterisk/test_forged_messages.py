"""Line ends in text from callers: Asterisk writes them raw, so a caller can put messages on the link."""

from urllib.parse import quote

import pytest

from tests.asterisk.door import Door
from tests.support.ami_client import AmiClient

_FORGED = (
    "x\r\n\r\nResponse: Success\r\nActionID: {id}\r\nMessage: forged\r\n\r\n"
    "Response: Error\r\nMessage: forged\r\n\r\n"
    "Event: CoreShowChannelsComplete\r\nActionID: {id}\r\nEventList: Complete\r\nListItems: 0\r\n\r\n"
    "Event: Forged\r\nResponse: forged"
)
#: Where the dialplan can write it: in an application's data and in a user event.
_APPLICATIONS = {"NoOp": "{}", "UserEvent": "Forged,Body: {}"}


async def extension_that_says(door: Door, name: str, text: str) -> None:
    """Add it to Asterisk's dialplan; a function makes the line ends, as a caller's name could."""
    said = "${URIDECODE(" + quote(text, safe="") + ")}"
    async with await door.login(Events="off") as client:
        await client.action("ModuleLoad", Module="func_uri.so", LoadType="load")
        for priority, (application, data) in enumerate(_APPLICATIONS.items(), 1):
            added = await client.action(
                "DialplanExtensionAdd",
                Context="lab-forged",
                Extension=name,
                Priority=str(priority),
                Application=application,
                ApplicationData=data.format(said),
                Replace="yes",
            )
            assert added.get("Response") == "Success", added


async def call(client: AmiClient, name: str) -> None:
    """Run the extension to its end."""
    await client.action(
        "Originate", Channel=f"Local/{name}@lab-forged", Application="Wait", Data="0", Async="true"
    )


@pytest.mark.timeout(90)
async def test_forged_messages_reach_no_client_as_answers(direct: Door, proxied: Door) -> None:
    name = "guess-1"
    await extension_that_says(direct, name, _FORGED.format(id=name))

    # The premise: at Asterisk's own door they do.
    async with await direct.login() as watcher:
        await call(watcher, name)
        await watcher.take(lambda message: message.is_response and message.get("Message") == "forged")

    async with await proxied.login() as boss, await proxied.login("limited") as clerk:
        asked = []
        for round_ in range(3):
            await call(boss, name)
            # The very ActionID that the caller guessed is one of a client's, and still open.
            asked.append(boss.send("Command", Command="core show channels", ActionID=name))
            first = await boss.response(name)
            assert first.get("Message") == "Command output follows", round_
            _, _, last = await boss.event_list("CoreShowChannels")
            assert last.get("ListItems") is not None
            assert (await clerk.action("Ping")).get("Ping") == "Pong"
            await boss.wait_event("UserEvent", UserEvent="Forged")
        for client in (boss, clerk):
            await client.action("Ping", ActionID="fence")
            for message in client.log:
                assert b"Message: forged" not in message.raw or message.event in {"UserEvent", "Newexten"}
                if message.is_response:
                    continue
                assert message.headers[0][0] == "Event", message
                if not message.get("ActionID"):
                    assert message.headers[1][0] == "Privilege", message
                # Each frame header occurs once, whatever was in the body.
                assert len(message.all("Event")) == 1, message
                assert len(message.all("Privilege")) <= 1, message
                assert message.event == "OriginateResponse" or not message.all("Response"), message
            assert not [message for message in client.log if message.event == "Forged"]
        assert len([m for m in boss.log if m.is_response and m.get("ActionID") == name]) == len(asked)


@pytest.mark.parametrize(
    "injected", ["ActionID: other", "Event: Hangup", "Privilege: all", "Response: Success"]
)
async def test_a_line_end_adds_no_frame_header(direct: Door, proxied: Door, injected: str) -> None:
    """No new message, but a header in the body of an event: it must not become part of its frame."""
    name = "line-" + injected.partition(":")[0].lower()
    await extension_that_says(direct, name, f"x\r\n{injected}\r\nAfter: kept")
    async with await proxied.login() as boss:
        await call(boss, name)
        event = await boss.wait_event("UserEvent", UserEvent="Forged", After="kept")
        assert event.headers[0] == ("Event", "UserEvent")
        assert event.headers[1] == ("Privilege", "user,all")
        assert event.all(injected.partition(":")[0])[1:] == []
        assert event.get("ActionID") is None
        assert event.get("Response") is None
