"""Variables and functions on a real Asterisk: memory, other users' calls, the tables."""

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from amiproxy.ami.catalogue.functions import FUNCTIONS
from tests.asterisk.door import LIMITS
from tests.asterisk.lab import chroot
from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.cache import Unavailable
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import ProxyProcess, hashed
from tests.support.requirements import give_up

SECRET = "variables"
ACCOUNT = f"\n[asker]\nsecret = {SECRET}\nread = all\nwrite = call,originate\n"
#: A pattern for which regcomp takes hundreds of megabytes, and the memory that an honest one may add.
COSTLY = "a{0,4000}"
MUCH = 100 << 10
LITTLE = 20 << 10


def instance(suite: str) -> Iterator[Asterisk]:
    try:
        asterisk = Asterisk(suite, manager_extra=ACCOUNT)
    except Unavailable as reason:
        give_up("ASTERISK", reason)
    try:
        asterisk.start()
        yield asterisk
    finally:
        asterisk.remove()


@pytest.fixture(scope="module")
def server() -> Iterator[Asterisk]:
    """An Asterisk of its own: its memory is measured."""
    for asterisk in instance("sid"):
        asterisk.cli("module load func_groupcount.so")
        yield asterisk


@pytest.fixture(scope="module")
def proxy(server: Asterisk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxyProcess]:
    process = ProxyProcess(
        tmp_path_factory.mktemp("proxy"),
        (server.host, server.port, server.user, server.secret),
        {
            "asker": {"secret": hashed(SECRET), "read": "all", "write": "call,originate"},
            "scoped": {
                "secret": hashed(SECRET),
                "read": "all",
                "write": "call,originate",
                "scope": {"channels": ["PJSIP/100"]},
                "functions": ["*"],
            },
            "admin": {"secret": hashed(SECRET), "read": "all", "write": "all"},
        },
        limits=LIMITS,
    )
    process.start(linked=True)
    try:
        yield process
        process.stop()
    finally:
        process.kill()


def process_of(asterisk: Asterisk) -> Path:
    """The process in /proc."""
    own = f"/srv/{asterisk.directory.name}/etc/asterisk.conf".encode()
    for found in Path("/proc").glob("[0-9]*"):
        try:
            command = (found / "cmdline").read_bytes()
        except OSError:
            continue
        if own in command and command.split(b"\0")[0].endswith(b"asterisk"):
            return found
    raise AssertionError(f"{asterisk} is not there")


def forget_peak(asterisk: Asterisk) -> int:
    """The memory that Asterisk has now, in KiB; from here on the highest is recorded.

    Memory that an earlier test freed goes back to the system first: taken again, it would show in no peak.
    """
    asterisk.cli("malloc trim")
    process = process_of(asterisk)
    (process / "clear_refs").write_text("5")
    return peak(asterisk)


def peak(asterisk: Asterisk) -> int:
    return int(re.findall(r"VmHWM:\s+(\d+)", (process_of(asterisk) / "status").read_text())[0])


QUESTIONS = {
    "channels": ("Getvar", {"Variable": f"CHANNELS({COSTLY})"}),
    "group": ("Getvar", {"Variable": f"GROUP_MATCH_COUNT({COSTLY})"}),
    "category": ("Getvar", {"Variable": f"GROUP_MATCH_COUNT(a@{COSTLY})"}),
    "regex": ("Getvar", {"Variable": f'REGEX("{COSTLY}" x)'}),
    "status": ("Status", {"Variables": f"A,CHANNELS({COSTLY})"}),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("user", ["asker", "admin"])
async def test_no_pattern_takes_asterisks_memory(
    server: Asterisk, proxy: ProxyProcess, name: str, user: str
) -> None:
    action, headers = QUESTIONS[name]
    async with await AmiClient.connect(server.host, server.port) as client:
        await client.login("asker", SECRET)
        await client.action(
            "Originate", Channel="Local/wait90-memory@lab", Application="Wait", Data="90", Async="true"
        )
        channel = (await client.wait_event("OriginateResponse")).get("Channel")
        async with await proxy.connect() as ours:
            await ours.login(user, SECRET)
            before = forget_peak(server)
            answer = await ours.action(action, **headers)
            assert answer.get("Response") == "Error", answer
            await asyncio.sleep(0.5)
            assert peak(server) - before < LITTLE
        before = forget_peak(server)
        await client.action(action, **headers, within=30)
        give_up_at = time.monotonic() + 15
        while peak(server) - before < MUCH:
            assert time.monotonic() < give_up_at, "the way is not open at all: this proves nothing"
            await asyncio.sleep(0.05)
        await client.action("Hangup", Channel=channel, within=30)


ABOUT_OTHERS = [
    "CHANNELS()",
    "CONFBRIDGE_INFO(parties,others)",
    "DEVICE_STATE(confbridge:others)",
    "QUEUE_WAITING_COUNT(lab-queue)",
    "GROUP_COUNT(others)",
    "EXTENSION_STATE(100@lab)",
]


async def test_a_scoped_user_learns_nothing_about_other_users_calls(
    server: Asterisk, proxy: ProxyProcess
) -> None:
    async with await AmiClient.connect(server.host, server.port) as client:
        await client.login("asker", SECRET)
        await client.action(
            "Originate",
            Channel="Local/wait5-others@lab",
            Application="ConfBridge",
            Data="others",
            Async="true",
        )
        joined = await client.wait_event("ConfbridgeJoin")
        channel = joined.get("Channel") or ""
        questions = [*ABOUT_OTHERS, f"CHANNEL_EXISTS({channel})"]
        for question in questions:
            answer = await client.action("Getvar", Variable=question)
            assert answer.get("Response") == "Success", (question, answer)
            if "(parties" in question or "EXISTS" in question:
                assert answer.get("Value") == "1", answer
        async with await proxy.connect() as ours:
            await ours.login("scoped", SECRET)
            for question in questions:
                answer = await ours.action("Getvar", Variable=question)
                assert (answer.get("Response"), answer.get("Value")) == ("Error", None), (question, answer)
            own = await ours.action("Getvar", Variable="DEVICE_STATE(PJSIP/100)")
            assert own.get("Response") == "Success", own


@pytest.mark.parametrize("suite", ["sid", "bullseye"])
def test_asterisk_distinguishes_the_case_of_names(suite: str, request: pytest.FixtureRequest) -> None:
    asterisk: Asterisk = request.getfixturevalue("asterisk22" if suite == "sid" else "asterisk16")
    asterisk.cli("dialplan set global CASE_OF_NAMES upper")
    asterisk.cli("dialplan set global case_of_names lower")
    shown = asterisk.cli("dialplan show globals")
    assert re.search(r"(?m)CASE_OF_NAMES=upper", shown)
    assert re.search(r"(?m)case_of_names=lower", shown)


#: Functions of Asterisk itself that the table leaves out, with the reason.
LEFT_OUT: dict[str, str] = {}
#: These need hardware or hosts, or crash Asterisk without them.
NOT_LOADED = {"app_adsiprog.so", "app_getcpeid.so", "app_dahdiras.so"}


@pytest.mark.timeout(150)
@pytest.mark.parametrize("suite", ["sid", "bullseye"])
def test_every_function_that_asterisk_has_is_in_the_table(suite: str) -> None:
    for asterisk in instance(suite):
        modules = next(chroot.ready(suite).glob("usr/lib/**/asterisk/modules"))
        for prefix in ("res_odbc", "res_pjsip.", "res_pjsip_session", "res_pjsip_header", "func_", "app_"):
            for module in sorted(modules.glob(f"{prefix}*.so")):
                if module.name not in NOT_LOADED:
                    asterisk.cli(f"module load {module.name}")
        shown = asterisk.cli("core show functions")
        names = set(re.findall(r"(?m)^([A-Za-z0-9_]+) {2,}", shown)) - {"Installed"}
        assert len(names) > 100, shown[-2000:]
        assert {name for name in names if name.encode() not in FUNCTIONS} == set(LEFT_OUT)
