import asyncio
import gc
import hashlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from amiproxy.ami import privilege
from amiproxy.config.schema import UpstreamSettings
from amiproxy.core.fanout import flushing
from amiproxy.core.hub import Hub
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.net.loop.backoff import Backoff
from amiproxy.net.upstream import socketowner as module
from amiproxy.net.upstream.link import Link, LinkState
from amiproxy.tools.simulator import Settings, Simulator
from amiproxy.tools.simulator import User as SimulatedUser
from amiproxy.tools.simulator.misbehaviour.faults import Trickle
from tests.support.core_doubles import ListTransport
from tests.support.live_hub import live_hub
from tests.support.ports import free_port
from tests.support.scripted import BANNER, Caller, scripted
from tests.support.waiting import until

BOTH_LOOPS = True
SECRET = "tärnan flyger"
FAST = Limits(
    reconnect_min=0.02,
    reconnect_max=0.1,
    upstream_message_bytes=4096,
    upstream_unfinished_bytes=16384,
    ping_interval=15.0,
    stall_timeout=30.0,
)
#: For an Asterisk that does not answer; any other may be slow for a while on a busy machine.
IMPATIENT = msgspec.structs.replace(FAST, upstream_connect_timeout=0.3, upstream_login_timeout=0.3)
PATIENT = Limits(reconnect_min=3600, reconnect_max=3600)


def settings(port: int, expect_user: str | None = None) -> UpstreamSettings:
    return UpstreamSettings(port=port, username="proxy", secret_file=Path("unused"), expect_user=expect_user)


@asynccontextmanager
async def linked(
    to: UpstreamSettings,
    secret: str = SECRET,
    limits: Limits = FAST,
    users: Sequence[User] = (),
    interval: float = 0.0,
) -> AsyncIterator[tuple[Link, Hub]]:
    """A link that runs, and its hub."""
    hub = live_hub(*users, limits=limits, interval=interval)
    link = Link(hub.servers.first, to, secret.encode())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(link.run())
        try:
            yield link, hub
        finally:
            running.cancel()
    gc.collect()  # an exception that was not retrieved would be reported here


@asynccontextmanager
async def simulated(secret: str = SECRET, **chosen: float) -> AsyncIterator[Simulator]:
    async with Simulator([SimulatedUser("proxy", secret)], Settings(login_delay=0.0, **chosen)) as simulator:  # type: ignore[arg-type]
        yield simulator


async def up(link: Link) -> None:
    await until(lambda: link.state is LinkState.UP, lambda: f"{link.state} {link.reason}")


# -- logging in ------------------------------------------------------------


async def test_it_logs_in_by_challenge_and_the_secret_is_not_on_the_wire() -> None:
    async with simulated() as simulator, linked(settings(simulator.port)) as (link, hub):
        await up(link)
        assert link.reason == ""
        assert hub.servers.first.ups == 1
        assert hub.servers.first.exchange.connected
        await until(lambda: hub.servers.first.actions.table.live, "what Asterisk can do")
        said = b"".join(simulator.received)
        assert b"AuthType: MD5" in said
        assert SECRET.encode() not in said
        assert simulator.received[1].count(b"Username: proxy\r\n") == 1


async def test_the_key_follows_asterisks_own_scheme() -> None:
    keys: list[bytes] = []

    async def play(caller: Caller) -> None:
        caller.say(BANNER)
        await caller.answer(b"Response: Success", b"Challenge: 840415273")
        keys.append(await caller.answer(b"Response: Success"))
        await caller.gone()

    async with scripted(play) as server, linked(settings(server.port)) as (link, _):
        await up(link)
    key = hashlib.md5(b"840415273" + SECRET.encode(), usedforsecurity=False).hexdigest()
    assert f"Key: {key}\r\n".encode() in keys[0]


async def test_input_may_come_a_byte_at_a_time() -> None:
    async with simulated() as simulator:
        simulator.faults.trickle = Trickle()
        async with linked(settings(simulator.port)) as (link, hub):
            await up(link)
            simulator.faults.clear()
            await until(lambda: hub.servers.first.actions.table.live, "what Asterisk can do")


async def test_the_banner_shown_to_clients_is_asterisks_own() -> None:
    async def play(caller: Caller) -> None:
        for piece in (b"Ast", b"erisk Call Manager/", b"5.0.7\n"):
            caller.say(piece)
            await asyncio.sleep(0)
        await caller.answer(b"Response: Success", b"Challenge: 1")
        await caller.answer(b"Response: Success")
        await caller.gone()

    async with scripted(play) as server, linked(settings(server.port)) as (link, hub):
        await up(link)
        assert hub.servers.first.banner == b"Asterisk Call Manager/5.0.7\r\n"


async def test_messages_behind_the_login_answer_are_not_lost() -> None:
    booted = b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 5\r\nLastReload: 5\r\n\r\n"

    async def play(caller: Caller) -> None:
        await caller.log_in(behind=booted)
        await caller.gone()

    async with scripted(play) as server, linked(settings(server.port)) as (link, hub):
        await up(link)
        assert hub.servers.first.boot.event() is not None


async def test_events_between_the_login_steps_are_harmless() -> None:
    noise = b"Event: Newchannel\r\nPrivilege: call,all\r\n\r\nResponse: Error\r\nActionID: another\r\n\r\n"

    async def play(caller: Caller) -> None:
        caller.say(BANNER + noise)
        await caller.answer(b"Response: Success", b"Challenge: 1")
        caller.say(noise)
        await caller.answer(b"Response: Success")
        await caller.gone()

    async with scripted(play) as server, linked(settings(server.port)) as (link, _):
        await up(link)


@pytest.mark.parametrize(
    "greeting",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\r\nAsterisk Call Manager/1\r\n",
        b"asterisk call manager/1\r\n",
        b"Asterisk Call Manager/\r\n",
        b"Asterisk Call Manager/1 2\r\n",
        b"Asterisk Call Manager/" + b"1" * 80 + b"\r\n",
        b"x" * 300,
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
async def test_a_peer_without_asterisks_banner_is_sent_nothing(greeting: bytes) -> None:
    async def play(caller: Caller) -> None:
        caller.say(greeting)
        await caller.gone()

    async with scripted(play) as server, linked(settings(server.port), limits=PATIENT) as (link, hub):
        await until(lambda: link.state is LinkState.DOWN)
        assert "banner" in link.reason
        assert hub.servers.first.ups == hub.servers.first.downs == 0
        await asyncio.sleep(0)
        assert server.callers[0].heard == b""


async def refuse_challenge(caller: Caller) -> None:
    caller.say(BANNER)
    await caller.answer(b"Response: Error", b"Message: Must specify AuthType")
    with suppress(asyncio.IncompleteReadError):
        await caller.answer(b"Response: Success")
    await caller.gone()


async def test_without_a_challenge_the_secret_is_sent_to_a_trusted_process() -> None:
    async with scripted(refuse_challenge) as server, linked(settings(server.port)) as (link, _):
        await up(link)
        assert f"Secret: {SECRET}\r\n".encode() in server.callers[0].heard


@pytest.mark.parametrize("owner", [None, 4242])
async def test_without_a_challenge_the_secret_is_sent_to_no_other_process(
    monkeypatch: pytest.MonkeyPatch, owner: int | None
) -> None:
    monkeypatch.setattr(module, "owner_of", lambda *_: owner)
    async with (
        scripted(refuse_challenge) as server,
        linked(settings(server.port), limits=PATIENT) as (link, _),
    ):
        await until(lambda: link.state is LinkState.REJECTED)
        assert "no challenge ('Must specify AuthType')" in link.reason
        assert SECRET.encode() not in server.callers[0].heard


async def test_a_refused_login_is_reported_as_rejected_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("amiproxy.net.upstream.link._REJECTED", Backoff(0.05, 0.1))
    async with simulated() as simulator:
        simulator.faults.refuse_logins(2)
        async with linked(settings(simulator.port)) as (link, hub):
            await until(lambda: link.state is LinkState.REJECTED)
            assert link.reason == "Asterisk refused user 'proxy': 'Authentication failed'"
            assert not hub.servers.first.exchange.connected
            await up(link)
            assert hub.servers.first.ups == 1
            assert hub.servers.first.downs == 0


@pytest.mark.parametrize("right", [True, False])
async def test_the_owner_of_the_port_is_checked_before_a_byte_is_sent(right: bool) -> None:
    async with simulated() as simulator:
        owner = str(os.getuid() if right else os.getuid() + 4242)
        async with linked(settings(simulator.port, owner), limits=PATIENT) as (link, _):
            if right:
                await up(link)
            else:
                await until(lambda: link.state is LinkState.DOWN)
                uid = os.getuid()
                assert link.reason.startswith(
                    f"port {simulator.port} belongs to uid {uid}, not to '{owner}': "
                )
                assert simulator.received == []


async def test_a_required_owner_that_does_not_exist_matches_no_process() -> None:
    async with (
        simulated() as simulator,
        linked(settings(simulator.port, "nobody-of-that-name"), limits=PATIENT) as (link, _),
    ):
        await until(lambda: link.state is LinkState.DOWN)
        assert "user 'nobody-of-that-name' does not exist" in link.reason
        assert simulator.received == []


# -- not coming up ---------------------------------------------------------


async def test_it_waits_for_an_asterisk_that_starts_later() -> None:
    port = free_port()
    async with linked(settings(port)) as (link, hub):
        await until(lambda: link.state is LinkState.DOWN)
        assert "Connect call failed" in link.reason or "refused" in link.reason
        assert not hub.servers.first.exchange.connected
        simulator = Simulator([SimulatedUser("proxy", SECRET)])
        await simulator.start(port=port)
        try:
            await up(link)
        finally:
            await simulator.stop()


async def test_a_port_that_never_accepts_is_given_up() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            async with linked(settings(full.getsockname()[1]), limits=IMPATIENT) as (link, _):
                await until(lambda: link.state is LinkState.DOWN)
                assert link.reason == "no answer in time"
        finally:
            for filler in fillers:
                filler.close()


async def say_nothing(caller: Caller) -> None:
    await caller.gone()


async def only_greet(caller: Caller) -> None:
    caller.say(BANNER)
    await caller.gone()


async def only_challenge(caller: Caller) -> None:
    caller.say(BANNER)
    await caller.answer(b"Response: Success", b"Challenge: 1")
    await caller.gone()


async def hang_up_in_login(caller: Caller) -> None:
    caller.say(BANNER)
    await caller.action()


async def never_end(caller: Caller) -> None:
    caller.say(BANNER)
    await caller.action()
    caller.say(b"x" * 20000)
    await caller.gone()


async def log_in(caller: Caller) -> None:
    await caller.log_in()
    await caller.gone()


Play = Callable[[Caller], "asyncio.Future[None]"]


@pytest.mark.parametrize(
    ("play", "reason"),
    [
        (say_nothing, "no answer in time"),
        (only_greet, "no answer in time"),
        (only_challenge, "no answer in time"),
        (hang_up_in_login, "closed by Asterisk"),
        (never_end, "no answer in time"),
    ],
)
async def test_a_login_that_does_not_finish_is_tried_again(play: Play, reason: str) -> None:
    async with scripted(play) as server, linked(settings(server.port), limits=IMPATIENT) as (link, hub):
        await until(lambda: link.reason == reason, lambda: link.reason)
        await until(lambda: len(server.callers) >= 2, "another attempt")
        assert hub.servers.first.ups == hub.servers.first.downs == 0, (
            "the hub learns only about links that were up"
        )


@pytest.mark.parametrize("play", [say_nothing, only_greet, only_challenge, hang_up_in_login, log_in])
@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 10, 30])
async def test_it_can_be_stopped_at_any_step(play: Play, turns: int) -> None:
    async with scripted(play) as server:
        async with linked(settings(server.port)):
            for _ in range(turns):
                await asyncio.sleep(0)
        # Anything left behind (a task, an exception that was not retrieved, a socket) fails this test.
        await asyncio.sleep(0)
        gc.collect()
        await until(lambda: all(c._writer.is_closing() or c._reader.at_eof() for c in server.callers))


async def test_rejected_logins_are_repeated_more_slowly() -> None:
    link = Link(live_hub().servers.first, settings(1), b"")
    assert link._backoff(rejected=False) == (0.5, 10.0, 0.3)
    assert link._backoff(rejected=True) == (5.0, 60.0, 0.3)


# -- up, and lost ----------------------------------------------------------


@pytest.mark.parametrize("how", ["drop", "reset"])
async def test_a_lost_link_is_reported_once_and_reconnected(how: str) -> None:
    async with simulated() as simulator, linked(settings(simulator.port)) as (link, hub):
        for times in (1, 2, 3):
            await until(lambda times=times: hub.servers.first.ups == times)
            await until(lambda: hub.servers.first.exchange.in_flight == 0)
            getattr(simulator.faults, how)()
            await until(lambda times=times: hub.servers.first.downs == times)
        # Not by the link's own state: its task may not have noticed the loss yet.
        await until(lambda: hub.servers.first.ups == 4)
        await up(link)
        assert hub.servers.first.downs == 3


async def test_stopping_reports_the_link_as_down() -> None:
    async with simulated() as simulator:
        async with linked(settings(simulator.port)) as (link, hub):
            await up(link)
        assert hub.servers.first.downs == 1
        assert not hub.servers.first.exchange.connected
        await until(lambda: not simulator.sessions)


async def test_silence_causes_a_ping_and_an_answer_ends_it() -> None:
    async with simulated() as simulator, linked(settings(simulator.port)) as (link, hub):
        await up(link)
        await until(lambda: hub.servers.first.actions.table.live)
        now = asyncio.get_running_loop().time()
        link.tick(now + 14)
        assert hub.servers.first.exchange.in_flight == 0
        link.tick(now + 16)
        link.tick(now + 17)
        assert hub.servers.first.exchange.in_flight == 1, "one Ping, not two"
        await until(lambda: hub.servers.first.exchange.in_flight == 0)
        assert sum(b"Action: Ping\r\n" in raw for raw in simulator.received) == 1
        assert link.state is LinkState.UP
        link.tick(asyncio.get_running_loop().time())
        link.tick(now + 40)
        await until(lambda: sum(b"Action: Ping\r\n" in raw for raw in simulator.received) == 2)
        assert hub.servers.first.downs == 0, "without a Ping that is unanswered, silence alone proves nothing"


async def test_an_asterisk_that_hangs_is_disconnected_and_reconnected() -> None:
    async with simulated() as simulator, linked(settings(simulator.port)) as (link, hub):
        await up(link)
        await until(lambda: hub.servers.first.actions.table.live)
        simulator.faults.stall()
        now = asyncio.get_running_loop().time()
        link.tick(now + 16)
        link.tick(now + 29)
        assert hub.servers.first.downs == 0
        link.tick(now + 31)
        assert hub.servers.first.downs == 1
        link.tick(now + 32)  # before the link's own task has run again
        simulator.faults.resume()
        await until(lambda: hub.servers.first.ups == 2)


async def test_a_tick_between_the_loss_and_its_notice_does_nothing() -> None:
    async with simulated() as simulator, linked(settings(simulator.port)) as (link, hub):
        await up(link)
        assert link._conversation is not None
        link._conversation.recycle("gone")
        link.tick(asyncio.get_running_loop().time() + 16)
        await until(lambda: hub.servers.first.ups == 2)


async def test_a_message_too_long_is_skipped() -> None:
    async with simulated() as simulator, linked(settings(simulator.port)) as (link, hub):
        await up(link)
        await until(lambda: hub.servers.first.actions.table.live)
        before = hub.stats.events_in
        simulator.faults.oversize(5000)
        simulator.inject(b"Event: Hangup\r\nPrivilege: call,all\r\n\r\n")
        await until(lambda: hub.stats.events_in == before + 1)
        assert hub.stats.limits == {"upstream_message_bytes": 1}
        assert hub.servers.first.downs == 0


async def test_an_endless_message_does_not_count_as_a_sign_of_life() -> None:
    async with simulated() as simulator, linked(settings(simulator.port)) as (link, hub):
        await up(link)
        # An answer in flight would bring the missing end.
        await until(lambda: hub.servers.first.exchange.connected and not hub.servers.first.exchange.in_flight)
        simulator.faults.unending(20000)
        await until(lambda: "upstream_message_bytes" in hub.stats.limits, "that it was told")
        assert hub.servers.first.downs == 0, "it may still end"
        now = asyncio.get_running_loop().time()
        link.tick(now + 16)
        link.tick(now + 31)
        await until(lambda: hub.servers.first.ups == 2)
        assert hub.servers.first.downs == 1


# -- pausing ---------------------------------------------------------------


BOOTED = b"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 5\r\nLastReload: 5\r\n\r\n"
ANNA = User("anna", read=privilege.CALL, write=privilege.CALL, secret="plain:s")


def held(number: int) -> bytes:
    return b"Event: Hold\r\nPrivilege: call,all\r\nNumber: %d\r\n\r\n" % number


class Resting:
    """A scripted Asterisk, a link to it, and one client that reads calls."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.orders: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.transport = ListTransport()

    async def play(self, caller: Caller) -> None:
        await caller.log_in(behind=BOOTED)
        for _ in range(2):  # after the login, and once it has booted
            await caller.answer(b"Response: Success", b"Message: no actions")
        while (order := await self.orders.get()) is not None:
            if order:
                caller.say(order)
            else:
                await caller.answer(b"Response: Success", b"Message: parked")

    @asynccontextmanager
    async def running(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator["Resting"]:
        monkeypatch.setattr(flushing, "_LONGEST_PAUSE", self.interval)
        limits = msgspec.structs.replace(FAST, reconnect_min=60.0, reconnect_max=60.0)
        async with (
            scripted(self.play) as server,
            linked(settings(server.port), limits=limits, users=[ANNA], interval=self.interval) as both,
        ):
            self.link, self.hub = both
            await until(
                lambda: (
                    self.hub.servers.first.exchange.connected
                    and not self.hub.servers.first.exchange.in_flight
                )
            )
            self.session = self.hub.attach(self.transport)
            self.session.receive(b"Action: Login\r\nUsername: anna\r\nSecret: s\r\n\r\n")
            self.orders.put_nowait(held(0))
            await until(lambda: held(0) in self.seen)
            self.orders.put_nowait(held(1))
            await until(
                lambda: self.link._conversation is not None and self.link._conversation.stream._paused
            )
            try:
                yield self
            finally:
                self.orders.put_nowait(None)

    @property
    def seen(self) -> bytes:
        return b"".join(self.transport.sent)


async def test_events_before_a_due_flush_are_read_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Resting(1.5).running(monkeypatch) as resting:
        flushes = resting.hub.stats.flushes
        for number in (2, 3, 4):
            resting.orders.put_nowait(held(number))
        await until(lambda: held(4) in resting.seen)
        assert resting.hub.stats.flushes == flushes + 1
        assert b"".join(held(number) for number in range(5)) in resting.seen


async def test_an_answer_ends_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Resting(3600.0).running(monkeypatch) as resting:
        resting.orders.put_nowait(b"")
        resting.session.receive(b"Action: Park\r\nActionID: 7\r\n\r\n")
        await until(lambda: b"ActionID: 7\r\nMessage: parked" in resting.seen)


async def test_an_end_during_the_pause_is_noticed_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Resting(1.5).running(monkeypatch) as resting:
        resting.orders.put_nowait(held(2))
        resting.orders.put_nowait(None)
        await until(lambda: resting.hub.servers.first.downs == 1)
        assert held(1) + held(2) in resting.seen


# -- adopting --------------------------------------------------------------


async def test_a_new_secret_is_tried_at_once() -> None:
    async with (
        simulated("right") as simulator,
        linked(settings(simulator.port), "wrong", PATIENT) as (link, _),
    ):
        await until(lambda: link.state is LinkState.REJECTED)
        link.adopt(settings(simulator.port), b"right")
        await up(link)


async def test_unchanged_settings_keep_an_established_link() -> None:
    async with simulated() as simulator, linked(settings(simulator.port)) as (link, hub):
        await up(link)
        link.adopt(settings(simulator.port), SECRET.encode())
        for _ in range(10):
            await asyncio.sleep(0)
        assert link.state is LinkState.UP
        assert (hub.servers.first.ups, hub.servers.first.downs) == (1, 0)


async def test_unchanged_settings_try_again_at_once_without_a_link() -> None:
    port = free_port()
    async with linked(settings(port), limits=PATIENT) as (link, _):
        await until(lambda: link.state is LinkState.DOWN)
        simulator = Simulator([SimulatedUser("proxy", SECRET)])
        await simulator.start(port=port)
        try:
            link.adopt(settings(port), SECRET.encode())
            await up(link)
        finally:
            await simulator.stop()


async def test_new_settings_move_the_link_at_once() -> None:
    async with (
        simulated() as old,
        simulated() as new,
        linked(settings(old.port), limits=PATIENT) as (link, hub),
    ):
        await up(link)
        link.adopt(settings(new.port), SECRET.encode())
        assert hub.servers.first.downs == 1
        await until(lambda: hub.servers.first.ups == 2)
        assert len(new.sessions) == 1
        await until(lambda: not old.sessions)


@pytest.mark.parametrize("turns", [1, 2, 3, 4, 6, 10])
async def test_new_settings_take_effect_while_it_connects(turns: int) -> None:
    async with (
        simulated() as old,
        simulated() as new,
        linked(settings(old.port), limits=PATIENT) as (link, _),
    ):
        for _ in range(turns):
            await asyncio.sleep(0)
        link.adopt(settings(new.port), SECRET.encode())
        await until(
            lambda: link.state is LinkState.UP and new.sessions, lambda: f"{link.state} {link.reason}"
        )
        await until(lambda: not old.sessions)


async def test_only_a_link_that_exceeds_its_own_timeouts_is_stuck() -> None:
    never = live_hub(limits=FAST)
    now = asyncio.get_running_loop().time()
    assert not Link(never.servers.first, settings(1), b"x").stuck(now + 100), "it has not begun"

    async def silent(caller: Caller) -> None:
        await caller.gone()

    async with scripted(silent) as server, linked(settings(server.port), limits=PATIENT) as (link, _):
        await until(lambda: server.callers)
        now = asyncio.get_running_loop().time()
        assert not link.stuck(now + 10)
        assert link.stuck(now + 30)
    async with simulated() as simulator, linked(settings(simulator.port)) as (link, _):
        await up(link)
        assert not link.stuck(now + 3600)


async def test_a_link_that_leaves_connects_nowhere_until_settings_are_adopted() -> None:
    fast = Limits(reconnect_min=0.01, reconnect_max=0.02)
    async with (
        simulated() as old,
        simulated() as new,
        linked(settings(old.port), limits=fast) as (link, hub),
    ):
        await up(link)
        link.leave(settings(old.port), SECRET.encode())
        assert hub.servers.first.downs == 0, "nothing changes"
        link.leave(settings(new.port), SECRET.encode())
        assert hub.servers.first.downs == 1
        assert not hub.servers.first.exchange.linked
        await until(lambda: not old.sessions)
        begun = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() - begun > 0.1)  # five attempts
        assert not old.sessions
        assert not new.sessions
        link.adopt(settings(new.port), SECRET.encode())
        await up(link)
        assert new.sessions
        assert not old.sessions


async def test_a_link_that_leaves_and_stays_connects_again() -> None:
    async with simulated() as simulator, linked(settings(simulator.port)) as (link, hub):
        await up(link)
        link.leave(settings(simulator.port), b"another")
        link.stay()
        await until(lambda: hub.servers.first.ups == 2)


@pytest.mark.parametrize("turns", [1, 2, 3, 4, 6, 10])
async def test_a_link_leaves_while_it_connects(turns: int) -> None:
    async with (
        simulated() as old,
        simulated() as new,
        linked(settings(old.port)) as (link, _),
    ):
        for _ in range(turns):
            await asyncio.sleep(0)
        link.leave(settings(new.port), SECRET.encode())
        await until(lambda: link.state is LinkState.DOWN and not old.sessions)
        link.adopt(settings(new.port), SECRET.encode())
        await up(link)
        assert new.sessions
