"""The ordinary actions of well-known programs: Asterisk answers alike at both doors."""

import asyncio
import time
from collections.abc import Iterator
from itertools import count

import pytest

from tests.asterisk.door import LIMITS
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.asterisk.lab.everything import with_every_module
from tests.core.policy.honest import ACTIONS, CLASSES, Honest, name_of
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.requirements import give_up

SECRET = "honest"
_numbers = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Asterisk]:
    """An Asterisk of its own, with each program's user as that program documents it."""
    extra = "".join(
        f"\n[{name}]\nsecret = {SECRET}\nread = all\nwrite = {classes}\n" for name, classes in CLASSES.items()
    )
    try:
        asterisk = with_every_module(Asterisk("sid", manager_extra=extra))
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    try:
        asterisk.start()
        yield asterisk
    finally:
        asterisk.remove()


@pytest.fixture(scope="module")
def proxy(server: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    users = {
        name: {"secret": hashed(SECRET), "read": [], "write": classes} for name, classes in CLASSES.items()
    }
    link = (server.host, server.port, server.user, server.secret)
    process = ProxyProcess(tmp_path_factory.mktemp("proxy"), link, users, limits=LIMITS)
    process.start(linked=True)
    try:
        yield process
        process.stop()
    finally:
        process.kill()


async def call(admin: AmiClient) -> str:
    """A new call that is up; its first channel."""
    name = f"honest-{next(_numbers)}"
    await admin.action(
        "Originate",
        Channel=f"Local/wait60-{name}@lab/n",
        Application="Wait",
        Data="60",
        ChannelId=name,
        OtherChannelId=f"{name}-2",
        Async="true",
    )
    deadline = time.monotonic() + 20
    while (await admin.action("Getvar", Channel=name, Variable="CHANNEL(state)")).get("Value") != "Up":
        assert time.monotonic() < deadline, "the call does not come up"
        await asyncio.sleep(0.01)
    found = await admin.action("Getvar", Channel=name, Variable="CHANNEL(name)")
    return found.get("Value") or ""


async def answer(client: AmiClient, admin: AmiClient, honest: Honest) -> tuple[str | None, str | None]:
    channels = {name: await call(admin) for name in ("channel", "other") if "{" + name + "}" in honest.text}
    action_id = f"honest-{next(_numbers)}"
    raw = honest.raw(**channels).replace(b"\r\n", f"\r\nActionID: {action_id}\r\n".encode(), 1)
    client.send_raw(raw)
    message = await client.response(action_id, within=15)
    text = message.get("Message")
    for name, channel in channels.items():
        text = text.replace(channel, "{" + name + "}") if text else text
        await admin.action("Hangup", Channel=channel)
    # Asterisk ends the Message of Park with an extra line end; ours has one line.
    return message.get("Response"), text.strip() if text else text


@pytest.mark.parametrize("program", CLASSES)
async def test_asterisk_answers_alike_at_both_doors(
    server: Asterisk, proxy: ProxyProcess, program: str
) -> None:
    async with (
        await AmiClient.connect(server.host, server.port) as admin,
        await AmiClient.connect(server.host, server.port) as direct,
        await proxy.connect() as proxied,
    ):
        await admin.login(server.user, server.secret, Events="off")
        await direct.login(program, SECRET, Events="off")
        await proxied.login(program, SECRET, Events="off")
        theirs, ours = [
            # Each at one door from the first to the last: an object that one adds, a later one removes.
            {
                name_of(honest): await answer(client, admin, honest)
                for honest in ACTIONS
                if honest.program == program
            }
            for client in (direct, proxied)
        ]
    assert [text for response, text in theirs.values() if text == "Permission denied"] == []
    assert {name: (theirs[name], ours[name]) for name in theirs if theirs[name] != ours[name]} == {}
