"""One user tries its worst: it blocks Asterisk's own session, but no other client of the proxy notices."""

from collections.abc import Iterator

import pytest

from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.victim import (
    CALLER,
    LIMITS,
    USERS,
    VICTIM,
    attacking,
    call,
    directly,
    getvar,
    p99,
    through,
)
from tests.asterisk.worst import ATTACKS, SECRET, USER
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import ProxyProcess

pytestmark = pytest.mark.serial

#: Getvars in one measurement, and measurements of which one has to be good.
SAMPLES, TRIES = 100, 3
#: Seconds that other load may add to the slowest of a hundred, beside what the control shows.
NOISE = 0.01
#: Longer answers are thrown away; one channel's variables can make such an answer.
SHORT = {"upstream_message_bytes": 65536, "upstream_unfinished_bytes": 65536}


@pytest.fixture(scope="module")
def proxy(asterisk22: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    asterisk22.cli("module load app_mf.so")
    upstream = (asterisk22.host, asterisk22.port, asterisk22.user, asterisk22.secret)
    process = ProxyProcess(tmp_path_factory.mktemp("proxy"), upstream, USERS, limits=LIMITS | SHORT)
    process.start(linked=True)
    try:
        yield process
        process.stop()
    finally:
        process.kill()


async def test_a_tone_blocks_asterisks_session_and_not_ours(
    asterisk22: Asterisk, proxy: ProxyProcess
) -> None:
    async with await directly(asterisk22) as client:
        channel = await call(client, "tone")
        client.send("PlayDTMF", Channel=channel, Digit="1", Duration="1500")
        assert await getvar(client, channel) > 1.4, "the way is not open at all: this proves nothing"
        async with (
            await through(proxy, CALLER, CALLER) as caller,
            await through(proxy, VICTIM, VICTIM) as victim,
        ):
            # Behind the tone on one link it could not be answered first; a busy machine may spoil a try.
            assert any([await answered_first(caller, victim, channel) for _ in range(TRIES)])
            await getvar(caller, channel)
        assert asterisk22.cli("manager show connected").count("  proxy ") >= 3, "ours are two"


async def answered_first(caller: AmiClient, victim: AmiClient, channel: str) -> bool:
    """Whether the victim is answered while the caller's tone, which is to last an hour, still sounds."""
    asked = caller.send("PlayDTMF", Channel=channel, Digit="2", Duration="3600000")
    await getvar(victim, channel)
    first = not any(message.get("ActionID") == asked for message in caller.log)
    answer = await caller.response(asked)
    assert answer.get("Message") == "DTMF successfully queued"
    return first


async def test_an_answer_that_is_too_long_affects_only_its_asker(
    asterisk22: Asterisk, proxy: ProxyProcess
) -> None:
    async with await directly(asterisk22) as client:
        channel = await call(client, "stuffed")
        for number in range(100):
            answer = await client.action("Setvar", Channel=channel, Variable=f"V{number}", Value="x" * 900)
            assert answer.get("Response") == "Success", answer
        async with (
            await through(proxy, USER, SECRET) as worst,
            await through(proxy, VICTIM, VICTIM) as victim,
        ):
            _, items, last = await worst.event_list("Status", Channel=channel, AllVariables="true")
            assert (items, last.get("EventList")) == ([], "Cancelled")
            for neighbour in (worst, victim):
                await getvar(neighbour, channel)
    assert proxy.links_made == 1


async def test_a_channel_takes_no_more_variables_of_one_user_than_its_share(
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


@pytest.mark.timeout(120)
@pytest.mark.parametrize("attack", ATTACKS)
async def test_another_users_getvar_is_answered_in_time(
    asterisk22: Asterisk, proxy: ProxyProcess, attack: str
) -> None:
    async with (
        await directly(asterisk22) as client,
        await directly(asterisk22) as control,
        await through(proxy, VICTIM, VICTIM) as victim,
    ):
        for session in (victim, control):
            await session.action("Events", EventMask="off")
        mine, theirs = await call(client, f"mine-{attack}"), await call(client, f"theirs-{attack}")
        tries: list[tuple[float, float, float]] = []
        quiet, _ = await p99(victim, control, mine, SAMPLES)
        with attacking(proxy, attack, theirs):
            while len(tries) < TRIES and not any(in_time(*found) for found in tries):
                tries.append((quiet, *await p99(victim, control, mine, SAMPLES)))
    assert any(in_time(*found) for found in tries), tries
    assert proxy.links_made == 1


def in_time(quiet: float, busy: float, control: float) -> bool:
    """``control``: the time of a session of its own at Asterisk's door in the same seconds."""
    return busy <= 3 * max(quiet, control) + NOISE
