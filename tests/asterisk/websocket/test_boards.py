"""Dashboards through WebSockets: a snapshot and events show what Asterisk's lists have, whatever is cut."""

import asyncio
import base64
import random
import sys
from pathlib import Path

import aiohttp
import pytest

from tests.asterisk.history.client import Picture
from tests.asterisk.history.flows import Flows, listed, settled
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.websocket.board import Board
from tests.asterisk.websocket.proxy import SECRET, SocketProxy
from tests.support.ami_client import AmiClient
from tests.support.waiting import until

STEPS = 60


@pytest.mark.parametrize("seed", [5, 6])
async def test_cuts_lose_and_double_nothing(proxy: SocketProxy, acting: AmiClient, seed: int) -> None:
    rng = random.Random(seed)
    flows = Flows(acting, seed)
    whole, torn = Board(proxy), Board(proxy)
    await whole.connect()
    for _ in range(10):
        await flows.step()
    await torn.connect()
    try:
        for step in range(STEPS):
            await flows.step()
            if step % 4 == 0:
                await torn.cut()
                if rng.random() < 0.5:
                    await flows.step()
                await torn.connect()
        assert (torn.snapshots, torn.resumed) == (1, STEPS // 4)

        async def differences() -> list[str]:
            native = Picture(await listed(acting))
            return [line for board in (whole, torn) for line in board.picture.differences(native)]

        assert not await settled(differences)
        await flows.end_all()
        assert not await settled(differences)
        await acting.action("UserEvent", UserEvent="End", Seed=str(seed))
        for board in (whole, torn):
            await until(lambda board=board: board.seen[-1][1].get("UserEvent") == "End", within=20)
        mine, others = torn.seen, whole.seen
        assert len(mine) > 100
        assert mine == others[-len(mine) :]
        assert len({token for token, _ in others}) == len(others)
    finally:
        await torn.close()
        await whole.close()


async def test_an_aiohttp_client_acts_and_listens(proxy: SocketProxy, acting: AmiClient) -> None:
    pair = base64.b64encode(f"oper:{SECRET}".encode()).decode()
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Basic {pair}"}) as session,
        session.ws_connect(proxy.url, ssl=proxy.context, protocols=("ami.json",)) as ws,
    ):
        assert ws.protocol == "ami.json"
        assert (await ws.receive_json())["user"] == "oper"

        async def hear(kind: str) -> dict[str, object]:
            while (found := await ws.receive_json(timeout=20))["type"] != kind:
                pass
            return found

        await hear("snapshot")
        await ws.send_json(
            {"type": "action", "id": "c", "data": {"Action": "Command", "Command": "core show uptime"}}
        )
        answer = await hear("response")
        assert answer["id"] == "c"
        assert any("System uptime" in line for line in answer["data"]["Output"])
        call = {
            "Action": "Originate",
            "Channel": "Local/stay@flows",
            "Application": "Wait",
            "Data": 1,
            "Async": True,
            "Variable": {"A": 'x,B="(1)', "C": "2"},
        }
        await ws.send_json({"type": "action", "id": "o", "data": call})
        assert (await hear("response"))["data"]["Response"] == "Success"
        values = {}
        while True:
            event = await hear("event")
            data = event["data"]
            if data["Event"] == "VarSet" and data["Variable"] in ("A", "B", "C"):
                values[data["Variable"]] = data["Value"]
            if data["Event"] == "OriginateResponse":
                assert event["id"] == "o"
                break
        # Asterisk writes a value in a VarSet with the escapes of C.
    assert values == {"A": 'x,B=\\"(1)', "C": "2"}
    await Flows(acting, 1).end_all()


async def test_a_trace_shows_actions_and_answers_without_secrets(proxy: SocketProxy) -> None:
    board = Board(proxy, "oper", "?classes=call&kinds=channels")
    await board.connect()
    trace = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "amiproxy", "ctl", "--socket", str(proxy.control), "trace", "oper"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert trace.stdout is not None
    shown = b""
    try:
        async with asyncio.timeout(20):
            while b"Response: " not in shown:
                await board.say(Action="Login", Username="oper", Secret=SECRET, ActionID="again")
                try:
                    shown += await asyncio.wait_for(trace.stdout.read(65536), 0.5)
                except TimeoutError:
                    continue
    finally:
        trace.kill()
        await trace.wait()
        await board.close()
    assert b"Action: Login" in shown
    assert SECRET.encode() not in shown


async def test_several_servers_are_followed_in_one_socket(
    pbx: Asterisk, asterisk16: Asterisk, tmp_path: Path, acting: AmiClient
) -> None:
    servers = {
        name: {"host": one.host, "port": one.port, "username": one.user, "secret_file": "upstream.secret"}
        for name, one in (("new", pbx), ("old", asterisk16))
    }
    proxy = SocketProxy(tmp_path, pbx, servers=servers)
    proxy.start(linked=True)
    try:
        board = Board(proxy, "oper")
        await board.connect()
        (hello,) = [one for one in board.said if one["type"] == "hello"]
        assert {one["name"] for one in hello["servers"]} == {"new", "old"}
        (last,) = [one for one in board.said if one["type"] == "snapshot" and "more" not in one]
        assert set(last["positions"]) == {"new", "old"}
        heard = board.seen
        for name in servers:
            await board.say(
                type="action", id=name, data={"Action": "UserEvent", "UserEvent": name, "Server": name}
            )
        await until(lambda: {"new", "old"} <= {data.get("UserEvent") for _, data in heard}, within=20)
        assert all(data["Server"] == data["UserEvent"] for _, data in heard if "UserEvent" in data)
        await board.close()
        proxy.stop()
    finally:
        proxy.kill()


async def test_the_end_of_the_service_is_told(proxy: SocketProxy) -> None:
    board = Board(proxy)
    await board.connect()
    await asyncio.to_thread(proxy.stop)
    await until(lambda: board.code)
    assert board.code == 1001
    proxy.start(linked=True)
