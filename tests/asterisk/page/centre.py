"""A call centre with phones: what a wallboard shows, at a real Asterisk, arranged by the tests.

Callers are RTP channels, which are up at once and need no other side; agents have desk phones.
"""

from contextlib import ExitStack
from typing import Self

from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.everything import with_every_module
from tests.asterisk.page.board import come_true
from tests.asterisk.page.desk import Desk
from tests.support.ami_client import AmiClient, Message
from tests.support.ports import free_port

QUEUES = """
[general]
[sales]
strategy = ringall
joinempty = yes
ringinuse = no
timeout = 300
servicelevel = 20
member => PJSIP/ann,0,Ann
member => PJSIP/bob,0,Bob
member => PJSIP/carl,0,Carl

[support]
strategy = ringall
joinempty = yes
ringinuse = no
timeout = 300
member => PJSIP/ann,0,Ann
member => PJSIP/dora,0,Dora

[night]
joinempty = yes
"""
_EXTENSIONS = """
[page]
exten => stay,1,Answer()
 same => n,Wait(600)
exten => _queue-!,1,Answer()
 same => n,Queue(${EXTEN:6})
exten => _dial-!,1,Answer()
 same => n,Dial(PJSIP/${EXTEN:5})
exten => _local-!,1,Answer()
 same => n,Dial(Local/dial-${EXTEN:6}@page/n)
exten => _co[n]f-!,1,Answer()
 same => n,ConfBridge(${EXTEN:5},default_bridge,plain)
exten => park,1,Answer()
 same => n,Park(default,t(600)s)
exten => 200,hint,PJSIP/ann
exten => 201,hint,PJSIP/bob
exten => 202,hint,Custom:lamp
exten => 203,hint,PJSIP/carl
"""
_ENDPOINT = """
[{name}]
type = endpoint
context = page
disallow = all
allow = ulaw
aors = {name}
auth = {name}
direct_media = no
callerid = {caller} <{number}>
[{name}]
type = auth
username = {name}
password = {name}
[{name}]
type = aor
max_contacts = 1
"""
_TRUNK = """
[{name}]
type = endpoint
context = page
disallow = all
allow = ulaw
aors = {name}
[{name}]
type = aor
contact = sip:{name}@127.0.0.1:{port}
qualify_frequency = 1
qualify_timeout = 1
"""
_PJSIP = """
[lab-udp]
type = transport
protocol = udp
bind = 127.0.0.1:{port}
"""
_CONFERENCES = """
[plain]
type = user
quiet = yes
[default_bridge]
type = bridge
"""
#: Those with phones; Eva is in no queue, and Carl, an agent, has no phone.
PHONES = ("ann", "bob", "dora", "eva")


class Centre:
    """An Asterisk with queues, agents with phones, and two trunks: ``provider`` is up, ``oldline`` is down.

    Use it in a ``with`` block, in which it runs.
    """

    def __init__(self, suite: str = "sid") -> None:
        self.sip_port = free_port()
        self.trunk = Desk(self.sip_port)
        self.asterisk = with_every_module(
            Asterisk(suite, extensions_extra=_EXTENSIONS),
            {
                "agents.conf": "[general]\n",
                "confbridge.conf": _CONFERENCES,
                "queues.conf": QUEUES,
                "pjsip.conf": self._pjsip(),
            },
        )
        self.desks: dict[str, Desk] = {}
        self._open = ExitStack()

    def _pjsip(self) -> str:
        endpoints = [
            _ENDPOINT.format(name=name, caller=name.capitalize(), number=200 + number)
            for number, name in enumerate((*PHONES, "carl"))
        ]
        trunks = [
            _TRUNK.format(name=name, port=port)
            for name, port in (("provider", self.trunk.port), ("oldline", free_port()))
        ]
        return "".join((_PJSIP.format(port=self.sip_port), *endpoints, *trunks))

    def __enter__(self) -> Self:
        self._open.enter_context(self.trunk)
        self._open.callback(self.asterisk.remove)
        try:
            self.asterisk.start()
            self.register()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def register(self) -> None:
        """Have the phones register, as they do after Asterisk has come back."""
        for name in PHONES:
            if name not in self.desks:
                self.desks[name] = self._open.enter_context(Desk(self.sip_port))
            self.desks[name].register(name, expires=3600)


class Calls:
    """Calls at a centre, made by a session at Asterisk's own port."""

    def __init__(self, acting: AmiClient) -> None:
        self._acting = acting

    async def call(self, exten: str, name: str, number: str = "5550100") -> None:
        """A caller with this name calls ``exten``; returns when its channel is there."""
        seen = {one.get("Channel") for one in await self.channels()}
        answer = await self._acting.action(
            "Originate",
            Channel="UnicastRTP/127.0.0.1:9/c(ulaw)",
            Context="page",
            Exten=exten,
            Priority="1",
            CallerID=f'"{name}" <{number}>',
            Async="true",
        )
        assert answer.get("Response") == "Success", answer

        async def made() -> bool:
            return any(
                one.get("Channel") not in seen and one.get("Exten") == exten for one in await self.channels()
            )

        await come_true(made)

    async def start(self, exten: str, name: str) -> str:
        """The same; returns the channel."""
        before = {one.get("Channel") for one in await self.channels()}
        await self.call(exten, name)
        return next(
            str(one.get("Channel"))
            for one in await self.channels()
            if one.get("Channel") not in before and one.get("CallerIDName") == name
        )

    async def counter(self, queue: str, name: str) -> int:
        """A figure of a queue in the native list."""
        _, items, _ = await self._acting.event_list("QueueStatus", Queue=queue)
        (found,) = [one for one in items if one.event == "QueueParams"]
        return int(str(found.get(name)))

    async def until_counter(self, queue: str, name: str, value: int) -> None:
        """Wait until the native list says this of a queue."""

        async def so() -> bool:
            return await self.counter(queue, name) == value

        await come_true(so, (queue, name, value))

    async def fill(self, desks: dict[str, Desk]) -> None:
        """Everything that a wallboard can show, at once.

        Ann talks to Zoë, Bob is at lunch, Dora's phone rings, and Carl is away; two wait in the queue that
        nobody serves, one is parked, two are in a conference; one has been served, and one has given up.
        """
        desks["dora"].answers = "never"
        await self._acting.action("QueuePause", Interface="PJSIP/bob", Paused="true", Reason="lunch")
        completed = await self.counter("sales", "Completed")
        abandoned = await self.counter("night", "Abandoned")
        early = await self.start("queue-sales", "Early")
        await self._until_talking("Early")
        await self.hang_up(early)
        gone = await self.start("queue-night", "Gone")
        await self.until_counter("night", "Calls", 1)
        await self.hang_up(gone)
        await self.until_counter("night", "Abandoned", abandoned + 1)
        await self.until_counter("sales", "Completed", completed + 1)
        await self.call("queue-sales", "Zoë", "5550101")
        await self._until_talking("Zoë")
        for exten, name, number in (
            ("queue-support", "Second", "5550102"),
            ("queue-night", "Third", "5550103"),
            ("queue-night", "Fourth", "5550104"),
            ("park", "Parked", "5550105"),
            ("conf-1", "Conferee", "5550106"),
            ("conf-1", "Chair", "5550107"),
            ("dial-eva", "Straight", "5550108"),
            ("local-eva", "Winding", "5550109"),
            ("dial-provider", "Outward", "5550110"),
        ):
            await self.call(exten, name, number)

    async def _until_talking(self, name: str) -> None:
        async def so() -> bool:
            return any(
                one.get("CallerIDName") == name and one.get("BridgeId") for one in await self.channels()
            )

        await come_true(so, f"{name} talks")

    async def channels(self) -> list[Message]:
        """The native list."""
        return (await self._acting.event_list("CoreShowChannels"))[1]

    async def hang_up(self, channel: str) -> None:
        """End the channels of this name, or of the names that a pattern such as ``/^PJSIP/`` matches."""
        await self._acting.action("Hangup", Channel=channel)

    async def end_all(self) -> None:
        """End all calls and pauses, and wait until no channel is left."""
        # Of calls that lose both sides at once, Asterisk does not always say that they are complete.
        await self.hang_up("/^UnicastRTP/")

        async def ended() -> bool:
            left = await self.channels()
            if not any(str(one.get("Channel")).startswith("UnicastRTP/") for one in left):
                await self.hang_up("/.*/")
            return not left and not await self._serving()

        await come_true(ended)
        await self._acting.action("QueuePause", Interface="PJSIP/bob", Paused="false")

    async def _serving(self) -> bool:
        """Whether a call is yet to be counted as completed, which may be after its channels have ended."""
        _, items, _ = await self._acting.event_list("QueueStatus")
        return any(one.get("InCall") == "1" for one in items)
