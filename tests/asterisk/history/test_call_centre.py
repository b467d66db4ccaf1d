"""Queues, agents, parked calls, conferences of real Asterisks: events lead to what the lists say."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from amiproxy.core.history.kinds.channels import Channels
from tests.asterisk.follower import Follower
from tests.asterisk.history.attempts import attempts
from tests.asterisk.history.callcentre import MAKERS, QUEUES, Flows, Watch, call_centre
from tests.asterisk.lab import chroot
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.support.requirements import give_up

pytestmark = pytest.mark.long

STEPS = 60


@pytest.fixture(scope="module", params=["22", "16"])
def centre(request: pytest.FixtureRequest) -> Iterator[Asterisk]:
    suite = next(suite for suite, version in chroot.SUITES.items() if version == request.param)
    try:
        asterisk = call_centre(suite)
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    try:
        asterisk.start()
        yield asterisk
    finally:
        asterisk.remove()


@contextmanager
def following(centre: Asterisk) -> Iterator[Follower]:
    with Follower(centre, [Channels, *MAKERS]) as one:
        yield one
        one.do("Hangup", Channel="/^Local/")
        one.until(lambda: not one.listed("channels"))


@pytest.fixture
def follower(centre: Asterisk) -> Iterator[Follower]:
    if not centre.is_running:  # it crashed by itself after the random flows of another test
        centre.start()
    with following(centre) as one:
        yield one


def value(follower: Follower, kind: str, key: bytes, field: str) -> str:
    item = follower.items(kind).get(key)
    return "" if item is None else item.values.get(field.encode(), b"").decode()


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_flows_lead_to_what_the_lists_say(centre: Asterisk, seed: int) -> None:
    async def attempt(seed: int) -> None:
        with following(centre) as follower:
            run_flows(follower, seed)

    await attempts(centre, seed, attempt)


def run_flows(follower: Follower, seed: int) -> None:
    """Run flows, and wait now and then until the events have led to what the lists say."""
    watch = Watch(follower)
    flows = Flows(follower, seed)
    for number in range(STEPS):
        flows.step()
        if number % 20 == 19:
            watch.settle()
    assert sum(map(len, watch.kinds)) > 5


def test_an_agent_logs_in_talks_and_logs_off(follower: Follower) -> None:
    watch = Watch(follower)
    follower.originate("Local/stay@centre/n", "login-1001", "centre")
    follower.until(lambda: value(follower, "agents", b"1001", "Status") == "AGENT_IDLE")
    member = {"Queue": "agents", "Interface": "Local/request-1001@centre"}
    follower.do("QueueAdd", StateInterface="Agent:1001", **member)
    follower.originate("Local/stay@centre/n", "queue-agents-30", "centre")
    follower.until(lambda: value(follower, "agents", b"1001", "Status") == "AGENT_ONCALL")
    watch.settle()
    follower.do("AgentLogoff", Agent="1001", Soft="false")
    follower.until(lambda: value(follower, "agents", b"1001", "Status") == "AGENT_LOGGEDOFF")
    follower.do("QueueRemove", **member)
    watch.settle()


def queue_call(follower: Follower, interface: str) -> None:
    """A new member of ``idle`` takes a call."""
    seen = len(follower.events)
    follower.do("QueueAdd", Queue="idle", Interface=interface)
    follower.originate("Local/stay@centre/n", "queue-idle-60", "centre")
    follower.until(lambda: any(raw.startswith(b"Event: AgentConnect") for raw in follower.events[seen:]))
    key = b"QueueMember\0idle\0" + interface.encode()
    follower.until(lambda: follower.listed("queues")[key].values[b"InCall"] == b"1")


@pytest.mark.parametrize("ends", ["/^Local.stay/", "/^Local/"])
@pytest.mark.parametrize("interface", ["Local/member30@centre/n", "Local/member30@centre"])
def test_a_call_counts_although_its_member_was_removed(
    centre: Asterisk, follower: Follower, interface: str, ends: str
) -> None:
    """One side or both are hung up; who has the list from before the call, or from during it, counts it."""
    before = Watch(follower)
    queue_call(follower, interface)
    with Follower(centre, MAKERS) as late:
        during = Watch(late)
        follower.do("QueueRemove", Queue="idle", Interface=interface)
        follower.until(
            lambda: not value(follower, "queues", b"QueueMember\0idle\0" + interface.encode(), "Name")
        )
        follower.do("Hangup", Channel=ends)
        follower.until(lambda: not follower.listed("channels"))
        for watch in (before, during):
            watch.settle_counters("idle")
            watch.settle()


def test_a_call_counts_if_both_sides_are_hung_up_at_once(follower: Follower) -> None:
    watch = Watch(follower)
    member = "Local/member30@centre"
    queue_call(follower, member)
    follower.do("Hangup", Channel="/^Local/")
    follower.until(lambda: not follower.listed("channels"))
    watch.settle_counters("idle")
    follower.do("QueueRemove", Queue="idle", Interface=member)
    watch.settle()


def test_a_reload_tells_new_queues_and_members(follower: Follower, centre: Asterisk) -> None:
    centre.write("queues.conf", f"{QUEUES}member => Local/member3@centre/n,5,Eve\n\n[new]\nweight = 3\n")
    follower.do("Reload", Module="app_queue.so")
    follower.until(lambda: value(follower, "queues", b"QueueParams\0new", "Weight") == "3")
    key = b"QueueMember\0idle\0Local/member3@centre/n"
    assert value(follower, "queues", key, "Name") == "Eve"
    centre.write("queues.conf", QUEUES)
    follower.do("Reload", Module="app_queue.so")
    follower.until(lambda: not value(follower, "queues", b"QueueParams\0new", "Weight"))


def test_a_parked_call_comes_back_after_its_time(follower: Follower) -> None:
    watch = Watch(follower)
    follower.originate("Local/stay@centre/n", "parkshort", "centre")
    follower.until(lambda: bool(follower.items("parked")))
    follower.until(lambda: not follower.items("parked"))
    assert any(raw.startswith(b"Event: ParkedCallTimeOut\r\n") for raw in follower.events)
    watch.settle()
