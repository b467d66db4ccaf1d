"""Followers take events from the journals in the rhythm in which clients are sent theirs."""

from amiproxy.ami import privilege
from amiproxy.core.model.limits import HistoryBounds
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench, event

CALLS = User("calls", read=privilege.CALL, secret="plain:x")


class Follower:
    def __init__(self, bench: Bench) -> None:
        self._server = bench.server()
        self._server.keep(HistoryBounds(), present=False)
        self._taken = 0
        #: How many events there were at each flush.
        self.flushes: list[int] = []

    @property
    def waits(self) -> bool:
        journal = self._server.journal
        return journal is not None and journal.last > self._taken

    def flushed(self) -> None:
        journal = self._server.journal
        assert journal is not None
        self.flushes.append(journal.last - self._taken)
        self._taken = journal.last


class Broken(Follower):
    def flushed(self) -> None:
        raise RuntimeError


def test_without_a_client_there_is_a_flush_for_a_follower() -> None:
    bench = Bench()
    bench.link_up()
    follower = Follower(bench)
    bench.hub.followers.append(follower)
    bench.feed(event("One"), event("Two"))
    assert follower.flushes == [2]
    bench.hub.settle()
    assert follower.flushes == [2], "there is nothing that it has not taken"


def test_events_wait_for_the_flush_as_those_for_clients_do() -> None:
    bench = Bench(interval=0.05)
    bench.link_up()
    follower = Follower(bench)
    bench.hub.followers.append(follower)
    bench.feed(event("One"))
    bench.feed(event("Two"))
    bench.feed(event("Three"))
    assert follower.flushes == [1], "the first is not delayed after a pause"
    bench.clock.advance(0.05)
    assert follower.flushes == [1, 2]


def test_without_a_follower_nothing_is_flushed_for_nobody() -> None:
    bench = Bench()
    bench.link_up()
    bench.server().keep(HistoryBounds(), present=False)
    bench.feed(event("One"))
    assert not bench.hub.stats.flushes


def test_a_fault_of_a_follower_is_reported_and_others_are_served() -> None:
    bench = Bench(CALLS)
    bench.link_up()
    _, transport = bench.login("calls")
    follower = Follower(bench)
    bench.hub.followers.extend([Broken(bench), follower])
    bench.feed(event("One"))
    assert follower.flushes == [1]
    assert transport.take() == event("One")
    assert bench.hub.stats.faults == 1
