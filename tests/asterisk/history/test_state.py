"""State at real Asterisks: flows and events lead to what the native lists say, however busy it is."""

import asyncio
import threading
import time

import pytest

from amiproxy.core.history.kinds.table import KINDS
from amiproxy.core.history.state.state import SETTLE_SECONDS
from tests.asterisk.follower import Follower
from tests.asterisk.history.flows import Flows
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient

#: Seconds of flows, and between two of them: an Asterisk that has to write thousands of events a second loses
#: some, at its own port too.
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
        flows = Flows(ami, seed)
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            await flows.step()
            await asyncio.sleep(PAUSE)
        return flows.run


@pytest.mark.long
@pytest.mark.timeout(180)
async def test_events_tell_all_that_the_lists_tell(pbx: Asterisk) -> None:
    """The lists are asked in the busy time, and what no event had told then counts as drift."""
    with Follower(pbx, KINDS) as follower:
        stop = threading.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.to_thread(follow, follower, stop))
            try:
                run = await flow(pbx, seed=22)
            finally:
                stop.set()
        assert len(run) > 8
        follower.pump(SETTLE_SECONDS * 5)
        assert follower.counts.seeds["channels"] > 5
        follower.settle()
        assert follower.counts.drift == {}, follower.state.found
