"""Event lists with channels up: whole, in order, to their asker only, whatever it may read."""

import asyncio

from tests.asterisk.door import Door


async def test_the_channels_that_are_up_are_listed(door: Door) -> None:
    async with await door.login() as maker, await door.login("lab-reader") as asker:
        await asker.action("Events", EventMask="off")
        for name in ("one", "two"):
            channel = f"Local/wait9-{name}@lab/n"
            await maker.action("Originate", Channel=channel, Application="Wait", Data="9", Timeout="5000")
        response, items, complete = await asker.event_list("CoreShowChannels", ActionID="list:1")
        assert response.headers == [
            ("Response", "Success"),
            ("ActionID", "list:1"),
            ("EventList", "start"),
            ("Message", "Channels will follow"),
        ]
        channels = [item.get("Channel") or "" for item in items]
        assert [sum(f"wait9-{name}@" in channel for channel in channels) for name in ("one", "two")] == [2, 2]
        assert {item.get("Privilege") for item in items} == {None}
        assert complete.get("ListItems") == str(len(items))
        assert not [message for message in maker.log if message.event == "CoreShowChannel"]
        _, (hungup, *_), _ = await maker.event_list("Hangup", Channel="/^Local\\/wait9-(one|two)@/")
        assert hungup.event == "ChannelHungup"


async def test_three_lists_at_once_from_two_sessions_stay_apart(door: Door) -> None:
    async with await door.login() as one, await door.login() as two:
        (_, first, _), (_, second, _), (_, third, _) = await asyncio.gather(
            one.event_list("QueueStatus", ActionID="same"),
            one.event_list("DeviceStateList", ActionID="other"),
            two.event_list("ShowDialPlan", ActionID="same"),
        )
        assert {item.event for item in first} == {"QueueParams", "QueueMember"}
        assert {item.event for item in second} <= {"DeviceStateChange"}
        assert {item.event for item in third} == {"ListDialplan"}
        assert not one.received
        assert not two.received


async def test_an_empty_list_has_an_end(door: Door) -> None:
    async with await door.login() as client:
        _, items, complete = await client.event_list("ParkedCalls")
        assert items == []
        assert complete.event == "ParkedCallsComplete"


async def test_twenty_clients_that_ask_again_and_again_each_get_whole_lists(door: Door) -> None:
    async with await door.login() as maker:
        channel = "Local/wait9-polled@lab/n"
        await maker.action("Originate", Channel=channel, Application="Wait", Data="9", Timeout="5000")
        pollers = [await door.login(Events="off") for _ in range(20)]

        async def poll(number: int) -> None:
            for turn in range(5):
                name = ("CoreShowChannels", "QueueStatus")[turn % 2]
                action_id = f"{number}/{turn}"
                response, items, complete = await pollers[number].event_list(name, ActionID=action_id)
                assert {m.get("ActionID") for m in (response, *items, complete)} == {action_id}
                assert complete.get("ListItems") == str(len(items))
                if name == "CoreShowChannels":
                    assert sum("wait9-polled@" in (item.get("Channel") or "") for item in items) == 2

        try:
            await asyncio.gather(*(poll(number) for number in range(20)))
            assert not any(poller.inbox for poller in pollers)
        finally:
            for poller in pollers:
                await poller.close()
        await maker.event_list("Hangup", Channel="/^Local\\/wait9-polled@/")


async def test_a_list_shows_what_its_client_has_done_before(door: Door) -> None:
    """Others poll the same list; a client that adds a member finds it in the list that it asks for next."""
    stop = False
    async with (
        await door.login(Events="off") as one,
        await door.login(Events="off") as other,
        asyncio.TaskGroup() as tasks,
    ):

        async def poll() -> None:
            while not stop:
                await other.event_list("QueueStatus")

        tasks.create_task(poll())
        try:
            _, items, _ = await one.event_list("QueueStatus")
            queue = next(item.get("Queue") for item in items if item.event == "QueueParams")
            for number in range(10):
                interface = f"Local/{number}@lab"
                added = await one.action("QueueAdd", Queue=queue, Interface=interface)
                assert added.get("Response") == "Success"
                _, items, _ = await one.event_list("QueueStatus")
                assert interface in [item.get("Location") for item in items]
                await one.action("QueueRemove", Queue=queue, Interface=interface)
                _, items, _ = await one.event_list("QueueStatus")
                assert interface not in [item.get("Location") for item in items]
        finally:
            stop = True
