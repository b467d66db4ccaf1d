"""Each trap that tests.attack sets works: it catches the same attacks at Asterisk's own door."""

import asyncio
import os
import signal
import time

import pytest

from tests.attack.target import Target, watched
from tests.support.proxy_process import ProxyProcess

#: Actions of its own, all-powerful user at Asterisk's door, and the effect that must occur.
ATTACKS = [
    (
        "file",
        "Originate",
        {"Channel": "Local/own@own", "Application": "System", "Data": "touch {traps}/run"},
    ),
    (
        "file",
        "Park",
        {"Channel": "{own}", "TimeoutChannel": "Local/x@${{SHELL(id>{traps}/park)}}-0", "Timeout": "200"},
    ),
    ("file", "Originate", {"Channel": "Local/own@own", "Variable": "FILE({traps}/written,,,a)=x"}),
    ("file", "MixMonitor", {"Channel": "{own}", "File": "{traps}/recorded.wav"}),
    ("secret", "Originate", {"Channel": "Local/x@secret"}),
    ("secret", "Redirect", {"Channel": "{own}", "Context": "secret", "Exten": "x", "Priority": "1"}),
    ("secret", "Park", {"Channel": "{own}", "TimeoutChannel": "Local/x@secret-0000", "Timeout": "200"}),
    (
        "connection",
        "Originate",
        {"Channel": "AudioSocket/127.0.0.1:{tcp}/40325ec2-5efd-4bd3-805f-53576e581d13"},
    ),
    ("connection", "Originate", {"Channel": "UnicastRTP/127.0.0.1:{udp}", "Application": "Milliwatt"}),
    (
        "connection",
        "Originate",
        {"Channel": "MulticastRTP/basic/127.0.0.1:{udp}", "Application": "Milliwatt"},
    ),
    ("connection", "Originate", {"Channel": "PJSIP/200/sip:x@127.0.0.1:{udp}"}),
    (
        "connection",
        "Originate",
        {"Channel": "Local/own@own", "Application": "Playback", "Data": "http://127.0.0.1:{tcp}/x.wav"},
    ),
    ("neighbour", "Hangup", {"Channel": "/neighbour/"}),
    ("neighbour", "Redirect", {"Channel": "{second}", "Context": "own", "Exten": "own", "Priority": "1"}),
    ("database", "DBPut", {"Family": "victim", "Key": "key", "Val": "touched"}),
    ("database", "DBDelTree", {"Family": "victim"}),
    ("globals", "Setvar", {"Variable": "LAB", "Value": "touched"}),
    ("memory", "Getvar", {"Variable": "CHANNELS(a{{0,8000}})"}),
]


@pytest.mark.parametrize(("effect", "action", "headers"), ATTACKS)
async def test_an_attack_at_asterisks_door_is_caught(
    target: Target, effect: str, action: str, headers: dict[str, str]
) -> None:
    assert await target.tripped() == {}
    own, _ = await target.call()
    values = {
        "own": own,
        "second": target.neighbour[:-1] + "2",
        "traps": target.traps,
        "tcp": str(target.ports.tcp),
        "udp": str(target.ports.udp),
    }
    said = {name: value.format_map(values) for name, value in headers.items()}
    if action == "Originate":
        said = {"Application": "Wait", "Data": "1", "Async": "true", **said}
    await target.admin.action(action, **said)
    give_up_at = time.monotonic() + 10
    while effect not in await target.tripped():
        assert time.monotonic() < give_up_at, "nothing fell into the trap: it proves nothing"
        await asyncio.sleep(0.05)


async def test_a_slow_answer_to_a_neighbour_is_caught(
    target: Target, attacked: tuple[Target, ProxyProcess]
) -> None:
    async with watched(target, attacked[1]):
        await asyncio.sleep(0.2)
        assert await target.tripped() == {}
        os.kill(target.pid, signal.SIGSTOP)
        await asyncio.sleep(1.3)
        os.kill(target.pid, signal.SIGCONT)
        tripped: set[str] = set()
        for _ in range(50):
            await asyncio.sleep(0.1)
            tripped.update(await target.tripped())
            if "time" in tripped:
                break
        assert "time" in tripped
