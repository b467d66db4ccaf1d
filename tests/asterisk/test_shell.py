"""``ami-proxy shell`` at a real Asterisk: at its own port, and through the proxy."""

import json
from pathlib import Path

from tests.asterisk.door import SECRETS, Door
from tests.support.shelling import run, secret_file


def way(door: Door, folder: Path, user: str = "proxy") -> list[str]:
    """The options to log in at this door."""
    login = ["--user", user, *secret_file(folder, SECRETS[user])]
    if door.proxy is None:
        return ["--plain", "--to", f"127.0.0.1:{door.asterisk.port}", *login]
    return ["--to", f"localhost:{door.proxy.port}", "--ca", str(door.proxy.cafile), *login]


async def test_every_shape_of_answer_is_shown(door: Door, tmp_path: Path) -> None:
    async with await door.login() as caller:
        for name in ("one", "two"):
            await caller.action(
                "Originate", Channel=f"Local/wait9-{name}@lab/n", Application="Wait", Data="9", Timeout="5000"
            )
        status, out, err = await run(
            tmp_path,
            *way(door, tmp_path),
            *("-c", "CoreShowChannels", "-c", "Command core show channels", "-c", "ParkedCalls"),
            *("-c", "QueueStatus", "-c", "Getvar Variable=EPOCH", "-c", "CoreSettings"),
        )
        await caller.action("Hangup", Channel="/^Local\\/wait9-/")
    assert out.count("wait9-one@lab") >= 2, err
    assert "4 rows" in out
    assert "active channels" in out
    assert "0 rows" in out
    assert "QueueMember" in out
    assert "not complete" not in out
    assert "AsteriskVersion" in out
    assert status == 0, err


async def test_items_are_json_lines(door: Door, tmp_path: Path) -> None:
    status, out, err = await run(
        tmp_path, *way(door, tmp_path), "--json", "-c", "DeviceStateList", "-c", "Command core show version"
    )
    assert status == 0, err
    *states, version = [json.loads(line) for line in out.splitlines()]
    assert all(one["Event"] == "DeviceStateChange" for one in states)
    assert version["Output"][0].startswith("Asterisk ")


async def test_a_user_without_the_class_is_told_which_one(door: Door, tmp_path: Path) -> None:
    status, out, err = await run(tmp_path, *way(door, tmp_path, "limited"), "-c", "Command core show version")
    assert (status, out) == (1, "Error: Permission denied\n")
    assert "class command" in err


async def test_a_wrong_secret_is_refused(door: Door, tmp_path: Path) -> None:
    login = way(door, tmp_path)
    secret_file(tmp_path, "wrong")
    status, out, err = await run(tmp_path, *login, "-c", "Ping")
    assert status == 1
    assert "Authentication failed" in out + err


async def test_an_answer_without_an_end_is_whole(door: Door, tmp_path: Path) -> None:
    status, out, err = await run(
        tmp_path, *way(door, tmp_path), "-c", "ModuleLoad LoadType=reload Module=app_queue.so"
    )
    assert status == 0, err
    assert "Success" in out
