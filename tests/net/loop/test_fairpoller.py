import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from itertools import pairwise

import pytest

from amiproxy.core.limits.shares import Shares
from amiproxy.net.loop.fairpoller import FairPoller
from amiproxy.net.loop.scheduler import LoopScheduler
from tests.support.waiting import until

BOTH_LOOPS = True


class Ready:
    """Sockets with data to read, and how often each callback ran."""

    def __init__(self, processor: "Processor", seconds: float, stack: ExitStack, count: int) -> None:
        self.processor = processor
        self.poller = FairPoller(Shares(processor, seconds))
        self.told: list[int] = []
        self.ours: list[socket.socket] = []
        self.theirs: list[socket.socket] = []
        for number in range(count):
            here, there = socket.socketpair()
            here.setblocking(False)
            self.ours.append(stack.enter_context(here))
            self.theirs.append(stack.enter_context(there))
            there.send(b"a")
            self.read(number, lambda: None)

    def read(self, number: int, also: Callable[[], None]) -> None:
        """Register this callback, which the socket stays ready for."""

        def callback() -> None:
            self.told.append(number)
            also()

        self.poller.add_reader(self.ours[number].fileno(), callback)

    def stop(self) -> None:
        for sock in self.ours:
            self.poller.remove_reader(sock.fileno())
            self.poller.remove_writer(sock.fileno())


Make = Callable[..., Ready]


class Processor(LoopScheduler):
    """The loop's timers, and a processor whose time advances only when ``work`` is called."""

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self.spent = 0.0
        self.clock = lambda: self.spent

    def work(self, seconds: float) -> None:
        self.spent += seconds


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[Ready] = []
    with ExitStack() as stack:

        def ready(count: int, seconds: float = 0.0) -> Ready:
            made.append(Ready(Processor(), seconds, stack, count))
            return made[-1]

        yield ready
        for one in made:
            one.stop()


async def _turns_of_the_loop(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_without_time_a_turn_runs_one_callback(make: Make) -> None:
    ready = make(5)
    loop = asyncio.get_running_loop()
    most = seen = 0

    def beat() -> None:
        nonlocal most, seen
        most, seen = max(most, len(ready.told) - seen), len(ready.told)
        if seen < 20:
            loop.call_soon(beat)

    beat()
    await until(lambda: seen >= 20)
    # Left-over work runs by a timer, new work when it arrives: both may happen in one round.
    assert most <= 2, "others' callbacks come between"


async def test_every_socket_is_served_before_any_is_served_again(make: Make) -> None:
    ready = make(5)
    await until(lambda: len(ready.told) >= 20)
    for round_ in range(4):
        assert sorted(ready.told[round_ * 5 : round_ * 5 + 5]) == [0, 1, 2, 3, 4]


async def test_a_turn_ends_when_its_time_is_over(make: Make) -> None:
    ready = make(8, seconds=0.005)
    loop = asyncio.get_running_loop()
    for number in range(8):
        ready.read(number, lambda: ready.processor.work(0.004))
    steps: list[int] = []

    def beat() -> None:
        steps.append(len(ready.told))
        if steps[-1] < 16:
            loop.call_soon(beat)

    beat()
    await until(lambda: len(ready.told) >= 16)
    assert max(after - before for before, after in pairwise(steps)) <= 4, "two turns at most in one round"
    assert ready.poller.over


async def test_with_enough_time_a_turn_serves_all(make: Make) -> None:
    ready = make(5, seconds=60.0)
    for number in range(5):
        ready.read(number, lambda number=number: ready.ours[number].recv(1))
    await _turns_of_the_loop(3)
    assert sorted(ready.told) == [0, 1, 2, 3, 4]
    assert not ready.poller.over
    await _turns_of_the_loop(3)
    assert len(ready.told) == 5, "no readiness is left to report"


async def test_timers_and_other_sockets_are_served_meanwhile(make: Make) -> None:
    ready = make(50, seconds=0.001)
    for number in range(50):
        ready.read(number, lambda: ready.processor.work(0.0005))
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        there.setblocking(False)
        for _ in range(10):
            began = len(ready.told)
            loop.call_later(0.0, there.send, b"event")
            assert await loop.sock_recv(here, 16) == b"event"
            assert len(ready.told) - began < 50, "it did not wait for all of them"


async def test_a_callback_removed_by_another_is_not_called(make: Make) -> None:
    ready = make(2, seconds=60.0)

    def first_come(number: int) -> None:
        ready.poller.remove_reader(ready.ours[number].fileno())
        ready.poller.remove_reader(ready.ours[1 - number].fileno())
        ready.ours[1 - number].close()

    for number in range(2):
        ready.read(number, lambda number=number: first_come(number))
    await _turns_of_the_loop(5)
    assert len(ready.told) == 1


async def test_readers_and_writers_are_removed_separately(make: Make) -> None:
    ready = make(1)
    fd = ready.ours[0].fileno()
    written: list[int] = []
    ready.poller.add_writer(fd, lambda: written.append(1))
    await until(lambda: written and ready.told)
    ready.poller.remove_reader(fd)
    read = len(ready.told)
    count = len(written)
    await until(lambda: len(written) > count)
    assert len(ready.told) == read
    ready.poller.remove_writer(fd)
    ready.poller.remove_writer(fd)
    count = len(written)
    await _turns_of_the_loop(5)
    assert (len(written), len(ready.told)) == (count, read)


async def test_a_hangup_is_reported_to_reader_and_writer(make: Make) -> None:
    ready = make(2)
    ready.stop()
    ended: list[str] = []
    reading, writing = (sock.fileno() for sock in ready.ours)
    ready.poller.add_reader(reading, lambda: ended.append("read"))
    filler = b"x" * 65536
    while True:
        try:
            ready.ours[1].send(filler)
        except BlockingIOError:
            break
    ready.poller.add_writer(writing, lambda: ended.append("written"))
    await until(lambda: "read" in ended)
    assert "written" not in ended, "the buffer is full"
    for sock in ready.theirs:
        sock.close()
    await until(lambda: "written" in ended)


async def test_a_socket_without_callbacks_gets_no_hangup(make: Make) -> None:
    ready = make(1)
    ready.stop()
    told = len(ready.told)
    ready.theirs[0].close()
    await _turns_of_the_loop(5)
    assert len(ready.told) == told


async def test_without_sockets_nothing_stays_registered_in_the_loop(make: Make) -> None:
    ready = make(2)
    assert ready.poller.watched
    ready.stop()
    assert not ready.poller.watched
    ready.read(0, lambda: None)
    assert ready.poller.watched
    await until(lambda: ready.told)


async def test_an_exception_ends_only_the_turn(make: Make) -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
    ready = make(3, seconds=60.0)
    fault = RuntimeError("a fault of ours")

    def breaks() -> None:
        ready.poller.remove_reader(ready.ours[0].fileno())
        raise fault

    ready.read(0, breaks)
    for number in (1, 2):
        ready.read(number, lambda number=number: ready.ours[number].recv(1))
    await until(lambda: len(ready.told) == 3)
    assert faults == [fault]


async def test_a_change_while_a_socket_waits_for_its_turn_is_kept(make: Make) -> None:
    ready = make(2)
    written: list[str] = []
    fd = ready.ours[0].fileno()
    # The first one's turn has stopped the second, and registers it again while it waits for its own turn.
    ready.read(0, lambda: ready.poller.add_writer(ready.ours[1].fileno(), lambda: written.append("w")))
    await until(lambda: len(written) >= 2 and ready.told.count(1) >= 2)
    ready.poller.remove_writer(ready.ours[1].fileno())
    ready.poller.remove_reader(fd)
    ready.read(0, lambda: None)
    before = ready.told.count(0)
    await until(lambda: ready.told.count(0) > before + 1)
