"""pyst2 (threads, no TLS): responses as the raw lines that the library kept, to miss none that it drops."""

import json
import queue
import sys
from typing import Any

from asterisk.manager import Event, Manager, ManagerMsg

VARYING = ("ActionID:", "Timestamp:")


def steady(message: ManagerMsg) -> list[str]:
    return [line for line in message.response if not line.startswith(VARYING)]


def logoff(manager: Manager) -> ManagerMsg:
    """Log off, and return the response.

    The server closes the connection behind its response.  pyst2's reading thread then closes the socket,
    sometimes between the two statements with which pyst2 sends an action: ``write`` and a ``flush`` that does
    nothing but fail on a closed socket.  The response is in the queue nevertheless.
    """
    try:
        return manager.logoff()
    except ValueError:
        return manager._response_queue.get(timeout=10)


def day(task: dict[str, Any]) -> dict[str, Any]:
    manager = Manager()
    marker = f"-{task['name']}@"
    mine: queue.Queue[Event] = queue.Queue()
    listed: queue.Queue[Event] = queue.Queue()

    def seen(event: Event, _: Manager) -> None:
        if event.name.startswith("CoreShowChannel"):
            listed.put(event)
        elif marker in event.get_header("Channel", ""):
            mine.put(event)

    manager.register_event("*", seen)
    greeting = manager.connect(task["host"], task["port"])
    said: dict[str, Any] = {
        "greeting": greeting.response[1],
        "version": manager.version,
        "login": steady(manager.login(task["username"], task["secret"])),
        "ping": steady(manager.ping()),
        "getvar": steady(manager.send_action({"Action": "Getvar", "Variable": "LAB"})),
        "command": steady(manager.command("core show version")),
        "unknown": steady(manager.send_action({"Action": "NoSuchAction"})),
        "originate": steady(
            manager.originate(
                f"Local/wait9{marker}lab/n",
                "",
                application="Wait",
                data="1",
                variables={"ONE": "1", "TWO": "2"},
            )
        ),
        "list": steady(manager.send_action({"Action": "CoreShowChannels"})),
    }
    items = []
    while (item := listed.get(timeout=10)).name != "CoreShowChannelsComplete":
        items.append(item)
    ours = [channel for item in items if marker in (channel := item.get_header("Channel"))]
    said["channels"] = len(ours)
    said["hangup"] = steady(manager.hangup(ours[0]))
    events: set[str] = set()
    while "Hangup" not in events:
        events.add(mine.get(timeout=10).name)
    said["saw"] = sorted(events & {"Newchannel", "VarSet", "DialBegin", "Hangup"})
    said["logoff"] = steady(logoff(manager))
    return said


sys.stdout.write(json.dumps(day(json.load(sys.stdin))))
