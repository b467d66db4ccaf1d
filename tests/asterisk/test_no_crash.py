"""Arguments that crash Asterisk itself: at its own door they do, at ours they do not reach it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.asterisk.door import LIMITS
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.support.ami_client import AmiClient, Message
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.requirements import give_up

SECRET = "attacker"
CLASSES = ["agi", "command", "config", "reporting"]
ACCOUNT = f"\n[attacker]\nsecret = {SECRET}\nread =\nwrite = {','.join(CLASSES)}\n"
USER = {"secret": hashed(SECRET), "read": [], "write": CLASSES}

#: The action of each way; the channel that it names, if any, has to exist.
Way = Callable[[AmiClient, AmiClient], Awaitable[Message]]


async def under_agi(admin: AmiClient, channel: str, **headers: str) -> str:
    """A channel under asynchronous AGI."""
    await admin.action("Originate", Channel=channel, Async="true", **headers)
    started = await admin.wait_event("AsyncAGIStart")
    return started.get("Channel") or ""


async def words_in_quotes(client: AmiClient, admin: AmiClient) -> Message:
    """res_agi limits the words of a command to 127, but not those in quotes."""
    channel = await under_agi(admin, "Local/agi@lab/n", Application="Wait", Data="9")
    return await client.action("AGI", Channel=channel, Command="NOOP" + ' ""' * 330)


async def option_without_a_time(client: AmiClient, admin: AmiClient) -> Message:
    """It queries the dialplan that the channel runs; this one runs none."""
    channel = await under_agi(admin, "Local/wait9@lab/n", Application="AGI", Data="agi:async")
    return await client.action("AGI", Channel=channel, Command="GET OPTION beep #")


def update(action: str, **headers: str) -> dict[str, str]:
    return {
        "SrcFilename": "crash.conf",
        "DstFilename": "crash.conf",
        "Action-000000": action,
        **{f"{name}-000000": value for name, value in headers.items()},
    }


async def templates(client: AmiClient, _: AmiClient) -> Message:
    """The first of them does not exist: Asterisk frees the rest of the list from its middle."""
    headers = update("NewCat", Cat="new", Options='inherit="none,such"')
    return await client.action("UpdateConfig", **headers)


async def behind_the_end(client: AmiClient, _: AmiClient) -> Message:
    """The section has no lines."""
    headers = update("Insert", Cat="empty", Var="a", Value="b", Line="1")
    return await client.action("UpdateConfig", **headers)


async def row_of_a_profile(client: AmiClient, _: AmiClient) -> Message:
    """Its number becomes negative."""
    return await client.action("Command", Command="core show profile 2147483648")


@pytest.fixture(scope="module", params=["sid", "bullseye"])
def server(request: pytest.FixtureRequest) -> Iterator[Asterisk]:
    try:
        asterisk = Asterisk(request.param, manager_extra=ACCOUNT)
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    asterisk.write("crash.conf", "[empty]\n")
    try:
        yield asterisk
    finally:
        asterisk.remove()


@pytest.fixture(scope="module")
def proxy(server: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    link = (server.host, server.port, server.user, server.secret)
    directory = tmp_path_factory.mktemp("proxy")
    process = ProxyProcess(directory, link, {"attacker": USER}, limits=LIMITS)
    server.start()
    process.start(linked=True)
    try:
        yield process
    finally:
        process.kill()


@asynccontextmanager
async def admin_of(server: Asterisk) -> AsyncIterator[AmiClient]:
    async with await AmiClient.connect(server.host, server.port) as client:
        await client.login(server.user, server.secret)
        yield client


async def answers(client: AmiClient, within: float) -> bool:
    """Whether Asterisk answers behind the proxy, at once or after a while."""
    give_up_at = time.monotonic() + within
    while True:
        with suppress(TimeoutError):
            if (await client.action("Getvar", Variable="LAB")).get("Response") == "Success":
                return True
        if time.monotonic() > give_up_at:
            return False
        await asyncio.sleep(0.05)


def is_gone(server: Asterisk) -> bool:
    give_up_at = time.monotonic() + 10
    while server.is_running and time.monotonic() < give_up_at:
        time.sleep(0.05)
    return not server.is_running


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    "way",
    [words_in_quotes, option_without_a_time, templates, behind_the_end, row_of_a_profile],
    ids=lambda way: way.__name__,
)
async def test_asterisk_crashes_at_its_own_door_and_not_at_ours(
    server: Asterisk, proxy: ProxyProcess, way: Way
) -> None:
    if not server.is_running:
        await asyncio.to_thread(server.start)
    async with await proxy.connect() as client:
        await client.login("attacker", SECRET)
        assert await answers(client, 20)
        async with admin_of(server) as admin:
            answer = await way(client, admin)
            assert answer.get("Message") == "Permission denied", answer
            assert (await admin.action("Ping")).get("Response") == "Success"
        assert server.is_running
    with suppress(ConnectionError, TimeoutError):
        async with admin_of(server) as admin, await AmiClient.connect(server.host, server.port) as client:
            await client.login("attacker", SECRET)
            await way(client, admin)
    assert await asyncio.to_thread(is_gone, server), "the way is not open at all: this proves nothing"
