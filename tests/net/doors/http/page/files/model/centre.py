"""A call centre where anything happens at random, as Asterisk tells it; some events come twice."""

from random import Random

from tests.net.doors.http.page.files.model.history import Both

QUEUES = ("sales", "help", "<b>spare")
NAMES = ("Ann", "<unknown>", "<img src=x onerror=alert(1)>", "\u202eright to left", "__proto__", "x" * 300)
PLACES = ("PJSIP/a", "PJSIP/b", "Local/c@agents/n", "Agent:1")
MEMBER = """Event: {event}
Queue: {queue}
MemberName: Member {place}
Interface: {place}
StateInterface: {place}
Membership: dynamic
Penalty: 0
CallsTaken: {taken}
LastCall: {last}
LastPause: {pause}
LoginTime: 1700000000
InCall: {talks}
Status: {status}
Paused: {paused}
PausedReason: {reason}
Wrapuptime: 0
"""


class Channel:
    """``uniqueid`` and ``name`` as Asterisk would give them."""

    def __init__(self, number: int, name: str, label: str, linkedid: str = "") -> None:
        self.uniqueid = f"1796060764.{number}"
        self.name = f"{name}-{number:08x}"
        self.label = label
        self.number = str(1000 + number)
        self.linkedid = linkedid or self.uniqueid
        self.state = 0
        self.bridge = ""

    @property
    def lines(self) -> str:
        told = {
            "Channel": self.name,
            "ChannelState": self.state,
            "CallerIDNum": self.number,
            "CallerIDName": self.label,
            "Uniqueid": self.uniqueid,
            "Linkedid": self.linkedid,
        }
        return "".join(f"{name}: {value}\n" for name, value in told.items())


class Member:
    """One member of one queue."""

    def __init__(self, queue: str, place: str) -> None:
        self.queue = queue
        self.place = place
        self.taken = self.last = self.pause = self.talks = self.paused = 0
        self.status = 1
        self.reason = ""
        self.calls: list[tuple[Channel, Channel, int]] = []


class Centre:
    """``step`` has something happen."""

    def __init__(self, seed: int, both: Both) -> None:
        self.random = Random(seed)
        self.both = both
        self.number = 0
        self.waiting: dict[str, list[Channel]] = {queue: [] for queue in QUEUES}
        self.members: dict[tuple[str, str], Member] = {}
        #: Members that have been removed during a call.
        self.gone: list[Member] = []
        self.others: list[Channel] = []
        self.parked: dict[int, Channel] = {}
        self.inside: list[Channel] = []
        self.last = ""

    def say(self, text: str) -> None:
        self.both.happen(text)
        self.last = text

    def step(self) -> None:
        self.both.clock.advance(self.random.choice((0, 0, 0.3, 2, 40)))
        steps = (
            *(self.join, self.join, self.answer, self.answer, self.complete, self.complete, self.give_up),
            *(self.take_away, self.change, self.change, self.come, self.go, self.park, self.unpark),
            *(self.meet, self.part, self.rename, self.again, self.go_during_a_call, self.end_at_once),
        )
        self.random.choice(steps)()

    def begin(self, name: str, label: str, linkedid: str = "") -> Channel:
        self.number += 1
        channel = Channel(self.number, name, label, linkedid)
        self.say(f"Event: Newchannel\n{channel.lines}")
        channel.state = 6
        self.say(f"Event: Newstate\n{channel.lines}")
        return channel

    def end(self, channel: Channel) -> None:
        self.say(f"Event: Hangup\n{channel.lines}Cause: 16\n")
        if self.random.random() < 0.2:
            self.say(f"Event: NewConnectedLine\n{channel.lines}")  # comes late

    def bridge(self, channel: Channel, bridge: str, event: str = "BridgeEnter", creator: str = "") -> None:
        technology = "holding_bridge" if creator == "Parking" else "simple_bridge"
        about = f"BridgeUniqueid: {bridge}\nBridgeTechnology: {technology}\nBridgeCreator: {creator}\n"
        self.say(f"Event: {event}\n{about}BridgeName: x\nBridgeNumChannels: 1\n{channel.lines}")
        channel.bridge = bridge if event == "BridgeEnter" else ""

    # -- queues

    def join(self) -> None:
        queue = self.random.choice(QUEUES)
        channel = self.begin(self.random.choice(("PJSIP/trunk", "Local/7@in")), self.random.choice(NAMES))
        waiting = self.waiting[queue]
        place = self.random.choice((len(waiting), 0))
        waiting.insert(place, channel)
        self.say(
            f"Event: QueueCallerJoin\n{channel.lines}Queue: {queue}\nPosition: {place + 1}\n"
            f"Count: {len(waiting)}\n"
        )

    def some_waiting(self) -> tuple[str, Channel] | None:
        queues = [queue for queue in QUEUES if self.waiting[queue]]
        if not queues:
            return None
        queue = self.random.choice(queues)
        return queue, self.waiting[queue].pop(self.random.randrange(len(self.waiting[queue])))

    def leave(self, queue: str, channel: Channel) -> None:
        self.say(
            f"Event: QueueCallerLeave\n{channel.lines}Queue: {queue}\nCount: {len(self.waiting[queue])}\n"
            "Position: 1\n"
        )

    def answer(self) -> None:
        found = self.some_waiting()
        if found is None:
            return
        queue, channel = found
        self.leave(queue, channel)
        members = [member for member in self.members.values() if member.queue == queue]
        if not members:
            self.end(channel)
            return
        member = self.random.choice(members)
        other = self.begin(member.place, "Agent", channel.linkedid)
        held = self.random.randrange(60)
        self.say(
            f"Event: AgentConnect\n{channel.lines}DestUniqueid: {other.uniqueid}\nQueue: {queue}\n"
            f"Interface: {member.place}\nMemberName: Member {member.place}\nHoldTime: {held}\nRingTime: 3\n"
        )
        member.calls.append((channel, other, 0))
        member.talks, member.status = 1, 2
        self.tell(member, "QueueMemberStatus")
        for each in (channel, other):
            self.bridge(each, f"bridge-{channel.uniqueid}")

    def complete(self) -> None:
        busy = [member for member in (*self.members.values(), *self.gone) if member.calls]
        if not busy:
            return
        member = self.random.choice(busy)
        channel, other, _ = member.calls.pop(self.random.randrange(len(member.calls)))
        event = (
            f"Event: AgentComplete\n{channel.lines}DestUniqueid: {other.uniqueid}\nQueue: {member.queue}\n"
            f"Interface: {member.place}\nHoldTime: 4\nTalkTime: {self.random.randrange(300)}\nReason: agent\n"
        )
        if self.random.random() < 0.5:
            self.say(event)
        member.talks, member.status = int(bool(member.calls)), 2 if member.calls else 1
        member.taken += 1
        member.last = 1796060000 + self.number
        if member not in self.gone:
            self.tell(member, "QueueMemberStatus")
        if self.random.random() < 0.9:
            self.say(event)
        for each in (channel, other):
            self.bridge(each, each.bridge, "BridgeLeave")
            self.end(each)

    def end_at_once(self) -> None:
        """Both sides of a call are hung up: Asterisk tells that it is complete in between or afterwards."""
        busy = [member for member in (*self.members.values(), *self.gone) if member.calls]
        if not busy:
            return
        member = self.random.choice(busy)
        channel, other, _ = member.calls.pop()
        named = f"{channel.lines}DestUniqueid: {other.uniqueid}\n" if self.random.random() < 0.5 else ""
        event = (
            f"Event: AgentComplete\n{named}Queue: {member.queue}\n"
            f"Interface: {member.place}\nHoldTime: 4\nTalkTime: 3\nReason: agent\n"
        )
        steps = [lambda: self.end(channel), lambda: self.end(other), lambda: self.say(event)]
        self.random.shuffle(steps)
        for step in steps:
            step()
        member.talks, member.status = int(bool(member.calls)), 2 if member.calls else 1
        member.taken += 1
        if member not in self.gone:
            self.tell(member, "QueueMemberStatus")

    def give_up(self) -> None:
        found = self.some_waiting()
        if found is None:
            return
        queue, channel = found
        self.say(
            f"Event: QueueCallerAbandon\n{channel.lines}Queue: {queue}\nPosition: 1\nOriginalPosition: 1\n"
            f"HoldTime: {self.random.randrange(30)}\n"
        )
        self.leave(queue, channel)
        self.end(channel)

    def take_away(self) -> None:
        """An action takes a caller out of its queue: there is no QueueCallerLeave."""
        found = self.some_waiting()
        if found is None:
            return
        if self.random.random() < 0.5:
            self.bridge(found[1], "elsewhere")
            self.others.append(found[1])
        else:
            self.end(found[1])

    # -- members

    def tell(self, member: Member, event: str) -> None:
        self.say(MEMBER.format(event=event, **vars(member)))

    def come(self) -> None:
        key = self.random.choice(QUEUES), self.random.choice(PLACES)
        if key not in self.members:
            self.members[key] = Member(*key)
            self.tell(self.members[key], "QueueMemberAdded")

    def go(self) -> None:
        if self.members:
            member = self.members.pop(self.random.choice([*self.members]))
            self.gone.append(member)
            self.tell(member, "QueueMemberRemoved")

    def go_during_a_call(self) -> None:
        """A member is removed, and may come again before its call ends."""
        busy = [key for key, member in self.members.items() if member.calls]
        if busy:
            key = self.random.choice(busy)
            member = self.members.pop(key)
            self.gone.append(member)
            self.tell(member, "QueueMemberRemoved")
            if self.random.random() < 0.5:
                self.members[key] = Member(*key)
                self.tell(self.members[key], "QueueMemberAdded")

    def change(self) -> None:
        if not self.members:
            return
        member = self.random.choice([*self.members.values()])
        if self.random.random() < 0.5:
            member.paused = 1 - member.paused
            member.pause = 1796060000 + self.number
            member.reason = self.random.choice(("", "lunch", "<unknown>"))
            self.tell(member, "QueueMemberPause")
        else:
            member.status = self.random.randrange(9)
            self.tell(member, "QueueMemberStatus")

    # -- places

    def park(self) -> None:
        channel = self.begin("SIP/p", self.random.choice(NAMES))
        space = self.random.randrange(701, 705)
        if space in self.parked:
            self.end(channel)
            return
        self.parked[space] = channel
        self.bridge(channel, "parking", creator="Parking")
        self.about_parked("ParkedCall", space, channel)

    def about_parked(self, event: str, space: int, channel: Channel) -> None:
        parkee = "".join(f"Parkee{line}\n" for line in channel.lines.splitlines())
        self.say(
            f"Event: {event}\n{parkee}ParkerDialString: SIP/x\nParkinglot: default\nParkingSpace: {space}\n"
            "ParkingTimeout: 45\nParkingDuration: 0\n"
        )

    def unpark(self) -> None:
        if self.parked:
            space = self.random.choice([*self.parked])
            channel = self.parked.pop(space)
            self.about_parked(
                self.random.choice(("UnParkedCall", "ParkedCallTimeOut", "ParkedCallGiveUp")), space, channel
            )
            self.bridge(channel, "parking", "BridgeLeave", "Parking")
            self.end(channel)

    def meet(self) -> None:
        channel = self.begin("IAX2/m", self.random.choice(NAMES))
        self.inside.append(channel)
        self.bridge(channel, "room", creator="ConfBridge")
        self.say(f"Event: ConfbridgeJoin\nConference: room\n{channel.lines}Admin: No\nMuted: No\n")

    def part(self) -> None:
        if self.inside:
            channel = self.inside.pop(self.random.randrange(len(self.inside)))
            self.bridge(channel, "room", "BridgeLeave", "ConfBridge")
            self.say(f"Event: ConfbridgeLeave\nConference: room\n{channel.lines}Admin: No\n")
            self.end(channel)

    # -- everything else

    def rename(self) -> None:
        waiting = [channel for some in self.waiting.values() for channel in some]
        if waiting:
            channel = self.random.choice(waiting)
            channel.label = self.random.choice(NAMES)
            self.say(f"Event: NewCallerid\n{channel.lines}")
            old, channel.name = channel.name, f"DAHDI/{self.number}"
            about = f"Channel: {old}\nNewname: {channel.name}\nUniqueid: {channel.uniqueid}\n"
            self.say(f"Event: Rename\n{about}")

    def again(self) -> None:
        """A list is ahead of the events: some tell what is known already."""
        if self.last:
            self.both.happen(self.last)

    def close(self) -> None:
        """End every call."""
        while any(self.waiting.values()):
            self.give_up()
        while any(member.calls for member in (*self.members.values(), *self.gone)):
            self.complete()
        while self.parked:
            self.unpark()
        while self.inside:
            self.part()
        for channel in self.others:
            self.bridge(channel, channel.bridge, "BridgeLeave")
            self.end(channel)
