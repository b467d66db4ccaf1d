"""Ways from classes originate, call and agi to a server's file: open at Asterisk's door, refused at ours."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.asterisk.door import LIMITS
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.support.ami_client import AmiClient, Message
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.requirements import give_up

SECRET = "attacker"
CLASSES = ["originate", "call", "agi"]
ACCOUNT = f"\n[attacker]\nsecret = {SECRET}\nread = all\nwrite = {','.join(CLASSES)}\n"
#: It records the file that a variable names, as queues are often configured.
QUEUE = "\n[recorded]\nmonitor-format = wav\nmonitor-type = MixMonitor\nmember => Local/member@lab/n\n"
DIALPLAN = "\n[lab-handler]\nexten => _.,1,System(touch $SPOOL/${EXTEN})\n same => n,Return()\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Asterisk]:
    try:
        asterisk = Asterisk("sid", manager_extra=ACCOUNT)
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    for name, text in (("queues", QUEUE), ("extensions", DIALPLAN.replace("$SPOOL", spool(asterisk)))):
        with (asterisk.directory / f"etc/{name}.conf").open("a") as file:
            file.write(text)
    own_sounds(asterisk)
    try:
        asterisk.start()
        asterisk.cli("module load app_waitforcond.so")
        yield asterisk
    finally:
        asterisk.remove()


@pytest.fixture(scope="module")
def proxy(server: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    user = {
        "secret": hashed(SECRET),
        "read": "all",
        "write": CLASSES,
        # A list meant for reading the call's data must not allow writing them.
        "functions": ["CHANNEL", "CALLERID"],
    }
    process = ProxyProcess(
        tmp_path_factory.mktemp("proxy"),
        (server.host, server.port, server.user, server.secret),
        {"attacker": user},
        limits=LIMITS,
    )
    process.start(linked=True)
    try:
        yield process
        process.stop()
    finally:
        process.kill()


def own_sounds(asterisk: Asterisk) -> None:
    """A folder of sounds that it may write, as on many servers."""
    data = "/usr/share/asterisk"
    here = asterisk.directory / "spool/data"
    (here / "sounds").mkdir(parents=True)
    for entry in (asterisk.directory.parents[1] / data[1:]).iterdir():
        if entry.name != "sounds":
            (here / entry.name).symlink_to(f"{data}/{entry.name}")
    os.chown(here / "sounds", *asterisk.owner)
    conf = asterisk.directory / "etc/asterisk.conf"
    conf.write_text(conf.read_text().replace(f"{data}\n", f"{spool(asterisk)}/data\n"))


def spool(asterisk: Asterisk) -> str:
    """The folder of the files, as Asterisk sees it."""
    return f"/srv/{asterisk.directory.name}/spool"


async def up(client: AmiClient, channel: str, application: str, data: str) -> str:
    """Place a call to ``channel`` that runs the application; the name of its first leg."""
    placed = await client.action(
        "Originate", Channel=channel, Application=application, Data=data, Async="true", Timeout="5000"
    )
    assert placed.get("Response") == "Success", placed
    event = await client.wait_event("Newchannel", lambda m: (m.get("Channel") or "").startswith(channel))
    return event.get("Channel") or ""


async def self_evaluating(client: AmiClient, path: str) -> Message:
    """The dollar is a character of the caller's choice, and the function's name in two pieces."""
    return await client.action(
        "Originate",
        Channel="Local/wait2-condition@lab",
        Application="WaitForCondition",
        Data=f"#,#[#{{SH#{{NOTHING}}ELL(touch {path})}}=1],1",
        Async="true",
    )


async def self_evaluating_under_agi(client: AmiClient, path: str) -> Message:
    await client.action("Originate", Channel="Local/agi@lab", Application="Wait", Data="3", Async="true")
    started = await client.wait_event("AsyncAGIStart")
    return await client.action(
        "AGI",
        Channel=started.get("Channel") or "",
        Command=f'EXEC WaitForCondition "#,#[#{{SH#{{NOTHING}}ELL(touch {path})}}=1],1"',
    )


async def recorded_queue(client: AmiClient, path: str) -> Message:
    return await client.action(
        "Originate",
        Channel="Local/wait3-recorded@lab",
        Application="Queue",
        Data="recorded,,,,3",
        Variable=f"MONITOR_FILENAME={path}",
        Async="true",
    )


async def recorded_queue_s_command(client: AmiClient, path: str) -> Message:
    return await client.action(
        "Originate",
        Channel="Local/wait3-executed@lab",
        Application="Queue",
        Data="recorded,,,,3",
        Variable=f"MONITOR_EXEC=touch {path}",
        Async="true",
    )


async def hangup_handler(client: AmiClient, path: str) -> Message:
    channel = await up(client, "Local/wait1-handler@lab", "Wait", "1")
    return await client.action(
        "Setvar",
        Channel=channel,
        Variable="CHANNEL(hangup_handler_push)",
        Value=f"lab-handler,{Path(path).name},1",
    )


def comeback(path: str) -> str:
    """The text that res_parking puts into the Dial of an extension that it makes; evaluated at the timeout.

    It truncates texts longer than 79 characters.
    """
    return f"Local/x@${{SHELL(>{path})}}-0000"


async def in_application(client: AmiClient) -> str:
    """The channel that the last Originate made, once it is answered and runs its application."""
    answered = await client.wait_event("OriginateResponse")
    return answered.get("Channel") or ""


async def parked_after(client: AmiClient, variable: str, path: str) -> Message:
    await client.action(
        "Originate", Channel="Local/wait9-parked@lab", Application="Wait", Data="9", Async="true"
    )
    channel = await in_application(client)
    assigned = await client.action("Setvar", Channel=channel, Variable=variable, Value=comeback(path))
    if assigned.get("Response") == "Error":
        return assigned
    return await client.action("Park", Channel=channel, Timeout="1000")


async def blind_transfer(client: AmiClient, path: str) -> Message:
    return await parked_after(client, "BLINDTRANSFER", path)


async def attended_transfer(client: AmiClient, path: str) -> Message:
    return await parked_after(client, "ATTENDEDTRANSFER", path)


async def inherited_transfer(client: AmiClient, path: str) -> Message:
    return await parked_after(client, "__BLINDTRANSFER", path)


async def planted(client: AmiClient, *variables: str) -> Message:
    placed = await client.action(
        "Originate",
        *(("Variable", variable) for variable in variables),
        Channel="Local/wait9-planted@lab",
        Application="Wait",
        Data="9",
        Async="true",
    )
    if placed.get("Response") == "Error":
        return placed
    return await client.action("Park", Channel=await in_application(client), Timeout="1000")


async def planted_by_originate(client: AmiClient, path: str) -> Message:
    return await planted(client, f"BLINDTRANSFER={comeback(path)}")


async def planted_behind_another(client: AmiClient, path: str) -> Message:
    return await planted(client, "CAMPAIGN=1", f"A=1,_ATTENDEDTRANSFER={comeback(path)}")


async def planted_in_quotes(client: AmiClient, path: str) -> Message:
    return await planted(client, f'"BLIND"TRANSFER={comeback(path)}')


async def transfer_under_agi(client: AmiClient, path: str) -> Message:
    await client.action("Originate", Channel="Local/agi@lab", Application="Wait", Data="9", Async="true")
    started = await client.wait_event("AsyncAGIStart")
    channel = started.get("Channel") or ""
    assigned = await client.action(
        "AGI", Channel=channel, Command=f'SET VARIABLE BLINDTRANSFER "{comeback(path)}"'
    )
    if assigned.get("Response") == "Error":
        return assigned
    await client.wait_event("AsyncAGIExec")
    return await client.action("Park", Channel=channel, Timeout="1000")


async def overwritten_sound(client: AmiClient, path: str) -> Message:
    await client.action("Originate", Channel="Local/agi@lab", Application="Wait", Data="3", Async="true")
    started = await client.wait_event("AsyncAGIStart")
    return await client.action(
        "AGI", Channel=started.get("Channel") or "", Command=f"RECORD FILE {Path(path).name} wav # 300"
    )


Attack = Callable[[AmiClient, str], Awaitable[Message]]
ATTACKS: list[Attack] = [
    self_evaluating,
    self_evaluating_under_agi,
    recorded_queue,
    recorded_queue_s_command,
    hangup_handler,
    blind_transfer,
    attended_transfer,
    inherited_transfer,
    planted_by_originate,
    planted_behind_another,
    planted_in_quotes,
    transfer_under_agi,
    overwritten_sound,
]


def found(server: Asterisk, name: str) -> list[Path]:
    return list((server.directory / "spool").rglob(f"{name}*"))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_a_file_appears_at_asterisks_door_and_not_at_ours(
    server: Asterisk, proxy: ProxyProcess, attack: Attack
) -> None:
    name = attack.__name__
    async with await AmiClient.connect(server.host, server.port) as client:
        await client.login("attacker", SECRET)
        await attack(client, f"{spool(server)}/{name}-theirs")
        give_up_at = time.monotonic() + 15
        while not found(server, f"{name}-theirs"):
            assert time.monotonic() < give_up_at, "the way is not open at all: this proves nothing"
            await asyncio.sleep(0.05)
    async with await proxy.connect() as client:
        await client.login("attacker", SECRET)
        answer = await attack(client, f"{spool(server)}/{name}-ours")
        assert answer.get("Response") == "Error", answer
        assert "blacklisted" in str(answer.get("Message")) or answer.get("Message") == "Permission denied"
        # As long as the call, if one was placed, and everything that it might have run.
        await asyncio.sleep(3 if "agi" in name or "handler" in name else 0.5)
        assert not found(server, f"{name}-ours")
