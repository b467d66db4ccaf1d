"""Published AMI libraries, unmodified: the same sequence of actions at both doors, with the same results."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from tests.asterisk.door import SECRETS, Door
from tests.asterisk.lab.node import CLIENTS
from tests.support.tls_wrapper import tls_wrapped

#: The number that Asterisk gives a Local channel.
NUMBER = re.compile(r"(?<=-)[0-9a-f]{8}(?=;)")


async def run_client(command: list[str], task: dict[str, Any], **environment: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment,
    )
    try:
        async with asyncio.timeout(40):
            said, complaints = await process.communicate(json.dumps(task).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, complaints.decode()
    story: dict[str, Any] = json.loads(NUMBER.sub("*", said.decode()))
    return story


def task(door: Door, name: str) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": door.asterisk.port,
        "username": "proxy",
        "secret": SECRETS["proxy"],
        "name": name,
    }


async def wrapped(door: Door, command: list[str], name: str, **environment: str) -> dict[str, Any]:
    assert door.proxy is not None
    async with tls_wrapped("127.0.0.1", door.proxy.port, door.proxy.context) as port:
        return await run_client(command, task(door, name) | {"port": port}, **environment)


def check(direct: dict[str, Any], proxied: dict[str, Any]) -> None:
    assert direct["channels"] == 2
    assert {name.lower() for name in direct["saw"]} >= {"newchannel", "hangup"}
    assert proxied == direct


async def test_panoramisk_works_with_its_own_tls(direct: Door, proxied: Door) -> None:
    assert proxied.proxy is not None
    command = [sys.executable, str(CLIENTS / "with_panoramisk.py")]
    story = await run_client(command, task(direct, "panoramisk"))
    over_tls = {"host": "localhost", "port": proxied.proxy.port, "cafile": str(proxied.proxy.cafile)}
    check(story, await run_client(command, task(proxied, "panoramisk") | over_tls))


async def test_pyst2_works_through_a_tls_wrapper(direct: Door, proxied: Door) -> None:
    command = [sys.executable, "-W", "ignore", str(CLIENTS / "with_pyst2.py")]
    check(await run_client(command, task(direct, "pyst2")), await wrapped(proxied, command, "pyst2"))


async def test_nodes_asterisk_manager_works_through_a_tls_wrapper(
    direct: Door, proxied: Door, node_path: Path
) -> None:
    command = ["node", str(CLIENTS / "with_asterisk_manager.js")]
    story = await run_client(command, task(direct, "node"), NODE_PATH=str(node_path))
    check(story, await wrapped(proxied, command, "node", NODE_PATH=str(node_path)))


async def test_ruby_ami_works_through_a_tls_wrapper(direct: Door, proxied: Door, ruby: str) -> None:
    command = [ruby, "-W0", str(CLIENTS / "with_ruby_ami.rb")]
    check(await run_client(command, task(direct, "ruby")), await wrapped(proxied, command, "ruby"))
