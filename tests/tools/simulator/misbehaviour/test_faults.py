"""Faults on demand, as a client experiences them."""

import asyncio

import pytest

from amiproxy.tools.simulator import Simulator
from amiproxy.tools.simulator.misbehaviour.faults import Trickle
from tests.tools.simulator.simulated import SETTINGS, USERS, session, unauthenticated

EVENT = b"Event: A\r\nPrivilege: call,all\r\n\r\n"


@pytest.mark.parametrize("reading", [True, False])
async def test_a_stall_holds_up_answers_and_events_until_it_ends(reading: bool) -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator) as client:
        await client.wait_event("SuccessfulAuth")
        simulator.faults.stall(reading=reading)
        before = len(client.log)
        ping = client.send("Ping")
        simulator.broadcast(EVENT)
        if reading:
            await simulator.until_received(b"Action: Ping")
        async with unauthenticated(simulator) as other:
            # After a full exchange of bytes, banners are still sent, but no answers.
            assert other.banner
        assert len(client.log) == before
        assert reading == any(b"Action: Ping" in raw for raw in simulator.received)
        simulator.faults.resume()
        await client.response(ping)
        await client.wait_event("A")


async def test_a_trickle_only_splits_the_output() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator) as client:
        simulator.faults.trickle = Trickle()
        simulator.broadcast(EVENT)
        assert (await client.action("Ping")).get("Ping") == "Pong"
        simulator.faults.clear()
        assert (await client.action("Ping")).get("Ping") == "Pong"
        assert (await client.wait_event("A")).raw == EVENT


async def test_a_trickling_session_can_log_off() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator) as client:
        simulator.faults.trickle = Trickle(size=3)
        assert (await client.action("Logoff")).get("Response") == "Goodbye"
        await client.ended()


async def test_reset_and_drop_differ_for_the_client() -> None:
    async with Simulator(USERS, SETTINGS) as simulator:
        async with session(simulator) as client:
            simulator.faults.reset()
            assert "ConnectionResetError" in await client.ended()
        async with session(simulator) as client:
            simulator.faults.drop()
            assert await client.ended() == "end of stream"


@pytest.mark.parametrize(("items", "reset"), [(0, False), (1, False), (1, True)])
async def test_a_session_dies_inside_a_list(items: int, reset: bool) -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator, events="off") as client:
        simulator.faults.die_in_list(items, reset=reset)
        client.send("QueueStatus")
        assert ("Reset" in await client.ended()) == reset
        # RST may overtake bytes that were written before it.
        assert reset or len([message for message in client.log if message.event]) == items
        async with session(simulator, events="off") as other:
            assert len((await other.event_list("QueueStatus"))[1]) == 5


async def test_logins_are_refused_the_given_number_of_times() -> None:
    async with Simulator(USERS, SETTINGS) as simulator:
        simulator.faults.refuse_logins(1)
        for expected in ("Authentication failed", "Authentication accepted"):
            async with unauthenticated(simulator) as client:
                assert (await client.login("proxy", "secret")).get("Message") == expected
        simulator.faults.refuse_logins()
        for _ in range(3):
            async with unauthenticated(simulator) as client:
                assert (await client.login("proxy", "secret")).get("Message") == "Authentication failed"


async def test_an_action_is_ignored_the_given_number_of_times() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator, events="off") as client:
        simulator.faults.ignore("Ping", 2)
        for number in range(3):
            client.send("ping", ActionID=str(number))
        await client.response("2")
        assert [message.get("ActionID") for message in client.log[1:]] == ["2"]
        simulator.faults.ignore("Ping", -1)
        client.send("ping", ActionID="gone")
        assert (await client.action("CoreStatus")).get("Response") == "Success"
        assert all(message.get("ActionID") != "gone" for message in client.log)


async def test_answers_can_be_delayed() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator, events="off") as client:
        simulator.faults.answer_delay = 0.05
        began = asyncio.get_running_loop().time()
        await client.action("Ping")
        assert asyncio.get_running_loop().time() - began >= 0.05


async def collected(
    simulator: Simulator, until: bytes
) -> tuple[asyncio.StreamWriter, "asyncio.Future[bytes]"]:
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    await reader.readuntil(b"\r\n")
    return writer, asyncio.get_running_loop().create_task(reader.readuntil(until))


async def test_injected_bytes_arrive_unchanged_even_before_the_login() -> None:
    async with Simulator(USERS, SETTINGS) as simulator:
        writer, got = await collected(simulator, b"end")
        simulator.inject(b"\0\xff\r\rend")
        assert await got == b"\0\xff\r\rend"
        writer.close()
        await writer.wait_closed()


async def test_garbage_repeats_for_the_same_seed() -> None:
    async with Simulator(USERS, SETTINGS) as simulator:
        writer, got = await collected(simulator, b"|end|")
        simulator.faults.garbage(100, seed=3)
        simulator.faults.garbage(100, seed=3)
        simulator.inject(b"|end|")
        noise = (await got).removesuffix(b"|end|")
        assert len(noise) == 200
        assert noise[:100] == noise[100:]
        writer.close()
        await writer.wait_closed()


async def test_events_can_be_of_any_size_or_without_an_end() -> None:
    async with Simulator(USERS, SETTINGS) as simulator:
        writer, got = await collected(simulator, b"\r\n\r\n")
        simulator.faults.oversize(50_000)
        event = await got
        assert (len(event), event[:15]) == (50_000, b"Event: Newexten")
        writer.close()
        await writer.wait_closed()
        writer, got = await collected(simulator, b"|end|")
        simulator.faults.unending(50_000)
        simulator.inject(b"|end|")
        assert b"\r\n\r\n" not in await got
        writer.close()
        await writer.wait_closed()


async def test_forged_responses_arrive() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator, events="off") as client:
        simulator.faults.forge("mine")
        assert (await client.response("mine")).get("Message") == "forged"
        await client.wait_event("CoreShowChannelsComplete", ActionID="mine")
        await client.wait_event("Shutdown")


async def test_lines_can_end_in_lf() -> None:
    async with Simulator(USERS, SETTINGS) as simulator:
        writer, got = await collected(simulator, b"Permission denied\n\n")
        simulator.faults.lines_end_in_lf = True
        writer.write(b"Action: Ping\n\n")
        assert await got == b"Response: Error\nMessage: Permission denied\n\n"
        writer.close()
        await writer.wait_closed()
