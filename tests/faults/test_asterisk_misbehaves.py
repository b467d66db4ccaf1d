"""Misbehaviour of Asterisk, its network or its callers, and how clients notice it."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from amiproxy.tools.simulator import Simulator
from amiproxy.tools.simulator.calls.storm import read_storm_event, storm_event
from amiproxy.tools.simulator.misbehaviour.faults import Trickle
from tests.support import twin
from tests.support.ami_client import AmiClient
from tests.support.ports import free_port
from tests.support.service import PASSWORDS, SECRET, Service
from tests.support.storm_reader import StormReader
from tests.support.tls_peer import TlsPeer
from tests.support.waiting import until

Start = Callable[..., Awaitable[Service]]
#: A hang is noticed within seconds here, not within half a minute.
WATCHFUL = {"ping_interval": 0.5, "stall_timeout": 2.0, "action_timeout": 5.0}


#: The number of clients that never read during the flood, and of the events in it.
_STOPPED = 5
_FLOOD = 30_000


async def still_serves(simulator: Simulator, *clients: AmiClient) -> None:
    """Answers and events reach them as if nothing had happened."""
    for client in clients:
        assert (await client.action("CoreStatus")).get("Response") == "Success"
        client.log.clear()
    simulator.broadcast(storm_event(7, 7.0))
    for client in clients:
        await client.take(lambda message: read_storm_event(message.raw) == (7, 7.0))


@pytest.mark.parametrize("reading", [True, False])
async def test_a_hang_is_noticed_and_clients_still_log_in(
    simulator: Simulator, start: Start, reading: bool
) -> None:
    service = await start(**WATCHFUL)
    async with await service.client("boss") as boss:
        simulator.faults.stall(reading=reading)
        pending = boss.send("CoreStatus")
        async with await service.client("blind") as late:
            assert (await late.action("Ping")).get("Ping") == "Pong"
        answer = await boss.response(pending)
        assert answer.get("Message") == "Upstream connection lost (outcome unknown)"
        assert (await boss.wait_event("ProxyUpstream", Status="Down")).get("Reason")
        simulator.faults.resume()
        await boss.wait_event("ProxyUpstream", Status="Up", within=20)
        await still_serves(simulator, boss)


async def test_a_stopped_process_counts_as_a_hang(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    (tmp_path / "simulator.secret").write_text(f"{SECRET}\n")
    port = free_port()
    asterisk = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "amiproxy", "simulate", "--listen", f"127.0.0.1:{port}", "--user", "proxy"),
        *("--secret-file", str(tmp_path / "simulator.secret"), "--calls-per-minute", "0"),
        stdout=subprocess.DEVNULL,
    )
    try:
        service = make_service(port, WATCHFUL)
        await service.start_up()
        await service.linked()
        async with await service.client("boss") as boss:
            asterisk.send_signal(signal.SIGSTOP)
            answer = await boss.action("CoreStatus")
            assert answer.get("Message") == "Upstream connection lost (outcome unknown)"
            asterisk.send_signal(signal.SIGCONT)
            await boss.wait_event("ProxyUpstream", Status="Up", within=20)
            assert (await boss.action("CoreStatus")).get("Response") == "Success"
    finally:
        asterisk.send_signal(signal.SIGCONT)
        asterisk.terminate()
        await asterisk.wait()


async def test_input_a_byte_at_a_time_does_not_cause_a_busy_loop(simulator: Simulator, start: Start) -> None:
    service = await start()
    assert service.process is not None
    async with await service.client("boss") as boss:
        simulator.faults.trickle = Trickle(interval=0.002)
        before = cpu_seconds(service.process.pid)
        began = time.monotonic()
        _, items, _ = await boss.event_list("QueueStatus", within=30)
        assert items
        assert all(message.headers[0][0] in {"Event", "Response"} for message in boss.log)
        spent, took = cpu_seconds(service.process.pid) - before, time.monotonic() - began
        assert took > 0.5, "it did come in pieces"
        assert spent < took / 2
        simulator.faults.clear()
        await still_serves(simulator, boss)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.timeout(120)
async def test_a_flood_is_read_whole_while_slow_consumers_are_closed(
    simulator: Simulator, start: Start
) -> None:
    """10,000 events a second for three seconds; the link is never paused for long."""
    outbox = 524288
    service = await start(outbox_soft=outbox // 2, outbox_hard=outbox)
    address = ("127.0.0.1", service.port)
    async with AsyncExitStack() as stack:
        for _ in range(_STOPPED):
            peer = await stack.enter_async_context(TlsPeer.to(address, service.context, receive_buffer=4096))
            await peer.handshake()
            await peer.send(b"Action: Login\r\nUsername: boss\r\nSecret: chief\r\n\r\n")
        await until(lambda: service.stderr.count(" login ") >= _STOPPED)
        reader = await StormReader.connect(
            service.port, service.context, "boss" + twin.SUFFIX, PASSWORDS["boss"]
        )
        stack.callback(reader.close)
        asker = await stack.enter_async_context(await service.client("blind"))
        simulator.broadcast(storm_event(0, 0.0))
        await until(lambda: reader.last == 0)
        storm = asyncio.get_running_loop().create_task(flood(simulator, reader, outbox))
        while not storm.done():
            await asker.action("CoreStatus")  # answered within the time that any action has
        await storm
        await until(lambda: reader.last == _FLOOD - 1, lambda: f"event {reader.last}")
        assert not reader.wrong, "every event, in order"
        await until(lambda: service.stderr.count("slow consumer") == _STOPPED, lambda: service.stderr[-2000:])
        assert not reader.ended
        assert " upstream-down " not in service.stderr


async def flood(simulator: Simulator, reader: StormReader, outbox: int) -> None:
    """Send the events from 1 on, at most ``outbox`` bytes of them ahead of the reader.

    On a busy machine, the test itself may pause for so long that the reader would count as slow, too.
    """
    ahead = outbox // len(storm_event(0, 0.0))
    began, sent = time.monotonic(), 1
    while sent < _FLOOD:
        now = time.monotonic()
        due = min(_FLOOD, int((now - began) * 10_000) + 1, reader.last + ahead)
        if due > sent:
            simulator.broadcast(b"".join(storm_event(number, now) for number in range(sent, due)))
            sent = due
        assert not reader.ended, f"after event {reader.last}"
        assert now - began < 60, f"event {reader.last}"
        await asyncio.sleep(0.005)


def lf_only(simulator: Simulator) -> None:
    simulator.faults.lines_end_in_lf = True


DIRT: dict[str, Callable[[Simulator], None]] = {
    "garbage": lambda s: [s.faults.garbage(4096, seed) for seed in range(20)] and s.inject(b"\r\n\r\n"),
    "forged": lambda s: [s.faults.forge(f"guess-{n}") for n in range(20)] and None,
    "oversize": lambda s: s.faults.oversize(3 << 20),
    "a head without classes": lambda s: s.inject(b"Event: X\r\nPrivilege: ,all\r\n\r\n"),
    "lf only": lf_only,
}


@pytest.mark.parametrize("dirt", DIRT)
async def test_malformed_input_is_dropped_and_not_passed_on(
    simulator: Simulator, start: Start, dirt: str
) -> None:
    service = await start()
    async with await service.client("boss") as boss, await service.client("blind") as blind:
        for client in (boss, blind):
            client.log.clear()
        DIRT[dirt](simulator)
        await still_serves(simulator, boss)
        assert (await blind.action("CoreStatus")).get("Response") == "Success"
        for client in (boss, blind):
            for message in client.log:
                assert message.headers[0][0] in {"Event", "Response"}, message
                assert b"\0" not in message.raw, message
                assert b"\n" not in message.raw.replace(b"\r\n", b""), message
                assert b"\r" not in message.raw.replace(b"\r\n", b""), message
                assert message.get("Message") != "forged", message
                assert message.event != "CoreShowChannelsComplete", message
        assert service.links_made == 1, "the link was kept"


async def test_an_endless_message_costs_neither_the_link_nor_a_session(
    simulator: Simulator, start: Start
) -> None:
    service = await start(
        upstream_message_bytes=65536, upstream_unfinished_bytes=262144, ping_interval=1, stall_timeout=2
    )
    async with await service.client("boss") as boss:
        simulator.faults.unending(300_000)
        # It ends with the next message, which becomes part of it: the Pong that was awaited.
        await asyncio.sleep(3)
        await still_serves(simulator, boss)
        assert not [message for message in boss.log if message.event == "ProxyUpstream"]


async def test_a_list_cut_by_asterisks_death_is_cancelled_and_the_next_one_complete(
    simulator: Simulator, start: Start
) -> None:
    service = await start()
    async with await service.client("boss") as boss:
        simulator.faults.die_in_list(1)
        _, items, last = await boss.event_list("QueueStatus")
        assert len(items) == 1
        assert last.get("EventList") == "Cancelled"
        await boss.wait_event("ProxyUpstream", Status="Up")
        _, items, last = await boss.event_list("QueueStatus")
        assert last.get("EventList") == "Complete"
        assert last.get("ListItems") == str(len(items))


async def test_a_lost_answer_costs_the_next_action_no_more_than_two_seconds(
    simulator: Simulator, start: Start
) -> None:
    service = await start()
    async with await service.client("boss") as boss, await service.client("blind") as other:

        async def behind_a_lost_one() -> float:
            """Seconds for both: the action whose answer is lost, and the next."""
            simulator.faults.ignored[b"corestatus"] = 1
            began = time.monotonic()
            lost, next_ = boss.send("CoreStatus"), boss.send("CoreSettings")
            assert (await boss.response(lost)).get("Message") == "No answer from Asterisk"
            assert (await boss.response(next_)).get("Response") == "Success"
            return time.monotonic() - began

        # A busy machine delays one of them, but not all.
        assert any([await behind_a_lost_one() < 2.0 for _ in range(3)])
        heard = len(simulator.received)
        simulator.faults.ignored[b"corestatus"] = 1
        lost = boss.send("CoreStatus")
        await until(lambda: any(b"CoreStatus" in action for action in simulator.received[heard:]))
        assert (await other.action("CoreSettings")).get("Response") == "Success"
        # At once, with the answer to the other's action: it can wait for no other.
        assert (await boss.response(lost)).get("Message") == "No answer from Asterisk"
        await still_serves(simulator, boss)


async def test_a_refused_login_is_logged_and_a_reload_brings_the_right_secret(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    service = make_service(simulator.port)
    right = (service.directory / "upstream.secret").read_text()
    (service.directory / "upstream.secret").write_text("an old one\n")
    await service.start_up()
    await service.said("Asterisk refused user 'proxy'")
    async with await service.client("boss") as boss:
        assert (await boss.action("CoreStatus")).get("Message") == "Upstream not connected"
        (service.directory / "upstream.secret").write_text(right)
        service.signal(signal.SIGHUP)
        await boss.wait_event("ProxyUpstream", Status="Up")
        await still_serves(simulator, boss)
    assert "an old one" not in service.stderr


async def test_an_unexpected_owner_of_the_port_is_sent_no_login(
    simulator: Simulator, make_service: Callable[..., Service]
) -> None:
    upstream = {"host": "127.0.0.1", "port": simulator.port, "username": "proxy", "expect_user": "4711"}
    service = make_service(simulator.port)
    service.change(upstream={**upstream, "secret_file": "upstream.secret"})
    await service.start_up()
    await service.said("no login was sent")
    async with await service.client("boss") as boss:
        assert (await boss.action("CoreStatus")).get("Message") == "Upstream not connected"
    assert not [raw for raw in simulator.received if b"Login" in raw or b"Challenge" in raw]
