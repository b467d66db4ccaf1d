"""State at real Asterisks: flows and events lead to what the native lists say, however busy it is."""

import asyncio
import threading
import time

import pytest

from amiproxy.core.history.kinds.bridges import Bridges
from amiproxy.core.history.kinds.channels import Channels
from amiproxy.core.history.state.state import SETTLE_SECONDS
from tests.asterisk.follower import Follower, Found
from tests.asterisk.history.attempts import attempts
from tests.asterisk.history.flows import Flows
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient

#: Seconds of flows, and between two of them.
SECONDS = 20.0
PAUSE = 0.1
#: Seconds between two attempts at an audit.
BETWEEN = 0.5


def follow(follower: Follower, stop: threading.Event) -> None:
    """Follow the events until the flows are over, and have the lists asked as an audit again and again."""
    audit = time.monotonic()
    while not stop.is_set():
        follower.pump(0.05)
        if time.monotonic() > audit:
            audit = time.monotonic() + BETWEEN
            follower.state.seed_all(audit=True)


async def flow(asterisk: Asterisk, seed: int) -> dict[str, int]:
    """Run flows; returns how many of each were run."""
    async with await AmiClient.connect(asterisk.host, asterisk.port) as ami:
        await ami.login(asterisk.user, asterisk.secret, Events="off")
        flows = Flows(ami, seed, spares=asterisk.version)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            await flows.step()
            await asyncio.sleep(PAUSE)
        return flows.run


#: How events begin that end an item, and those that begin one.
ENDED = (b"Event: Hangup\r\n", b"Event: BridgeDestroy\r\n")
BEGUN = (b"Event: Newchannel\r\n", b"Event: BridgeCreate\r\n")
IN_BRIDGE = (b"Event: BridgeEnter\r\n", b"Event: BridgeLeave\r\n")


def told(events: list[bytes], found: Found) -> list[bytes]:
    """The events that have told what an audit found, by rules that share nothing with the product.

    Now and then an Asterisk with much to do does not write an event, at its own port either.  What it has
    not told, such as a Hangup, nobody can know from events.
    """
    result = [raw for key in found.drift.surplus for raw in events if raw.startswith(ENDED) and key in raw]
    result += [raw for key in found.drift.unknown for raw in events if raw.startswith(BEGUN) and key in raw]
    for key, name, value in found.listed:
        about = [raw for raw in events if b"\r\nUniqueid: " + key + b"\r\n" in raw]
        if name == b"BridgeId":
            last = [raw for raw in about if raw.startswith(IN_BRIDGE)][-1:]
            sign = b"BridgeUniqueid: " + value if value else IN_BRIDGE[1].strip()
            result += [raw for raw in last if sign in raw and raw.startswith(IN_BRIDGE[not value])]
        else:
            last = [raw for raw in about if b"\r\nChannelState: " in raw][-1:]
            result += [raw for raw in last if b"\r\n" + name + b": " + value + b"\r\n" in raw]
    return result


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_what_events_tell_is_never_found_by_an_audit(pbx: Asterisk) -> None:
    """The lists are asked again and again while calls begin, move and end."""

    async def attempt(seed: int) -> None:
        await audit_again_and_again(pbx, seed)

    await attempts(pbx, 22, attempt)


async def audit_again_and_again(pbx: Asterisk, seed: int) -> None:
    with Follower(pbx, (Channels, Bridges)) as follower:
        stop = threading.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.to_thread(follow, follower, stop))
            try:
                run = await flow(pbx, seed)
            finally:
                stop.set()
        follower.pump(SETTLE_SECONDS * 5)
        assert len(run) > 8
        assert follower.counts.seeds["channels"] > 3
        follower.state.seed_all(audit=True)  # the last audit, of what is there when nothing happens any more
        follower.pump(SETTLE_SECONDS * 5)
        assert [raw for found in follower.state.found for raw in told(follower.events, found)] == []


async def storm(asterisk: Asterisk, witness: AmiClient) -> None:
    """Begin and end calls as fast as Asterisk can."""
    async with await AmiClient.connect(asterisk.host, asterisk.port) as ami:
        await ami.login(asterisk.user, asterisk.secret, Events="off")
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            call = {"Channel": "Local/echo@flows", "Context": "flows", "Exten": "dial", "Priority": "1"}
            for _ in range(10):
                await ami.action("Originate", **call, Async="true")
            if len(witness.log) % 7 == 0 or time.monotonic() > until - 1:
                await ami.action("Hangup", Channel="/^Local/")
            await asyncio.sleep(0.02)
        await ami.action("Hangup", Channel="/^Local/")


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_what_an_audit_of_a_busy_asterisk_finds_was_told_to_no_other_session_either(
    pbx: Asterisk,
) -> None:
    """A busy Asterisk does not write all of its events: this is not drift of the proxy."""
    with Follower(pbx, (Channels, Bridges)) as follower:
        async with await AmiClient.connect(pbx.host, pbx.port) as witness:
            await witness.login(pbx.user, pbx.secret)
            stop = threading.Event()
            async with asyncio.TaskGroup() as tasks:
                following = tasks.create_task(asyncio.to_thread(follow, follower, stop))
                await storm(pbx, witness)
                await asyncio.sleep(SETTLE_SECONDS * 5)
                stop.set()
                await following
            follower.state.seed_all(audit=True)
            follower.pump(SETTLE_SECONDS * 5)
            theirs = [message.raw for message in witness.log if message.event]
        assert len(theirs) > 5000
        assert [raw for found in follower.state.found for raw in told(theirs, found)] == []
        assert [raw for found in follower.state.found for raw in told(follower.events, found)] == []
