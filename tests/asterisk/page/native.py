"""What Asterisk's own lists say at a moment, as the board has to show it.

Read at Asterisk's own port, and by rules written for these tests: they share nothing with the product.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from tests.asterisk.page.board import Board, seconds
from tests.support.ami_client import AmiClient, Message

#: Status of a QueueMember.
_MEMBER = {
    "0": "away",
    "1": "free",
    "2": "talking",
    "3": "talking",
    "4": "away",
    "5": "away",
    "6": "ringing",
    "7": "ringing",
    "8": "talking",
}
#: Status of an extension.
_EXTENSION = {
    "0": "free",
    "1": "busy",
    "2": "busy",
    "4": "offline",
    "8": "ringing",
    "9": "ringing",
    "16": "held",
    "17": "held",
}
STATES = ("free", "ringing", "talking", "paused", "away")
#: By how many seconds a time on the board may be ahead of Asterisk's, which is rounded, or behind it: the
#: page counts from the moment at which it takes a message, and a busy machine brings that late.
AHEAD, BEHIND = 1, 5
PATIENCE = 15.0

Row = dict[str, Any]


def member_state(member: Message) -> str:
    """The state that a wallboard shows for a member of a queue."""
    state = "talking" if member.get("InCall") == "1" else _MEMBER[str(member.get("Status"))]
    return "paused" if member.get("Paused") == "1" and state not in {"talking", "ringing"} else state


class Native:
    """A session at Asterisk's own port."""

    def __init__(self, session: AmiClient) -> None:
        self._session = session

    async def items(self, action: str, **headers: str) -> list[Message]:
        return (await self._session.event_list(action, **headers))[1]

    async def queues(self) -> dict[str, Row]:
        """Each queue by its name."""
        began = time.monotonic()
        listed = await self.items("QueueStatus")
        longest = {
            str(one.get("Queue")): int(str(one.get("LongestHoldTime")))
            for one in await self.items("QueueSummary")
        }
        found: dict[str, Row] = {}
        for one in listed:
            name = str(one.get("Queue"))
            if one.event == "QueueParams":
                found[name] = {
                    "waiting": 0,
                    "longest": None,
                    **dict.fromkeys(STATES, 0),
                    "completed": int(str(one.get("Completed"))),
                    "abandoned": int(str(one.get("Abandoned"))),
                    "hold": int(str(one.get("Holdtime"))),
                    "talk": int(str(one.get("TalkTime"))),
                    # Without a target the figure says nothing; without calls there is nothing to say.
                    "serviceLevel": int(float(str(one.get("ServicelevelPerf")))),
                    "target": int(str(one.get("ServiceLevel"))),
                }
            elif one.event == "QueueMember":
                found[name][member_state(one)] += 1
            elif one.event == "QueueEntry":
                found[name]["waiting"] += 1
                wait = int(str(one.get("Wait")))
                found[name]["longest"] = max(wait, found[name]["longest"] or 0)
        between = time.monotonic() - began
        for name, row in found.items():
            assert 0 <= longest[name] - (row["longest"] or 0) < between + 1, (name, row, longest, between)
        return found

    async def agents(self) -> dict[str, Row]:
        """Each agent by name, with the members of all queues that have the same interface as one."""
        members: dict[str, list[Message]] = defaultdict(list)
        now = time.time()
        for one in await self.items("QueueStatus"):
            if one.event == "QueueMember":
                members[str(one.get("Location"))].append(one)
        found: dict[str, Row] = {}
        for same in members.values():
            states = [member_state(one) for one in same]
            pauses = [int(str(one.get("LastPause"))) for one in same if one.get("Paused") == "1"]
            state = next(
                state for state in ("talking", "ringing", "paused", "free", "away") if state in states
            )
            if state == "paused" and "free" in states:
                state = "free"
            calls = [int(str(one.get("LastCall"))) for one in same]
            found[str(same[0].get("Name"))] = {
                "state": state,
                "since": now - min(pauses) if state == "paused" else None,
                "reason": next(
                    (str(one.get("PausedReason")) for one in same if one.get("Paused") == "1"), ""
                ),
                "queues": sorted(str(one.get("Queue")) for one in same),
                "taken": sum(int(str(one.get("CallsTaken"))) for one in same),
                "has_called": max(calls) > 0,
            }
        return found

    async def calls(self) -> list[Row]:
        """Each call: the names and numbers of its parties, and how long it has been going on."""
        legs: dict[str, list[Message]] = defaultdict(list)
        for one in await self.items("CoreShowChannels"):
            if not str(one.get("Channel")).startswith("Local/"):
                legs[str(one.get("Linkedid"))].append(one)
        return sorted((_call(linked, same) for linked, same in legs.items()), key=lambda call: call["from"])

    async def extensions(self) -> dict[str, str]:
        """The state of each hint by its number."""
        listed = await self.items("ExtensionStateList")
        return {str(one.get("Exten")): _EXTENSION[str(one.get("Status"))] for one in listed}

    async def trunks(self) -> dict[str, Row]:
        """Each PJSIP endpoint by its name."""
        return {
            str(one.get("ObjectName")): {
                "state": "down" if one.get("DeviceState") in {"Unavailable", "Invalid"} else "up",
                "channels": int(str(one.get("ActiveChannels"))),
            }
            for one in await self.items("PJSIPShowEndpoints")
        }


def _call(linked: str, legs: list[Message]) -> Row:
    first = next((leg for leg in legs if leg.get("Uniqueid") == linked), legs[0])
    others = [leg for leg in legs if leg is not first]
    application = first.get("Application")
    if application == "Park":
        state = "parked"
    elif application == "ConfBridge":
        state = "conference"
    elif first.get("BridgeId"):
        state = "talking"
    elif application == "Queue":  # whether or not an agent's phone rings
        state = "waiting"
    else:
        state = "ringing" if others else "other"
    return {
        "from": first.get("CallerIDName"),
        "number": first.get("CallerIDNum"),
        "to": others[0].get("CallerIDName") if len(others) == 1 else None,
        "state": state,
        "since": seconds(str(first.get("Duration"))),
    }


# -- comparison ---------------------------------------------------------------


async def agree(differences: Callable[[], Awaitable[list[str]]], within: float = PATIENCE) -> None:
    """Wait until nothing differs; fails with what still does."""
    give_up = time.monotonic() + within
    while found := await differences():
        assert time.monotonic() < give_up, "\n".join(found)
        await asyncio.sleep(0.2)


def about(shown: int | None, there: float | None) -> bool:
    """Whether the board shows this time of Asterisk's; None for none."""
    if shown is None or there is None:
        return shown is None and there is None
    return -BEHIND <= shown - there <= AHEAD


def _number(text: str) -> int | None:
    digits = text.replace(",", "").removesuffix("%").removesuffix(" ms")
    return int(digits) if digits.isdigit() else None


async def queue_differences(board: Board, native: Native) -> list[str]:
    """What the table of queues says otherwise than Asterisk."""
    there = await native.queues()
    shown = {row["cells"]["name"]["text"]: row["cells"] for row in await board.rows("queues")}
    if set(shown) != set(there):
        return [f"queues {sorted(shown)}, not {sorted(there)}"]
    wrong = []
    for name, row in there.items():
        cells = {field: cell["text"] for field, cell in shown[name].items()}
        figures: dict[str, tuple[int | None, float | None]] = {
            field: (_number(cells[field]), row[field])
            for field in ("waiting", *STATES, "completed", "abandoned")
        }
        figures |= {field: (seconds(cells[field]), row[field]) for field in ("hold", "talk")}
        if row["target"] and row["completed"]:
            figures["serviceLevel"] = (_number(cells["serviceLevel"]), row["serviceLevel"])
        wrong += [
            f"{name}: {field} is shown as {ours}, not {theirs}"
            for field, (ours, theirs) in figures.items()
            if ours != theirs
        ]
        if not about(seconds(cells["longest"]), row["longest"]):
            wrong.append(f"{name}: longest is shown as {cells['longest']}, not {row['longest']}")
    return wrong


async def total_differences(board: Board, native: Native) -> list[str]:
    """What the line of totals says otherwise than Asterisk."""
    queues = list((await native.queues()).values())
    agents = list((await native.agents()).values())
    calls = len(await native.calls())
    shown = await board.figures()
    waits = [row["longest"] for row in queues if row["longest"] is not None]
    there: dict[str, float | None] = {
        "calls": calls,
        **{field: sum(row[field] for row in queues) for field in ("waiting", "completed", "abandoned")},
        **{state: sum(agent["state"] == state for agent in agents) for state in STATES},
    }
    wrong = [
        f"{field} is shown as {shown[field]}, not {value}"
        for field, value in there.items()
        if _number(shown[field]) != value
    ]
    if not about(seconds(shown["longest"]), max(waits, default=None)):
        wrong.append(f"longest is shown as {shown['longest']}, not {waits}")
    return wrong


async def agent_differences(board: Board, native: Native) -> list[str]:
    """What the table of agents says otherwise than Asterisk."""
    there = await native.agents()
    shown = {row["cells"]["name"]["text"]: row["cells"] for row in await board.rows("agents")}
    wrong = [f"{name} is not shown" for name in set(there) - set(shown)]
    for name in set(there) & set(shown):
        cells, row = shown[name], there[name]
        found: dict[str, Any] = {
            "state": cells["state"]["state"],
            "reason": cells["reason"]["text"],
            "queues": sorted(cells["queues"]["text"].split(", ")),
            "taken": _number(cells["taken"]["text"]),
            "has_called": cells["lastCall"]["text"][:1].isdigit(),
        }
        wrong += [
            f"{name}: {field} is shown as {ours!r}, not {row[field]!r}"
            for field, ours in found.items()
            if ours != row[field]
        ]
        if row["since"] is not None and not about(seconds(cells["since"]["text"]), int(row["since"])):
            wrong.append(f"{name}: paused for {cells['since']['text']}, not {row['since']}")
    return wrong


async def call_differences(board: Board, native: Native) -> list[str]:
    """What the table of calls says otherwise than Asterisk."""
    there = await native.calls()
    rows = [row["cells"] for row in await board.rows("calls")]
    shown = sorted(rows, key=lambda cells: str(cells["from"]["text"]))
    names = [cells["from"]["text"] for cells in shown]
    if names != [call["from"] for call in there]:
        return [f"calls of {names}, not of {[call['from'] for call in there]}"]
    wrong = []
    for cells, call in zip(shown, there, strict=True):
        found = {"state": cells["state"]["state"], "number": cells["from"]["aside"]}
        if call["to"] is not None:
            found["to"] = cells["to"]["text"]
        wrong += [
            f"{call['from']}: {field} is shown as {ours!r}, not {call[field]!r}"
            for field, ours in found.items()
            if ours != call[field]
        ]
        if not about(seconds(cells["since"]["text"]), call["since"]):
            wrong.append(f"{call['from']}: lasts {cells['since']['text']}, not {call['since']}")
    return wrong


async def line_differences(board: Board, native: Native) -> list[str]:
    """What the lines say otherwise than Asterisk."""
    extensions, trunks = await native.extensions(), await native.trunks()
    lamps = {row["texts"][0]: row["state"] for row in await board.rows("extensions")}
    shown = {
        row["cells"]["name"]["text"]: {
            "state": row["cells"]["state"]["state"],
            "channels": _number(row["cells"]["channels"]["text"]),
        }
        for row in await board.rows("trunks")
    }
    wrong = [
        f"extension {exten} is shown as {lamps.get(exten)}, not {extensions.get(exten)}"
        for exten in sorted(set(lamps) | set(extensions))
        if lamps.get(exten) != extensions.get(exten)
    ]
    return wrong + [
        f"{name} is shown as {shown.get(name)}, not {trunks.get(name)}"
        for name in sorted(set(shown) | set(trunks))
        if shown.get(name) != trunks.get(name)
    ]
