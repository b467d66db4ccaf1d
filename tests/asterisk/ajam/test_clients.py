"""Published HTTP clients, unmodified: the same story at both doors, with the same answers."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.asterisk.ajam.door import AjamDoor
from tests.asterisk.door import SECRETS
from tests.asterisk.test_clients import run_client
from tests.support.requirements import give_up

CLIENTS = Path(__file__).parent / "clients"


def task(door: AjamDoor, name: str) -> dict[str, Any]:
    return {
        "url": door.url,
        "username": "proxy",
        "secret": SECRETS["proxy"],
        "name": name,
        "cafile": None if door.proxy is None else str(door.proxy.cafile),
    }


#: Clients that are programs and not libraries of this Python.
PROGRAMS = {"curl", "wget"}


@pytest.mark.parametrize("name", ["aiohttp", "curl", "httpx", "requests", "urllib", "wget"])
async def test_a_client_gets_the_same_answers_at_both_doors(
    native: AjamDoor, ours: AjamDoor, name: str
) -> None:
    if name in PROGRAMS and shutil.which(name) is None:
        give_up("ASTERISK", f"{name} is not installed: apt-get install {name}")
    command = [sys.executable, str(CLIENTS / f"with_{name}.py")]
    story = await run_client(command, task(native, name))
    assert story["cookie"]["login"] == ["200", "Success", "Authentication accepted"]
    assert story["cookie"]["wrong"] == ["200", "Error", "Authentication failed"]
    assert story["digest"]["wrong"] == 401
    assert story["digest"]["ping"] == ["200", "Success", "Pong"]
    assert await run_client(command, task(ours, name)) == story


async def test_digest_fetch_and_nodes_own_fetch_get_the_same_answers_at_both_doors(
    native: AjamDoor, ours: AjamDoor, node_path: Path
) -> None:
    command = ["node", str(CLIENTS / "with_digest_fetch.js")]
    story = await run_client(command, task(native, "node"), NODE_PATH=str(node_path))
    assert story["cookie"]["event"] == "ż & <b>"
    assert story["digest"]["event"] == "x y"
    assert ours.proxy is not None
    trusted = {"NODE_PATH": str(node_path), "NODE_EXTRA_CA_CERTS": str(ours.proxy.cafile)}
    assert await run_client(command, task(ours, "node"), **trusted) == story
