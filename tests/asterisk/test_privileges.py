"""Which events each user sees and which actions it may run: classes to read and write, masks, filters."""

import asyncio

import pytest

from tests.asterisk.door import Door
from tests.support.ami_client import AmiClient


async def call(client: AmiClient, extension: str, name: str) -> None:
    """Place a call that ``client``, which has all rights, sees to its end."""
    channel = f"Local/{extension}@lab/n"
    answer = await client.action(
        "Originate", Channel=channel, Application="Wait", Data="9", Async="true", ActionID=name
    )
    assert answer.get("Response") == "Success", answer
    await client.wait_event("OriginateResponse", ActionID=name)
    await client.wait_event("Hangup", lambda event: extension in (event.get("Channel") or ""))


def names(client: AmiClient) -> set[str]:
    return {message.event for message in client.log if message.event}


async def test_an_event_needs_all_its_classes(door: Door) -> None:
    async with (
        await door.login() as everything,
        await door.login("limited") as limited,
        await door.login("lab-reader") as reader,
    ):
        await call(everything, "userevent", "classes")
        for client in (limited, reader):
            await client.wait_event("Hangup", lambda event: "userevent" in (event.get("Channel") or ""))
        # The proxy sends only some events a second about one address, and the tests before this one log in
        # from it quickly.
        while "SuccessfulAuth" not in names(everything):
            await asyncio.sleep(0.5)
            async with await door.login("limited"):
                await everything.action("Ping")
        # All events have arrived: later ones come after this answer.
        for client in (everything, limited, reader):
            await client.action("Ping")
        assert {"Newchannel", "Newexten", "UserEvent", "FullyBooted", "SuccessfulAuth"} <= names(everything)
        assert "Newchannel" in names(limited)
        assert not {"VarSet", "Newexten", "UserEvent", "FullyBooted", "SuccessfulAuth"} & names(limited)
        assert {"Newchannel", "UserEvent", "FullyBooted"} <= names(reader)
        assert not {"VarSet", "Newexten", "SuccessfulAuth"} & names(reader)


@pytest.mark.parametrize(
    ("user", "action", "headers", "message"),
    [
        ("proxy", "CoreStatus", {}, None),
        ("limited", "CoreStatus", {}, "Permission denied"),
        ("lab-reader", "CoreStatus", {}, None),
        ("limited", "Getvar", {"Variable": "LAB"}, None),
        ("lab-originate", "Getvar", {"Variable": "LAB"}, "Permission denied"),
        ("limited", "Command", {"Command": "core show version"}, "Permission denied"),
        ("limited", "UserEvent", {"UserEvent": "Denied"}, "Permission denied"),
        ("limited", "Originate", {"Channel": "Local/answer@lab"}, "Permission denied"),
        ("limited", "Filter", {"Operation": "Add", "Filter": "x"}, "Permission denied"),
        ("limited", "GetConfig", {"Filename": "manager.conf"}, "Permission denied"),
        ("lab-reader", "Setvar", {"Variable": "LAB", "Value": "2"}, "Permission denied"),
        ("lab-reader", "Hangup", {"Channel": "Local/x"}, "Permission denied"),
        ("limited", "Hangup", {"Channel": "Local/x"}, "No such channel"),
        ("lab-originate", "Originate", {"Channel": ""}, "Channel not specified"),
        (
            "lab-originate",
            "NoSuchAction",
            {},
            "Invalid/unknown command: NoSuchAction. Use Action: ListCommands to show available commands.",
        ),
    ],
)
async def test_an_action_needs_any_of_its_classes(
    door: Door, user: str, action: str, headers: dict[str, str], message: str | None
) -> None:
    async with await door.login(user) as client:
        answer = await client.action(action, **headers)
        assert answer.get("Message") == message
        assert answer.get("Response") == ("Error" if message else "Success")
        assert (await client.action("Ping")).get("Ping") == "Pong"


async def test_actions_without_a_class_need_a_login(door: Door) -> None:
    async with await door.connect() as client:
        assert (await client.action("CoreStatus")).get("Message") == "Permission denied"
        assert (await client.action("Ping")).get("Message") == "Permission denied"
        assert (await client.action("NoSuchAction")).get("Message") == "Permission denied"


async def test_a_users_event_filter_applies(door: Door) -> None:
    async with await door.login() as sender, await door.login("lab-filtered") as filtered:
        for name in ("Open", "SecretOne", "Last"):
            await sender.action("UserEvent", UserEvent=name)
        await call(sender, "answer", "filter")
        await sender.action("UserEvent", UserEvent="Closing")
        await filtered.wait_event("UserEvent", UserEvent="Closing")
        seen = [message.get("UserEvent") for message in filtered.log if message.event == "UserEvent"]
        assert seen == ["Open", "Last", "Closing"]
        assert names(filtered) <= {"UserEvent", "FullyBooted"}


async def test_a_sessions_own_filter_applies(door: Door) -> None:
    async with await door.login() as client:
        answer = await client.action("Filter", Operation="Add", Filter="UserEvent: (Wanted|Closing)")
        assert answer.get("Message") == "Success"
        for name in ("Unwanted", "Wanted", "Closing"):
            await client.action("UserEvent", UserEvent=name)
        await client.wait_event("UserEvent", UserEvent="Closing")
        seen = [message.get("UserEvent") for message in client.log if message.event == "UserEvent"]
        assert seen == ["Wanted", "Closing"]


async def test_the_event_mask_only_narrows(door: Door) -> None:
    async with await door.login() as sender, await door.login("lab-reader", Events="user") as client:
        assert (await client.action("Events", EventMask="off")).get("Events") == "Off"
        await sender.action("UserEvent", UserEvent="Unseen")
        await sender.wait_event("UserEvent", UserEvent="Unseen")  # it may come after the answer
        assert (await client.action("Events", EventMask="user,dialplan")).get("Events") == "On"
        await call(sender, "answer", "mask")
        await sender.action("UserEvent", UserEvent="Seen")
        await client.wait_event("UserEvent", UserEvent="Seen")
        assert names(client) == {"UserEvent"}
        assert len([message for message in client.log if message.event]) == 1


async def test_list_commands_lists_the_actions_that_the_user_may_run(door: Door) -> None:
    async with await door.login("lab-originate") as client:
        answer = await client.action("ListCommands")
        listed = dict(answer.headers)
        assert "(Priv: originate,all)" in listed["Originate"]
        assert "(Priv: <none>)" in listed["Ping"]
        assert not {"Command", "Getvar", "CoreStatus"} & listed.keys()
