"""Login, Logoff, masks, one action at a time: a client of the simulator, over a socket."""

import asyncio
from contextlib import suppress

import pytest

from amiproxy.tools.simulator import Settings, Simulator, User
from tests.tools.simulator.simulated import SETTINGS, USERS, session, unauthenticated


async def test_a_plain_login_is_accepted() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator) as client:
        assert client.banner == b"Asterisk Call Manager/11.0.0\r\n"
        booted = await client.wait_event("FullyBooted")
        assert [name for name, _ in booted.headers] == [
            "Event",
            "Privilege",
            "Uptime",
            "LastReload",
            "Status",
        ]
        assert (await client.wait_event("SuccessfulAuth")).get("AccountID") == "proxy"


async def test_an_md5_login_is_accepted_only_after_its_challenge() -> None:
    async with Simulator(USERS, SETTINGS) as simulator:
        async with unauthenticated(simulator) as client:
            assert (await client.login_md5("PROXY", "secret")).get("Response") == "Success"
            first, second = [await client.action("Challenge", AuthType="md5") for _ in range(2)]
            assert first.get("Challenge") == second.get("Challenge")
        async with unauthenticated(simulator) as client:
            refused = await client.action("Login", AuthType="MD5", Username="proxy", Secret="secret", Key="0")
            assert refused.get("Message") == "Authentication failed"


@pytest.mark.parametrize(
    ("user", "secret"), [("proxy", "wrong"), ("nobody", "secret"), ("", ""), ("proxy", "")]
)
async def test_a_wrong_login_is_refused_and_the_connection_closed(user: str, secret: str) -> None:
    async with Simulator(USERS, SETTINGS) as simulator, unauthenticated(simulator) as client:
        assert (await client.login(user, secret)).get("Message") == "Authentication failed"
        await client.ended()


async def test_the_delay_of_a_refusal_affects_only_that_session() -> None:
    async with (
        Simulator(USERS, Settings(login_delay=30)) as simulator,
        session(simulator) as other,
        unauthenticated(simulator) as client,
    ):
        client.send("Login", Username="proxy", Secret="wrong")
        await other.wait_event("InvalidPassword")
        assert (await other.action("Ping")).get("Ping") == "Pong"
        assert client.log == []


async def test_a_user_without_multiple_login_has_one_session() -> None:
    async with (
        Simulator(USERS, SETTINGS) as simulator,
        session(simulator, "single"),
        unauthenticated(simulator) as client,
    ):
        assert (await client.login("Single", "wrong")).get("Message") == "Login Already In Use"


async def test_a_user_may_do_what_its_classes_allow() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator, "wallboard") as client:
        assert (await client.action("CoreStatus")).get("Message") == "Permission denied"
        assert (await client.action("QueueStatus")).get("Response") == "Success"
        listed = await client.action("ListCommands")
        assert listed.get("CoreStatus") is None
        assert listed.get("QueueStatus") == "Show queue status.  (Priv: <none>)"
        assert (await client.action("Nosuch")).get(
            "Message",
        ) == ("Invalid/unknown command: Nosuch. Use Action: ListCommands to show available commands.")


async def test_a_user_sees_the_events_of_its_classes() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator, "wallboard") as client:
        simulator.broadcast(b"Event: A\r\nPrivilege: call,all\r\n\r\n")
        simulator.broadcast(b"Event: B\r\nPrivilege: agent,call,all\r\n\r\n")
        simulator.broadcast(b"Event: C\r\nPrivilege: agent,all\r\n\r\n", classes="call")
        simulator.broadcast(b"Event: D\r\nPrivilege: agent,all\r\n\r\n")
        await client.wait_event("D")
        assert [message.event for message in client.log] == [None, "D"]


async def test_the_event_mask_narrows_the_events() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator, events="off") as client:
        simulator.broadcast(b"Event: A\r\nPrivilege: call,all\r\n\r\n")
        assert (await client.action("Events", EventMask="agent")).get("Events") == "On"
        simulator.broadcast(b"Event: B\r\nPrivilege: call,all\r\n\r\n")
        simulator.broadcast(b"Event: C\r\nPrivilege: agent,all\r\n\r\n")
        await client.wait_event("C")
        assert {message.event for message in client.log} == {None, "C"}


async def test_no_events_are_sent_before_the_login() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, unauthenticated(simulator) as client:
        simulator.broadcast(b"Event: A\r\nPrivilege: call,all\r\n\r\n")
        assert (await client.action("Ping")).get("Message") == "Permission denied"
        assert len(client.log) == 1


async def test_a_long_action_blocks_its_session_and_its_events() -> None:
    async with (
        Simulator(USERS, SETTINGS) as simulator,
        session(simulator) as busy,
        session(simulator) as other,
    ):
        call = busy.send("Originate", Channel="Local/ring@lab/n", Application="Wait", Timeout="400")
        ping = busy.send("Ping")
        await other.wait_event("DialBegin")
        assert (await other.action("Ping")).get("Ping") == "Pong"
        await busy.response(call)
        await busy.response(ping)
        await busy.wait_event("Hangup")
        kinds = [message.event or message.get("ActionID") for message in busy.log]
        assert kinds.index(call) < kinds.index("Newchannel") < kinds.index(ping)


async def test_suppress_events_sends_no_events_after_that_action() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator) as client:
        first = client.send("UserEvent", UserEvent="A", SuppressEvents="1")
        second = client.send("Ping")
        await client.wait_event("UserEvent")
        order = [
            message.get("ActionID") for message in client.log if message.get("ActionID") in {first, second}
        ]
        assert order == [first, second, first]


async def test_actions_before_a_half_close_are_still_answered() -> None:
    async with Simulator(USERS, SETTINGS) as simulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.write(
            b"Action: Login\nUsername: proxy\nSecret: secret\nEvents: off\n\nAction: Ping\n\nAction: Pi"
        )
        writer.write_eof()
        async with asyncio.timeout(10):
            answer = await reader.read()
        assert answer.count(b"Response: ") == 2
        assert b"Ping: Pong" in answer
        writer.close()
        await writer.wait_closed()


async def test_raw_messages_of_clients_are_kept_for_inspection() -> None:
    async with Simulator(USERS, SETTINGS) as simulator, session(simulator) as client:
        client.send_raw(b"action:ping\nX: 1\r\n\n")
        await client.response(None)
        assert simulator.received[-1] == b"action:ping\nX: 1\r\n\n"


async def test_a_client_that_does_not_read_is_disconnected() -> None:
    settings = Settings(login_delay=0, max_unsent=100_000)
    async with Simulator(USERS, settings) as simulator:
        reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        writer.write(b"Action: Login\nUsername: proxy\nSecret: secret\n\n")
        await reader.readuntil(b"SuccessfulAuth")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(10):
            while simulator.sessions:
                simulator.broadcast(b"Event: A\r\nPrivilege: call,all\r\nX: " + b"x" * 60_000 + b"\r\n\r\n")
                await asyncio.sleep(0)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_simulator_without_users_creates_one() -> None:
    async with Simulator(settings=SETTINGS) as simulator, unauthenticated(simulator) as client:
        answer = await client.login(simulator.user.name, simulator.user.secret)
        assert answer.get("Response") == "Success"
    assert simulator.user.secret not in repr(simulator.user)
    assert simulator.user.secret != Simulator().user.secret


async def test_stopping_ends_every_session_even_one_in_the_middle_of_an_action() -> None:
    simulator = Simulator([User("proxy", "secret")], SETTINGS)
    await simulator.start()
    async with session(simulator) as client:
        client.send("Originate", Channel="Local/ring@lab/n", Application="Wait", Timeout="0")
        client.send("WaitEvent")
        await asyncio.sleep(0)
        await simulator.stop()
        await client.ended()
    assert not simulator.sessions


async def test_a_failure_ends_the_session_and_is_raised_by_stop() -> None:
    simulator = Simulator(USERS, SETTINGS)

    def broken(_: object) -> bytes:
        raise RuntimeError("scripted wrong")

    simulator.script("Nonsense", broken)
    await simulator.start()
    async with session(simulator) as client:
        client.send("Nonsense")
        await client.ended()
    with pytest.raises(ExceptionGroup) as told:
        await simulator.stop()
    assert "scripted wrong" in str(told.value.exceptions[0])
