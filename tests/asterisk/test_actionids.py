"""An ActionID belongs to the client that chose it: byte for byte, even if others chose the same."""

import asyncio

import pytest

from tests.asterisk.door import Door


@pytest.mark.parametrize(
    "action_id", ["orig/1", "list:1", "1", "--spec_1--", "zażółć", "a b  c", "x" * 64, "0x7f\t", "a: b"]
)
async def test_an_action_id_comes_back_byte_for_byte(door: Door, action_id: str) -> None:
    async with await door.login() as client:
        assert (await client.action("CoreSettings", ActionID=action_id)).get("ActionID") == action_id


@pytest.mark.parametrize("length", [257, 1000])
async def test_a_long_action_id_comes_back_byte_for_byte(door: Door, length: int) -> None:
    # With an action that Asterisk answers whole: for some it keeps 150 or 256 bytes, where ours has all.
    async with await door.login() as client:
        answer = await client.action("UserEvent", UserEvent="Long", ActionID="y" * length)
        assert answer.get("Message") == "Event Sent"


async def test_an_answer_to_an_action_without_id_has_none(door: Door) -> None:
    async with await door.login() as client:
        for action in ("Ping", "CoreSettings", "QueueSummary", "NoSuchAction"):
            answer = await client.action(action, ActionID=None)
            assert answer.all("ActionID") == [], answer
        complete = await client.wait_event("QueueSummaryComplete")
        assert complete.all("ActionID") == []


async def test_two_clients_may_use_the_same_id_at_once(door: Door) -> None:
    async with await door.login() as one, await door.login() as two:
        for number in range(20):
            first, second = await asyncio.gather(
                one.action("DBPut", Family="lab", Key="one", Val=str(number), ActionID="same"),
                two.action("Getvar", Variable="LAB", ActionID="same"),
            )
            assert first.get("Message") == "Updated database successfully"
            assert second.get("Value") == "1"
        for client in (one, two):
            await client.action("Ping")
            assert not [message for message in client.inbox if message.is_response]


async def test_pipelined_actions_are_answered_in_order(door: Door) -> None:
    async with await door.login() as client:
        sent = [client.send("Getvar", Variable="LAB") for _ in range(30)]
        for action_id in sent:
            await client.response(action_id)
        answered = [message.get("ActionID") for message in client.log if message.is_response]
        assert answered[-30:] == sent


@pytest.mark.parametrize("action_id", ["--sender--", None])
async def test_a_user_event_carries_the_senders_id_to_all_readers(door: Door, action_id: str | None) -> None:
    async with await door.login() as sender, await door.login("lab-reader") as other:
        answer = await sender.action(
            "UserEvent", ("Colour", "blue"), ("Colour", "green"), UserEvent="Ids", ActionID=action_id
        )
        assert answer.get("Message") == "Event Sent"
        for client in (sender, other):
            event = await client.wait_event("UserEvent", UserEvent="Ids")
            assert event.all("ActionID") == ([action_id] if action_id else [])
            assert event.all("Colour") == ["blue", "green"]
            assert event.headers[:2] == [("Event", "UserEvent"), ("Privilege", "user,all")]


async def test_an_id_between_other_headers_stays_in_its_place(door: Door) -> None:
    async with await door.login() as sender, await door.login("lab-reader") as other:
        sender.send_raw(
            b"Action: UserEvent\r\nUserEvent: Place\r\nA: 1\r\nActionID: mid dle\r\nB: 2\r\nNoColon\r\n\r\n"
        )
        event = await other.wait_event("UserEvent", UserEvent="Place")
        assert event.without("Event", "Privilege", "SystemName", "UserEvent")[:3] == [
            ("A", "1"),
            ("ActionID", "mid dle"),
            ("B", "2"),
        ]
