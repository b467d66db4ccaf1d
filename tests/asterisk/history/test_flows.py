"""The control of the tests beside it: at Asterisk's own port, the dashboard's rules agree with the lists."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.asterisk.history.attempts import attempts
from tests.asterisk.history.client import Picture
from tests.asterisk.history.flows import Flows, fence, listed, settled
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient

STEPS = 60


@asynccontextmanager
async def sessions(pbx: Asterisk) -> AsyncIterator[tuple[AmiClient, AmiClient]]:
    """One that acts, and one that gets events."""
    async with (
        await AmiClient.connect(pbx.host, pbx.port) as acting,
        await AmiClient.connect(pbx.host, pbx.port) as watching,
    ):
        await acting.login(pbx.user, pbx.secret, Events="off")
        await watching.login(pbx.user, pbx.secret)
        yield acting, watching


@pytest.mark.parametrize("seed", [1, 2])
async def test_lists_and_events_agree_once_nothing_happens_any_more(pbx: Asterisk, seed: int) -> None:
    async def attempt(seed: int) -> None:
        async with sessions(pbx) as (acting, watching):
            await flow(acting, watching, Flows(acting, seed, spares=pbx.version))

    await attempts(pbx, seed, attempt)


async def flow(acting: AmiClient, watching: AmiClient, flows: Flows) -> None:
    """Run flows; then the lists and what the events have told agree."""
    await fence(acting, watching)
    picture = Picture(await listed(acting))
    await fence(acting, watching)
    watching.log.clear()
    for _ in range(STEPS):
        await flows.step()

    async def differences() -> list[str]:
        native = Picture(await listed(acting))
        await fence(acting, watching)
        for message in watching.log:
            if message.event:
                picture.apply(dict(message.headers))
        watching.log.clear()
        watching.inbox.clear()
        return picture.differences(native)

    assert not (found := await settled(differences)), found
    assert len(flows.run) > 8
    await flows.end_all()
