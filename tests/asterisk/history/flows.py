"""Random real flows of calls at one Asterisk, chosen by a seed: all of them over Local channels."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import count
from random import Random

from tests.support.ami_client import AmiClient, Message

#: The contexts that the flows need besides those of the lab.
EXTENSIONS = """
[flows]
exten => stay,1,Answer()
 same => n,Wait(3600)
exten => ring,1,Ringing()
 same => n,Wait(3600)
exten => soon,1,Answer()
 same => n,Wait(2)
exten => dial,1,Dial(Local/stay@flows/n,30,tTkK)
exten => dials,1,Dial(Local/stay@flows,30,tT)
exten => rings,1,Dial(Local/ring@flows/n,30)
exten => queue,1,Answer()
 same => n,Queue(lab-queue,,,,3600)
exten => empty,1,Answer()
 same => n,Queue(lab-empty,,,,3600)
exten => park,1,Answer()
 same => n,Park(default)
exten => conf1,1,Answer()
 same => n,ConfBridge(one)
exten => conf2,1,Answer()
 same => n,ConfBridge(two)
exten => echo,1,Answer()
 same => n,Echo()
exten => _member.,1,Ringing()
 same => n,Wait(1)
 same => n,Answer()
 same => n,Wait(5)
"""
#: features.conf: without the code for it, Asterisk refuses Atxfer.
FEATURES = "[featuremap]\natxfer => *2\n"
_STARTS = [
    "stay",
    "soon",
    "ring",
    "echo",
    "dial",
    "dials",
    "rings",
    "queue",
    "empty",
    "park",
    "conf1",
    "conf2",
]
_TARGETS = ["stay", "echo", "queue", "empty", "conf1", "conf2"]
#: Flows that crash an Asterisk of a version.  Asterisk 16.28 ended by SIGSEGV in ast_softhangup or by SIGABRT
#: in free ("munmap_chunk", "malloc"), often a while later: 3 times in 21 000 steps with redirect_both and no
#: bridge, 3 times in 17 000 with bridge and no redirect_both, 11 times in 34 000 with both, and never in
#: 18 000 with neither.  Before, it often logs that a channel "has a PBX thread and cannot be imparted".
CRASHING = {"16": frozenset({"bridge", "redirect_both"})}
#: Modules that are reloaded; their configuration has not changed.
_MODULES = ["app_queue.so", "res_parking.so", "app_confbridge.so", "pbx_config.so"]


class Flows:
    """Starts, moves and ends calls over an AMI session of Asterisk's own port."""

    def __init__(self, ami: AmiClient, seed: int, most: int = 30, spares: str = "") -> None:
        """``most`` is the number of channels above which it ends calls rather than starting some.

        ``spares``: a version of Asterisk whose ``CRASHING`` flows are left out.
        """
        self._ami = ami
        self._random = Random(seed)
        self._most = most
        self._members = 0
        #: The flows that were run, by name, and how many of them Asterisk refused.
        self.run: dict[str, int] = {}
        self.refused: dict[str, int] = {}
        #: The names of the last ones.
        self.last: deque[str] = deque(maxlen=3)
        every: list[tuple[Callable[[list[Message]], Awaitable[Message]], int]] = [
            (self._start, 8),
            (self._hang_up, 5),
            (self._redirect, 3),
            (self._redirect_both, 2),
            (self._bridge, 3),
            (self._transfer, 3),
            (self._attended, 2),
            (self._park, 3),
            (self._kick, 1),
            (self._add_member, 2),
            (self._remove_member, 1),
            (self._pause_member, 2),
            (self._reload, 1),
        ]
        spared = CRASHING.get(spares, frozenset())
        self._flows = [(flow, weight) for flow, weight in every if _name(flow) not in spared]

    async def step(self) -> None:
        """Run one flow.  What it wants may have ended meanwhile: then Asterisk refuses it, which is fine."""
        _, channels, _ = await self._ami.event_list("CoreShowChannels")
        flows, weights = zip(*self._flows, strict=True)
        (flow,) = self._random.choices(flows, weights)
        if not channels:
            flow = self._start
        elif len(channels) > self._most:
            flow = self._hang_up
        name = _name(flow)
        self.last.append(name)
        answer = await flow(channels)
        self.run[name] = self.run.get(name, 0) + 1
        if answer.get("Response") != "Success":
            self.refused[name] = self.refused.get(name, 0) + 1
        self._ami.log.clear()
        self._ami.inbox.clear()

    async def end_all(self) -> None:
        """Hang up every call."""
        await self._ami.action("Hangup", Channel="/^Local/")

    def _one(self, channels: list[Message], *, up: bool = False) -> str:
        found = [c for c in channels if not up or c.get("BridgeId")] or channels
        return self._random.choice(found).get("Channel") or ""

    def _target(self) -> dict[str, str]:
        return {"Context": "flows", "Exten": self._random.choice(_TARGETS), "Priority": "1"}

    async def _start(self, _: list[Message]) -> Message:
        number = self._random.randrange(100, 1000)
        return await self._ami.action(
            "Originate",
            Channel=f"Local/{self._random.choice(('stay', 'soon', 'echo'))}@flows/n",
            Context="flows",
            Exten=self._random.choice(_STARTS),
            Priority="1",
            CallerID=f"Caller {number} <{number}>",
            Account=f"account-{number % 7}",
            Async="true",
        )

    async def _hang_up(self, channels: list[Message]) -> Message:
        return await self._ami.action("Hangup", Channel=self._one(channels))

    async def _redirect(self, channels: list[Message]) -> Message:
        return await self._ami.action("Redirect", Channel=self._one(channels), **self._target())

    def _two(self, channels: list[Message]) -> tuple[str, str]:
        """Two of different calls, if there are: Asterisk may abort when it is to join a call to itself."""
        one = self._one(channels, up=True)
        others = [channel for channel in channels if (channel.get("Channel") or "")[:-1] != one[:-1]]
        return one, self._one(others or channels)

    async def _redirect_both(self, channels: list[Message]) -> Message:
        one, other = self._two(channels)
        extra = {f"Extra{name}": value for name, value in self._target().items()}
        return await self._ami.action(
            "Redirect",
            Channel=one,
            ExtraChannel=other,
            **self._target(),
            **extra,
        )

    async def _bridge(self, channels: list[Message]) -> Message:
        one, other = self._two(channels)
        return await self._ami.action("Bridge", Channel1=one, Channel2=other, Tone="no")

    async def _transfer(self, channels: list[Message]) -> Message:
        target = self._target()
        return await self._ami.action(
            "BlindTransfer",
            Channel=self._one(channels, up=True),
            Context=target["Context"],
            Exten=target["Exten"],
        )

    async def _attended(self, channels: list[Message]) -> Message:
        return await self._ami.action("Atxfer", Channel=self._one(channels, up=True), **self._target())

    async def _park(self, channels: list[Message]) -> Message:
        return await self._ami.action("Park", Channel=self._one(channels, up=True), Timeout="600000")

    async def _kick(self, _: list[Message]) -> Message:
        room = self._random.choice(("one", "two"))
        return await self._ami.action("ConfbridgeKick", Conference=room, Channel="all")

    async def _add_member(self, _: list[Message]) -> Message:
        self._members += 1
        return await self._ami.action(
            "QueueAdd",
            Queue=self._random.choice(("lab-queue", "lab-empty")),
            Interface=f"Local/member{self._members}@flows",
            MemberName=f"Member {self._members}",
            Penalty=str(self._members % 3),
        )

    async def _member(self) -> dict[str, str]:
        _, items, _ = await self._ami.event_list("QueueStatus")
        members = [m for m in items if m.event == "QueueMember" and "flows" in (m.get("Location") or "")]
        if not members:
            return {"Queue": "lab-queue", "Interface": "Local/member@lab/n"}
        member = self._random.choice(members)
        return {"Queue": member.get("Queue") or "", "Interface": member.get("Location") or ""}

    async def _remove_member(self, _: list[Message]) -> Message:
        return await self._ami.action("QueueRemove", **await self._member())

    async def _pause_member(self, _: list[Message]) -> Message:
        paused = self._random.choice(("true", "false"))
        return await self._ami.action("QueuePause", Paused=paused, **await self._member())

    async def _reload(self, _: list[Message]) -> Message:
        return await self._ami.action("ModuleLoad", LoadType="reload", Module=self._random.choice(_MODULES))


def _name(flow: Callable[[list[Message]], Awaitable[Message]]) -> str:
    return flow.__name__.strip("_")


async def listed(ami: AmiClient) -> list[dict[str, str]]:
    """The items of Asterisk's own lists: all that there is now."""
    found: list[Message] = []
    for action in ("CoreShowChannels", "QueueStatus", "ParkedCalls"):
        found += (await ami.event_list(action))[1]
    for conference in ("one", "two"):
        action_id = ami.send("ConfbridgeList", Conference=conference)
        if (await ami.response(action_id)).get("Response") == "Success":
            found += await _items(ami, action_id)
    return [dict(item.headers) for item in found]


async def _items(ami: AmiClient, action_id: str | None) -> list[Message]:
    found: list[Message] = []
    while not found or found[-1].get("EventList") != "Complete":
        found.append(await ami.take(lambda m: m.event is not None and m.get("ActionID") == action_id))
    return found[:-1]


_fences = count()


async def fence(sender: AmiClient, *readers: AmiClient) -> None:
    """Wait until each of these sessions has been sent what has happened so far."""
    number = str(next(_fences))
    await sender.action("UserEvent", UserEvent="Fence", Number=number)
    for reader in readers:
        await reader.wait_event("UserEvent", Number=number)


async def settled(differences: Callable[[], Awaitable[list[str]]], within: float = 20.0) -> list[str]:
    """Ask for the differences until there are none, or this many seconds have passed; the last ones.

    Calls that end by themselves may make a difference for a moment.
    """
    give_up = time.monotonic() + within
    while found := await differences():
        if time.monotonic() > give_up:
            break
        await asyncio.sleep(0.2)
    return found
