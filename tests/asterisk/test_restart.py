"""Asterisk stops under its clients and comes back: clients that are notified stay, the others reconnect."""

import asyncio
import signal
import ssl

from panoramisk import Manager

from tests.asterisk.door import SECRETS, Door
from tests.support.ami_client import AmiClient

SESSIONS = 20


async def down_and_up(client: AmiClient) -> None:
    down = await client.wait_event("ProxyUpstream", within=30)
    assert down.get("Status") == "Down"
    up = await client.wait_event("ProxyUpstream", within=30)
    assert up.get("Status") == "Up"
    booted = await client.wait_event("FullyBooted", within=30)
    assert client.log.index(down) < client.log.index(up) < client.log.index(booted)


async def actions_learnt(direct: Door, proxied: Door) -> None:
    """Wait until the proxy lists the actions of every module, loaded before or after its return."""
    async with await direct.login() as one, await proxied.login() as other, asyncio.timeout(10):
        wanted = (await one.action("ListCommands")).without("ActionID")
        while (await other.action("ListCommands")).without("ActionID") != wanted:
            await other.action("Ping")


async def test_twenty_sessions_that_read_class_system_outlive_a_restart(direct: Door, proxied: Door) -> None:
    sessions = [await proxied.login() for _ in range(SESSIONS)]
    try:
        pending = [
            client.send(
                "Originate",
                Channel="Local/noanswer@lab",
                Application="Wait",
                Data="1",
                Timeout="25000",
                ActionID=f"pending-{number}" if number else "pending",
            )
            for number, client in enumerate(sessions[:5])
        ]
        # In the order sent: once these are answered, Asterisk has the others too.
        for client in sessions[5:]:
            await client.action("CoreStatus")
        await sessions[5].take(lambda m: m.event == "Newchannel" and "noanswer" in (m.get("Channel") or ""))

        await asyncio.to_thread(proxied.asterisk.stop)
        for client, action_id in zip(sessions, pending, strict=False):
            answer = await client.response(action_id)
            assert answer.get("Response") == "Error", answer
            assert [name for name, _ in answer.headers] == ["Response", "ActionID", "Message"]
        for action in ("CoreStatus", "Ping"):
            refused = await sessions[-1].action(action, ActionID="while down")
            assert refused.get("Response") == "Error", refused
        assert (await sessions[-1].action("Events", EventMask="on")).get("Events") == "On"

        await asyncio.to_thread(proxied.asterisk.start)
        await asyncio.gather(*(down_and_up(client) for client in sessions))
        for number, client in enumerate(sessions):
            answer = await client.action("Getvar", Variable="LAB", ActionID=f"again-{number}")
            assert answer.get("Value") == "1", answer
        answer = await sessions[0].action(
            "Originate", Channel="Local/answer@lab", Application="Wait", Data="1", Timeout="5000"
        )
        assert answer.get("Message") == "Originate successfully queued"
        for client in sessions:
            await client.wait_event("Newchannel", lambda event: "answer@" in (event.get("Channel") or ""))
            # Nothing with side effects is sent twice: no second call after the restart.
            channels = [m.get("Channel") or "" for m in client.log if m.event == "Newchannel"]
            assert len({name for name in channels if "noanswer" in name}) <= 2 * len(pending)
        await actions_learnt(direct, proxied)
    finally:
        if not proxied.asterisk.is_running:
            await asyncio.to_thread(proxied.asterisk.start)
        for client in sessions:
            await client.close()


async def test_a_client_that_cannot_be_notified_reconnects_and_reads_again(
    direct: Door, proxied: Door
) -> None:
    """An unmodified panoramisk with class call only, as a wallboard has it."""
    assert proxied.proxy is not None
    loop = asyncio.get_running_loop()
    happened: asyncio.Queue[str] = asyncio.Queue()

    async def next_is(what: str, within: float) -> None:
        async with asyncio.timeout(within):
            assert await happened.get() == what

    manager = Manager(
        loop=loop,
        host="127.0.0.1",
        port=proxied.proxy.port,
        ssl=ssl.create_default_context(cafile=str(proxied.proxy.cafile)),
        username="limited",
        secret=SECRETS["limited"],
        on_login=lambda *_: happened.put_nowait("login"),
        on_disconnect=lambda *_: happened.put_nowait("end"),
    )
    try:
        await manager.connect()
        await next_is("login", 10)
        assert (await manager.send_action({"Action": "Status"}))[0].success
        await asyncio.to_thread(proxied.asterisk.stop, signal.SIGKILL)
        await next_is("end", 10)
        await next_is("login", 10)
        await asyncio.to_thread(proxied.asterisk.start)
        async with asyncio.timeout(30):
            while not (await manager.send_action({"Action": "Getvar", "Variable": "LAB"})).success:
                await manager.send_action({"Action": "Ping"})
        listed = await manager.send_action({"Action": "Status"})
        assert listed[0].success
        assert happened.empty(), "it came while the link was down: nothing it has read was made untrue"
        await actions_learnt(direct, proxied)
    finally:
        manager.close()
        if not proxied.asterisk.is_running:
            await asyncio.to_thread(proxied.asterisk.start)
