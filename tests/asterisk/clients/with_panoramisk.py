"""panoramisk (asyncio, TLS of its own)."""

import asyncio
import json
import ssl
import sys
from typing import Any

from panoramisk import Manager
from panoramisk.message import Message

VARYING = {"actionid", "content", "timestamp"}


def steady(message: Message) -> dict[str, Any]:
    return {name: value for name, value in sorted(message.items()) if name.lower() not in VARYING}


async def day(task: dict[str, Any]) -> dict[str, Any]:
    manager = Manager(
        loop=asyncio.get_running_loop(),
        host=task["host"],
        port=task["port"],
        ssl=ssl.create_default_context(cafile=task["cafile"]) if "cafile" in task else False,
        username=task["username"],
        secret=task["secret"],
    )
    marker = f"-{task['name']}@"
    mine: asyncio.Queue[Message] = asyncio.Queue()

    @manager.register_event("*")
    def seen(_: Manager, event: Message) -> None:
        if marker in event.channel:
            mine.put_nowait(event)

    await manager.connect()
    await asyncio.sleep(0)  # the library starts its login in a callback of that connection
    login = await manager.authenticated_future
    said: dict[str, Any] = {
        "version": manager.protocol.version,
        "login": steady(login),
        "ping": steady(await manager.send_action({"Action": "Ping"})),
        "getvar": steady(await manager.send_action({"Action": "Getvar", "Variable": "LAB"})),
        "command": steady(await manager.send_command("core show version")),
        "unknown": steady(await manager.send_action({"Action": "NoSuchAction"})),
    }
    originated = await manager.send_action(
        {
            "Action": "Originate",
            "Channel": f"Local/wait9{marker}lab",
            "Application": "Wait",
            "Data": "1",
            "Async": "true",
            "Variable": ["ONE=1", "TWO=2"],
        }
    )
    said["originate"] = [
        {name: value for name, value in steady(part).items() if name.lower() != "uniqueid"}
        for part in originated
    ]
    listed = await manager.send_action({"Action": "CoreShowChannels"})
    said["channels"] = sum(marker in part.channel for part in listed)
    said["complete"] = listed[-1].event
    hangup = {"Action": "Hangup", "Channel": originated[-1].channel}
    said["hangup"] = steady(await manager.send_action(hangup))
    events: set[str] = set()
    while "Hangup" not in events:
        events.add((await mine.get()).event)
    said["saw"] = sorted(events & {"Newchannel", "VarSet", "DialBegin", "Hangup"})
    said["logoff"] = steady(await manager.send_action({"Action": "Logoff"}))
    manager.close()
    return said


async def main() -> None:
    async with asyncio.timeout(30):
        sys.stdout.write(json.dumps(await day(json.load(sys.stdin))))


asyncio.run(main())
