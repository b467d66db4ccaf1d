"""A call centre: an Asterisk with queues, agents, parking and conferences, and random flows through them."""

import time
from random import Random

from amiproxy.core.history.kinds.agents import Agents
from amiproxy.core.history.kinds.conferences import Conferences
from amiproxy.core.history.kinds.parked import Parked
from amiproxy.core.history.kinds.queues import Queues
from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.kind import Drift, Kind, differences
from tests.asterisk.follower import Follower
from tests.asterisk.lab.asterisk import Asterisk

MAKERS = (Queues, Agents, Parked, Conferences)
#: Without [general], shared_lastcall is on in Asterisk 16 and off in 22: both ways of counting are tested.
QUEUES = """
[sales]
strategy = rrmemory
joinempty = yes
timeout = 5
retry = 1
servicelevel = 2
member => Local/member2@centre/n,0,Ann,Custom:ann
member => Local/ringing@centre/n,1,Bob,Custom:bob

[support]
joinempty = yes
timeout = 2
retry = 1

[agents]
joinempty = yes

[idle]
joinempty = yes
"""
_FILES = {
    "queues.conf": QUEUES,
    "agents.conf": "[1001]\nfullname = Agent One\n[1002]\nfullname = Agent Two\n",
    "features.conf": "[featuremap]\natxfer => *2\n",
    "musiconhold.conf": "[default]\nmode = files\ndirectory = moh\n",
    "confbridge.conf": """
[plain]
type = user
quiet = yes
talk_detection_events = yes
[admin]
type = user
quiet = yes
admin = yes
marked = yes
[wait]
type = user
quiet = yes
wait_marked = yes
end_marked = yes
[muted]
type = user
quiet = yes
startmuted = yes
[default_bridge]
type = bridge
""",
}
_EXTENSIONS = """
[centre]
exten => stay,1,Answer(60000)
exten => _talkX!,1,Answer()
 same => n,Wait(${EXTEN:4})
exten => _memberX!,1,Wait(0.2)
 same => n,Answer()
 same => n,Wait(${EXTEN:6})
exten => ringing,1,Ringing()
 same => n,Wait(30)
exten => _queue-!,1,Answer()
 same => n,Queue(${CUT(EXTEN,-,2)},,,,${CUT(EXTEN,-,3)})
 same => n,Wait(1)
exten => _urge[n]t-!,1,Answer()
 same => n,Set(QUEUE_PRIO=5)
 same => n,Queue(${EXTEN:7})
exten => _logi[n]-!,1,Answer()
 same => n,AgentLogin(${EXTEN:6},s)
exten => _request-!,1,Answer()
 same => n,AgentRequest(${EXTEN:8})
exten => park,1,Answer()
 same => n,Park(default,t(30)sr)
exten => parkshort,1,Answer()
 same => n,Park(default,t(2)sc(centre,talk1,1))
exten => get-701,1,Answer()
 same => n,ParkedCall(default,701)
exten => _co[n]f-!,1,Answer()
 same => n,ConfBridge(${CUT(EXTEN,-,2)},default_bridge,${CUT(EXTEN,-,3)})
"""
_GOALS = [
    "queue-sales-20",
    "queue-sales-4",
    "queue-idle-20",
    "queue-support-9",
    "urgent-idle",
    "login-1001",
    "login-1002",
    "request-1001",
    "request-1002",
    "park",
    "parkshort",
    "get-701",
    "conf-r1-plain",
    "conf-r1-admin",
    "conf-r1-wait",
    "conf-r2-muted",
    "talk3",
]
_QUEUES = ("sales", "support", "idle")
#: Channels above which calls are ended rather than begun.
_MOST_CHANNELS = 30
#: Seconds that Asterisk may take to come to rest.
_DEADLINE = 30.0


def call_centre(suite: str) -> Asterisk:
    """Make the Asterisk; it is not started yet."""
    asterisk = Asterisk(suite, extensions_extra=_EXTENSIONS)
    for name, text in _FILES.items():
        asterisk.write(name, text)
    modules = (asterisk.directory / "etc/modules.conf").read_text()
    asterisk.write("modules.conf", f"{modules}load = app_agent_pool.so\nload = res_musiconhold.so\n")
    return asterisk


class Watch:
    """The kinds as only events move them: their lists were asked once, before the first call."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._fed = len(follower.events)
        self.kinds: list[Kind] = [make(follower.clock.now) for make in MAKERS]
        for kind in self.kinds:
            kind.inherit(follower.state._kept[kind.name].kind)

    def settle(self) -> None:
        """Wait until the kinds are what the native lists say; fails with the difference if they are not.

        A kind that has seen that no event tells everything is what the state has after asking again.
        """
        give_up = time.monotonic() + _DEADLINE
        for kind in self.kinds:
            while (found := self._differing(kind)).total:
                if kind.is_outdated:
                    kind.inherit(self._follower.state._kept[kind.name].kind)
                assert time.monotonic() < give_up, (kind.name, found)
                self._follower.pump(0.3)
            kind.is_outdated = False

    def settle_counters(self, queue: str) -> None:
        """Wait until a queue's completed and abandoned calls, which audits do not compare, are listed."""
        key = b"QueueParams\0" + queue.encode()
        kind = next(kind for kind in self.kinds if kind.name == "queues")

        def is_so() -> bool:
            self._differing(kind)
            if kind.is_outdated:
                kind.inherit(self._follower.state._kept[kind.name].kind)
            ours, theirs = kind.by_key()[key].values, self._follower.listed(kind.name)[key].values
            return all(ours[name] == theirs[name] for name in (b"Completed", b"Abandoned"))

        self._follower.until(is_so)

    def _differing(self, kind: Kind) -> Drift:
        listed = self._follower.listed(kind.name)
        for raw in self._follower.events[self._fed :]:
            self.take(Fields(raw))
        self._fed = len(self._follower.events)
        return differences(kind.by_key(), listed)

    def take(self, event: Fields) -> None:
        """Give an event to the kinds that handle it."""
        for kind in self.kinds:
            if event.name in kind.events:
                kind.events[event.name](event)


class Flows:
    """Random flows, chosen by a seed.  Asterisk may refuse some, as their channels may have ended."""

    def __init__(self, follower: Follower, seed: int) -> None:
        self._follower = follower
        self._random = Random(seed)
        self._channels: list[str] = []
        self._flows = {
            self._start: 10,
            self._hang_up: 4,
            self._move: 8,
            self._park: 2,
            self._change_member: 8,
            self._change_device: 3,
            self._change_conference: 3,
        }

    def step(self) -> None:
        """Run one."""
        listed = self._follower.listed("channels")
        self._channels = [item.values[b"Channel"].decode() for item in listed.values()]
        (flow,) = self._random.choices([*self._flows], [*self._flows.values()])
        if not self._channels:
            flow = self._start
        elif len(self._channels) > _MOST_CHANNELS:
            flow = self._hang_up
        flow()
        self._follower.pump(self._random.choice((0, 0.05, 0.3)))

    def _goal(self) -> dict[str, str]:
        return {"Context": "centre", "Exten": self._random.choice(_GOALS), "Priority": "1"}

    def _start(self) -> None:
        channel = self._random.choice(("Local/stay@centre/n", "Local/stay@centre/n", "Local/talk5@centre"))
        number = self._random.randrange(100, 1000)
        self._follower.do("Originate", Channel=channel, Async="yes", CallerID=f"C <{number}>", **self._goal())

    def _hang_up(self) -> None:
        self._follower.do("Hangup", Channel=self._random.choice(self._channels))

    def _move(self) -> None:
        one = self._random.choice(self._channels)
        goal = self._goal()
        others = [channel for channel in self._channels if channel[:-1] != one[:-1]]
        match self._random.choice(("Redirect", "BlindTransfer", "Atxfer", "Bridge")):
            case "Bridge" if others:  # Asterisk may abort when a call is joined to itself
                self._follower.do("Bridge", Channel1=one, Channel2=self._random.choice(others))
            case "BlindTransfer":
                self._follower.do("BlindTransfer", Channel=one, Context="centre", Exten=goal["Exten"])
            case "Atxfer":
                self._follower.do("Atxfer", Channel=one, **goal)
            case _:
                self._follower.do("Redirect", Channel=one, **goal)

    def _park(self) -> None:
        timeout = self._random.choice(("3000", "60000"))
        self._follower.do("Park", Channel=self._random.choice(self._channels), Timeout=timeout)

    def _change_member(self) -> None:
        member = {"Interface": self._random.choice(("Local/member1@centre", "Local/member3@centre/n"))}
        queue = {"Queue": self._random.choice(_QUEUES)}
        match self._random.randrange(6):
            case 0 | 1:
                device = self._random.choice(("Custom:m1", "Custom:m2", ""))
                self._follower.do("QueueAdd", StateInterface=device, Penalty="2", **member, **queue)
            case 2:
                self._follower.do("QueueRemove", **member, **queue)
            case 3:
                paused = self._random.choice(("true", "false"))
                self._follower.do("QueuePause", Paused=paused, Reason="lunch", **member)
            case 4:
                self._follower.do("QueuePenalty", Penalty=str(self._random.randrange(5)), **member)
            case _:
                self._follower.do("QueueMemberRingInUse", RingInUse="no", **member)

    def _change_device(self) -> None:
        device = self._random.choice(("m1", "m2", "ann", "bob"))
        state = self._random.choice(("INUSE", "NOT_INUSE", "BUSY", "RINGING"))
        self._follower.do("Setvar", Variable=f"DEVICE_STATE(Custom:{device})", Value=state)

    def _change_conference(self) -> None:
        room = {"Conference": self._random.choice(("r1", "r2"))}
        action = self._random.choice(("ConfbridgeMute", "ConfbridgeUnmute", "ConfbridgeKick"))
        whom = "all" if action == "ConfbridgeKick" else self._random.choice(("all", "participants"))
        self._follower.do(action, Channel=whom, **room)
