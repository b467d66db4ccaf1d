"""One user tries its worst: Asterisk's own session is held up by it, and nobody behind ours notices."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.worst import ATTACKS, SECRET, USER
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import ProxyProcess, hashed

USERS = {
    "victim": {"secret": hashed("victim"), "read": "all", "write": "all"},
    USER: {"secret": hashed(SECRET), "read": "all", "write": ["call", "reporting", "command", "system"]},
}
#: Loopback counts as any other address, with rates that do not hold back the victim's own measurement.
LIMITS = {
    "exempt": ["192.0.2.0/24"],
    "action_rate": 100,
    "connection_burst": 1000,
    "upstream_message_bytes": 65536,
    "upstream_unfinished_bytes": 65536,
}
#: Getvars of one measurement, and seconds between two.
SAMPLES, PAUSE = 100, 0.011
#: Seconds that the machine's other work may add to the slowest of a hundred.
NOISE = 0.05


@pytest.fixture(scope="module")
def proxy(asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    asterisk22.cli("module load app_mf.so")
    upstream = (asterisk22.host, asterisk22.port, asterisk22.user, asterisk22.secret)
    process = ProxyProcess(tmp_path_factory.mktemp("proxy"), upstream, USERS, limits=LIMITS)
    process.start()
    try:
        yield process
        process.stop()
    finally:
        process.kill()


async def call(client: AmiClient, name: str) -> str:
    """A call that stays for a minute; the name of its first leg."""
    await client.action(
        "Originate", Channel=f"Local/wait60-{name}@lab", Application="Wait", Data="60", Async="true"
    )
    event = await client.wait_event("Newchannel", lambda m: f"wait60-{name}@" in (m.get("Channel") or ""))
    await asyncio.sleep(0.3)
    return event.get("Channel") or ""


async def directly(asterisk: Asterisk) -> AmiClient:
    client = await AmiClient.connect(asterisk.host, asterisk.port)
    await client.login(asterisk.user, asterisk.secret)
    return client


async def through(proxy: ProxyProcess, user: str, secret: str) -> AmiClient:
    client = await proxy.connect()
    assert (await client.login(user, secret)).get("Message") == "Authentication accepted"
    return client


async def getvar(client: AmiClient, channel: str) -> float:
    began = time.monotonic()
    answer = await client.action("Getvar", Channel=channel, Variable="LAB")
    assert answer.get("Response") == "Success", answer
    return time.monotonic() - began


async def test_a_tone_holds_asterisk_s_session_and_not_ours(
    asterisk22: Asterisk, proxy: ProxyProcess
) -> None:
    async with await directly(asterisk22) as client:
        channel = await call(client, "tone")
        client.send("PlayDTMF", Channel=channel, Digit="1", Duration="1500")
        assert await getvar(client, channel) > 1.4, "the way is not open at all: this proves nothing"
        async with (
            await through(proxy, USER, SECRET) as worst,
            await through(proxy, "victim", "victim") as victim,
        ):
            began = time.monotonic()
            asked = worst.send("PlayDTMF", Channel=channel, Digit="2", Duration="3600000")
            assert await getvar(victim, channel) < 0.2
            answer = await worst.response(asked)
            assert answer.get("Message") == "DTMF successfully queued"
            assert time.monotonic() - began < 1.0
            assert await getvar(worst, channel) < 1.0
        assert asterisk22.cli("manager show connected").count("  proxy ") >= 3, "ours are two"


async def test_an_answer_that_is_too_long_costs_its_asker_alone(
    asterisk22: Asterisk, proxy: ProxyProcess
) -> None:
    async with await directly(asterisk22) as client:
        channel = await call(client, "stuffed")
        for number in range(100):
            answer = await client.action("Setvar", Channel=channel, Variable=f"V{number}", Value="x" * 900)
            assert answer.get("Response") == "Success", answer
        async with (
            await through(proxy, USER, SECRET) as worst,
            await through(proxy, "victim", "victim") as victim,
        ):
            _, items, last = await worst.event_list("Status", Channel=channel, AllVariables="true")
            assert (items, last.get("EventList")) == ([], "Cancelled")
            for neighbour in (worst, victim):
                assert await getvar(neighbour, channel) < 1.0
    assert proxy.stderr.count(" upstream-up ") == 1


async def test_a_channel_takes_no_more_of_one_user_than_its_share(
    asterisk22: Asterisk, proxy: ProxyProcess
) -> None:
    async with await directly(asterisk22) as client, await through(proxy, USER, SECRET) as worst:
        channel = await call(client, "full")
        for number in range(30):
            answer = await worst.action("Setvar", Channel=channel, Variable=f"V{number}", Value="x" * 900)
        assert "limits.channel_variable_bytes" in str(answer.get("Message"))
        _, items, last = await worst.event_list("Status", Channel=channel, AllVariables="true")
        assert (len(items), last.get("EventList")) == (1, "Complete")
        assert len(items[0].raw) < 20_000


async def p99(client: AmiClient, channel: str) -> float:
    taken = []
    for _ in range(SAMPLES):
        taken.append(await getvar(client, channel))
        client.log.clear()
        await asyncio.sleep(PAUSE)
    return sorted(taken)[-2]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("attack", ATTACKS)
async def test_another_s_getvar_is_answered_in_time(
    asterisk22: Asterisk, proxy: ProxyProcess, attack: str
) -> None:
    async with await directly(asterisk22) as client, await through(proxy, "victim", "victim") as victim:
        await victim.action("Events", EventMask="off")
        mine, theirs = await call(client, f"mine-{attack}"), await call(client, f"theirs-{attack}")
        quiet, busy = [await p99(victim, mine)], []
        arguments = [str(proxy.port), str(proxy.cafile), attack, theirs]
        process = subprocess.Popen(  # noqa: ASYNC220 - it only starts
            [sys.executable, "-m", "tests.asterisk.worst", *arguments], cwd=Path(__file__).parents[2]
        )
        try:
            await asyncio.sleep(1.5)
            busy = [await p99(victim, mine) for _ in range(2)]
            assert process.poll() is None, "it attacks no more: this proves nothing"
        finally:
            process.kill()
            process.wait()
        quiet.append(await p99(victim, mine))
    assert min(busy) <= 3 * max(quiet) + NOISE, (quiet, busy)
    assert proxy.stderr.count(" upstream-up ") == 1
