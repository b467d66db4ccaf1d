"""The user that must not notice when another user tries its worst, and the measurements of that."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.worst import SECRET, USER
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import ProxyProcess, hashed

VICTIM: Final = "victim"
#: Its tones wait for no other user's.
CALLER: Final = "caller"
_CLASSES: Final = ("call", "reporting", "command", "system")
USERS: Final = {
    VICTIM: {"secret": hashed(VICTIM), "read": "all", "write": "all"},
    CALLER: {"secret": hashed(CALLER), "read": "all", "write": [*_CLASSES]},
    USER: {"secret": hashed(SECRET), "read": "all", "write": [*_CLASSES]},
}
#: Loopback counts as any other address, with rates that do not delay the victim's own measurement.
LIMITS: Final = {
    "exempt": ["192.0.2.0/24"],
    "action_rate": 100,
    "connection_burst": 1000,
}
#: Seconds between two of the victim's Getvars, and until an attack is in progress.
_PAUSE, _BEGINNING = 0.011, 1.5


async def call(client: AmiClient, name: str) -> str:
    """A call that stays for a minute; the name of its first leg."""
    await client.action(
        "Originate", Channel=f"Local/wait60-{name}@lab", Application="Wait", Data="60", Async="true"
    )
    event = await client.wait_event("Newchannel", lambda m: f"wait60-{name}@" in (m.get("Channel") or ""))
    await asyncio.sleep(0.3)
    return event.get("Channel") or ""


async def directly(asterisk: Asterisk) -> AmiClient:
    """A session at Asterisk's own door."""
    client = await AmiClient.connect(asterisk.host, asterisk.port)
    await client.login(asterisk.user, asterisk.secret)
    return client


async def through(proxy: ProxyProcess, user: str, secret: str) -> AmiClient:
    """A session at the proxy's."""
    client = await proxy.connect()
    assert (await client.login(user, secret)).get("Message") == "Authentication accepted"
    return client


async def getvar(client: AmiClient, channel: str) -> float:
    """Seconds that a Getvar takes."""
    began = time.monotonic()
    answer = await client.action("Getvar", Channel=channel, Variable="LAB")
    assert answer.get("Response") == "Success", answer
    return time.monotonic() - began


async def p99(client: AmiClient, control: AmiClient, channel: str, samples: int) -> tuple[float, float]:
    """The 99th percentile of the seconds of the Getvars; the same of those of the control in between."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(samples):
        for asker, taken in ((client, ours), (control, theirs)):
            taken.append(await getvar(asker, channel))
            asker.log.clear()
            await asyncio.sleep(_PAUSE / 2)
    return _p99(ours), _p99(theirs)


def _p99(taken: list[float]) -> float:
    return sorted(taken)[-1 - max(1, len(taken) // 100)]


@contextmanager
def attacking(proxy: ProxyProcess, attack: str, channel: str) -> Iterator[None]:
    """While inside, a user tries its worst."""
    arguments = [str(proxy.port), str(proxy.cafile), attack, channel]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.asterisk.worst", *arguments], cwd=Path(__file__).parents[2]
    )
    try:
        time.sleep(_BEGINNING)
        yield
        assert process.poll() is None, "it attacks no more: this proves nothing"
    finally:
        process.kill()
        process.wait()
