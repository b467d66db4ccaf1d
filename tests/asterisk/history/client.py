"""A dashboard in about a hundred lines: it keeps a picture of one Asterisk from a snapshot and events.

It shares no code with the product or with other clients of the tests, and knows only what AMI documents.
"""

import asyncio
import ssl
from collections.abc import Iterable

Headers = dict[str, str]

#: Events that carry the present fields of their channel.  Some of them also come after its Hangup.
_BEGUN = {"CoreShowChannel", "Newchannel"}
_CHANGED = {"Newstate", "NewCallerid", "NewConnectedLine", "NewAccountCode", "BridgeEnter", "BridgeLeave"}
_MEMBER = ["QueueMember", "QueueMemberAdded", "QueueMemberStatus", "QueueMemberPause", "QueueMemberPenalty"]
_LEFT_PARKING = {"UnParkedCall", "ParkedCallGiveUp", "ParkedCallTimeOut"}
#: What is kept of each channel and of each member of a queue.
_OF_CHANNEL = ("Channel", "ChannelStateDesc", "CallerIDNum", "ConnectedLineNum", "AccountCode")
_OF_MEMBER = ("Paused", "Penalty")


class Picture:
    """What is there now; ``apply`` takes items of lists and events, in the order in which they come."""

    def __init__(self, messages: Iterable[Headers] = ()) -> None:
        self.channels: dict[str, Headers] = {}
        self.bridged: dict[str, str] = {}
        self.members: dict[tuple[str, str], Headers] = {}
        self.callers: set[tuple[str, str]] = set()
        self.parked: dict[str, str] = {}
        self.conferences: set[tuple[str, str]] = set()
        #: Where channels were parked that have left the lot: one that is parked again leaves it in between.
        self._lots: dict[str, str] = {}
        for message in messages:
            self.apply(message)

    def apply(self, event: Headers) -> None:
        name, of = event["Event"], event.get
        unique, queue = of("Uniqueid", ""), of("Queue", "")
        if name in _BEGUN or (name in _CHANGED and unique in self.channels):
            self.channels[unique] = {field: event[field] for field in _OF_CHANNEL}
        if name == "CoreShowChannel" and of("BridgeId"):
            self.bridged[unique] = event["BridgeId"]
        elif name == "Rename" and unique in self.channels:
            self.channels[unique]["Channel"] = event["Newname"]
        elif name == "Hangup":
            self.channels.pop(unique, None)
            self.bridged.pop(unique, None)
            self._leaves_queues(unique)
            self._leaves_lots(unique)
            self._lots.pop(unique, None)
            self.conferences = {one for one in self.conferences if one[1] != event["Channel"]}
        elif name == "BridgeEnter":
            self.bridged[unique] = event["BridgeUniqueid"]
            self._leaves_queues(unique)
            if event["BridgeCreator"] == "Parking" and unique in self._lots:
                self.parked[unique] = self._lots.pop(unique)
            elif event["BridgeCreator"] == "ConfBridge":
                self.conferences.add((event["BridgeName"], event["Channel"]))
        elif name == "BridgeLeave":
            if self.bridged.get(unique) == event["BridgeUniqueid"]:
                del self.bridged[unique]
            if event["BridgeCreator"] == "Parking":
                self._leaves_lots(unique)
            elif event["BridgeCreator"] == "ConfBridge":
                self.conferences.discard((event["BridgeName"], event["Channel"]))
        elif name == "BridgeDestroy":
            gone = event["BridgeUniqueid"]
            self.bridged = {one: bridge for one, bridge in self.bridged.items() if bridge != gone}
        elif name in _MEMBER:
            member = queue, of("Interface") or event["Location"]
            self.members[member] = {field: event[field] for field in _OF_MEMBER}
        elif name == "QueueMemberRemoved":
            self.members.pop((queue, event["Interface"]), None)
        elif name in {"QueueEntry", "QueueCallerJoin"}:
            self.callers.add((queue, unique))
        elif name == "QueueCallerLeave":
            self.callers.discard((queue, unique))
        elif name in {"ParkedCall", "ParkedCallSwap"}:
            self.parked[event["ParkeeUniqueid"]] = event["ParkingSpace"]
        elif name in _LEFT_PARKING:
            self.parked.pop(event["ParkeeUniqueid"], None)
            self._lots.pop(event["ParkeeUniqueid"], None)
        elif name in {"ConfbridgeList", "ConfbridgeJoin"}:
            self.conferences.add((event["Conference"], event["Channel"]))
        elif name == "ConfbridgeLeave":
            self.conferences.discard((event["Conference"], of("Channel", "")))
        elif name == "ConfbridgeEnd":
            self.conferences = {one for one in self.conferences if one[0] != event["Conference"]}

    # Where an action takes a channel away, Asterisk does not always say what the channel has left.

    def _leaves_queues(self, unique: str) -> None:
        self.callers = {one for one in self.callers if one[1] != unique}

    def _leaves_lots(self, unique: str) -> None:
        if unique in self.parked:
            self._lots[unique] = self.parked.pop(unique)

    def differences(self, native: "Picture") -> list[str]:
        """What is not the same in the native lists; no lines: they are equal."""
        found = []
        for kind, mine in vars(self).items():
            if kind.startswith("_"):
                continue
            theirs = vars(native)[kind]
            if isinstance(mine, set):
                found += [f"{kind} {one}: not in the list" for one in sorted(mine - theirs)]
                found += [f"{kind} {one}: only in the list" for one in sorted(theirs - mine)]
            else:
                keys = [key for key in {**mine, **theirs} if mine.get(key) != theirs.get(key)]
                found += [f"{kind} {key}: {mine.get(key)}, in the list {theirs.get(key)}" for key in keys]
        return found


class Dashboard:
    """One client of the proxy.  ``seen`` has the token and the text of each event, in order."""

    def __init__(self, port: int, tls: ssl.SSLContext, user: str, secret: str) -> None:
        self._door = port, tls
        self._login = {"Action": "Login", "Username": user, "Secret": secret}
        self.picture = Picture()
        self.token = ""
        self.seen: list[tuple[str, str]] = []
        #: Events of the proxy's own, as they came, and why the connection ended; "" while it has not.
        self.said: list[Headers] = []
        self.ended = ""
        self._answers: dict[str, asyncio.Future[Headers]] = {}
        self._asked = 0
        self._reading: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self, events: str = "off") -> None:
        """Connect and log in."""
        port, tls = self._door
        reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname="localhost"
        )
        self.ended = ""
        await reader.readline()
        self._reading = asyncio.get_running_loop().create_task(self._read(reader))
        answer = await self.ask({**self._login, "Events": events})
        assert answer["Response"] == "Success", answer

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
                self._take(text, dict(line.split(": ", 1) for line in text.splitlines() if ": " in line))
        except (OSError, asyncio.IncompleteReadError, KeyError) as end:  # KeyError: an event lacks a header
            self.ended = repr(end)
            for answer in self._answers.values():
                answer.cancel()

    def _take(self, text: str, message: Headers) -> None:
        answer = self._answers.get(message.get("ActionID", ""))
        if "Response" in message and text.startswith("Response"):
            if answer is not None and "EventList" not in message:
                answer.set_result(message)
            elif message.get("EventList") == "start":
                self.picture = Picture()
        elif message["Event"] == "ProxySnapshotComplete":
            self.token = message["Sequence"]
            if answer is not None:
                answer.set_result(message)
        elif message["Event"].startswith("Proxy"):
            self.said.append(message)
        else:
            self.picture.apply(message)
            if (token := message.get("ProxySequence")) is not None:
                self.token = token
                self.seen.append((token, text))

    async def ask(self, headers: Headers) -> Headers:
        """Send an action; its response, or the end of its list."""
        assert self._writer is not None
        self._asked += 1
        number = f"ask-{self._asked}"
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        lines = [f"{name}: {value}\r\n" for name, value in {**headers, "ActionID": number}.items()]
        self._writer.write("".join([*lines, "\r\n"]).encode())
        try:
            async with asyncio.timeout(20):
                return await answer
        finally:
            del self._answers[number]

    async def not_connected(self) -> list[str]:
        """Why the proxy does not send actions to Asterisk yet; nothing if it does."""
        answer = await self.ask({"Action": "Ping"})
        return [] if answer["Response"] == "Success" else [answer["Message"]]

    async def snapshot(self) -> None:
        """Take the present, and all events after it."""
        await self.ask({"Action": "Events", "EventMask": "on", "ProxySequence": "on"})
        answer = await self.ask({"Action": "ProxySnapshot"})
        assert answer.get("Event") == "ProxySnapshotComplete", answer

    async def resume(self) -> bool:
        """Go on behind the last event that was seen; False if that is not possible any more."""
        answer = await self.ask({"Action": "ProxyResume", "From": self.token, "ProxySequence": "on"})
        assert answer["Response"] == "Success" or answer["Message"] == "Gap", answer
        return answer["Response"] == "Success"

    async def cut(self) -> None:
        """Lose the connection, without a word, at whatever byte it is."""
        if self._writer is not None and self._reading is not None:
            self._writer.transport.abort()
            await asyncio.wait([self._reading])
