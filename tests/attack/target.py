"""The Asterisk under attack: a dialplan with a secret in it, a neighbour's call, and all traps set."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.lab.everything import with_every_module
from tests.attack.attackers import ATTACKERS, SECRET, Attacker
from tests.attack.traps import MEMORY_JUMP, SLOW, Folder, Ports, globals_in, resident
from tests.support.ami_client import AmiClient
from tests.support.ports import free_port
from tests.support.proxy_process import ProxyProcess, hashed

NEIGHBOUR: Final = "neighbour"
_DIALPLAN: Final = """
[own]
exten => own,1,Answer()
 same => n,System(true ${UNIQUEID})
 same => n,Wait(3600)
exten => _aX.,1,Goto(own,1)
; both sides may transfer by #1, as many dialplans have it; where to is this channel's to say
exten => featured,1,Answer()
 same => n,Set(__TRANSFER_CONTEXT=secret)
 same => n,Dial(Local/phone@theirs/n,10,tT)
exten => agi,1,Answer()
 same => n,AGI(agi:async)

; its name begins with another's
[owners-of-theirs]
exten => own,1,Goto(own,own,1)

; the guide's users
[outbound]
exten => _X.,1,Goto(own,own,1)

; h of its own wherever _. would take it too
[theirs]
exten => h,1,NoOp()
exten => _.,1,Answer()
 same => n,Wait(36000)

[secret]
exten => h,1,NoOp()
exten => _.,1,System(touch $TRAPS/secret-${FILTER(0-9a-z,${EXTEN})})
 same => n,Wait(1)
 same => n,Hangup()
"""
_FEATURES: Final = (
    "[general]\ntransferdigittimeout = 1\nfeaturedigittimeout = 2000\n[featuremap]\nblindxfer = #1\n"
)
_PARKING: Final = "[default]\nparkext = 700\nparkpos = 701-720\ncontext = lab-parked\nparkingtime = 1\n"
_QUEUES: Final = "[general]\npersistentmembers = yes\n\n[attack]\nmember => Local/member@own/n\n"
_PJSIP: Final = "\n[200]\ntype = endpoint\ncontext = own\nallow = ulaw\naors = 200\n\n[200]\ntype = aor\n"
#: Sets of ports that stay open after their turn.  Asterisk repeats an INVITE for 32 seconds.
_EARLIER_PORTS: Final = 16
#: One client, as fast as it can: no rate limit may come between an attack and Asterisk.
_LIMITS: Final = {
    "action_rate": 100_000,
    "action_burst": 100_000,
    "originate_rate": 100_000,
    "originate_burst": 100_000,
    "command_rate": 100_000,
    "command_burst": 100_000,
    "connection_rate": 100_000,
    "connection_burst": 100_000,
    "login_failure_burst": 100_000,
    "exempt": ["127.0.0.1/32"],
    "reconnect_min": 0.1,
    "reconnect_max": 0.2,
}


def _account(who: Attacker) -> str:
    """The same user at Asterisk's own door, with the classes only."""
    return f"\n[{who.name}]\nsecret = {SECRET}\nread =\nwrite = {','.join(sorted(who.classes))}\n"


class Target:
    """One Asterisk with its traps.  ``tripped`` returns the effects since it was last called."""

    def __init__(self, suite: str = "sid") -> None:
        self.asterisk = Asterisk(suite, manager_extra="".join(map(_account, ATTACKERS)))
        here = f"/srv/{self.asterisk.directory.name}"
        self.traps = f"{here}/spool/traps"
        self.ports = Ports()
        # Kept open, so that no new trap gets a port to which something is still sent.
        self._earlier_ports: list[Ports] = []
        self._ids = count(1)
        self._configure()
        self.folder = Folder(self.asterisk.directory / "spool/traps", self.asterisk.owner)
        self.delays: list[float] = []
        self._client: AmiClient | None = None
        self._globals: dict[str, str] = {}
        self._memory = 0
        self.neighbour = self.uniqueid = ""

    def _configure(self) -> None:
        etc = self.asterisk.directory / "etc"
        pjsip = f"[lab-udp]\ntype = transport\nprotocol = udp\nbind = 127.0.0.1:{free_port()}\n{_PJSIP}"
        with_every_module(
            self.asterisk,
            {
                "pjsip.conf": pjsip,
                "queues.conf": _QUEUES,
                "res_parking.conf": _PARKING,
                "features.conf": _FEATURES,
            },
        )
        extensions = (etc / "extensions.conf").read_text() + _DIALPLAN.replace("$TRAPS", self.traps)
        self.asterisk.write("extensions.conf", extensions)
        self.asterisk.write("attack.conf", "[general]\n")

    def proxy(self, directory: Path, **limits: Any) -> ProxyProcess:
        """The proxy in front of it, with all attackers and a neighbour."""
        users = {attacker.name: attacker.entry for attacker in ATTACKERS}
        users[NEIGHBOUR] = {"secret": hashed(SECRET), "read": [], "write": ["reporting"]}
        link = (self.asterisk.host, self.asterisk.port, self.asterisk.user, self.asterisk.secret)
        return ProxyProcess(directory, link, users, limits={**_LIMITS, **limits})

    async def start(self) -> None:
        """Start Asterisk, place the neighbour's call and record the state of everything."""
        if not self.asterisk.is_running:
            await asyncio.to_thread(self.asterisk.start)
        self._client = await AmiClient.connect(self.asterisk.host, self.asterisk.port)
        await self.admin.login(self.asterisk.user, self.asterisk.secret, Events="off")
        await self.restore()

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    def renew_ports(self) -> None:
        """Other ports: Asterisk may go on contacting the old ones for a while."""
        self._earlier_ports.append(self.ports)
        if len(self._earlier_ports) > _EARLIER_PORTS:
            self._earlier_ports.pop(0).close()
        self.ports = Ports()

    def remove(self) -> None:
        self.asterisk.remove()
        for ports in (*self._earlier_ports, self.ports):
            ports.close()

    @property
    def admin(self) -> AmiClient:
        """A session at Asterisk's own door."""
        assert self._client is not None
        return self._client

    @property
    def is_there(self) -> bool:
        return self.asterisk.is_running

    async def said(self, command: str) -> list[str]:
        """The lines of a console command's output."""
        answer = await self.admin.action("Command", Command=command)
        self.admin.log.clear()
        return answer.all("Output")

    async def call(self, exten: str = "own", context: str = "own", account: str = "own") -> tuple[str, str]:
        """A new call to this place; its channels, the second of which runs the dialplan there."""
        name = f"attack-{next(self._ids)}"
        await self.admin.action(
            "Originate",
            Channel=f"Local/{exten}@{context}/n",
            Application="Wait",
            Data="3600",
            Account=account,
            ChannelId=name,
            OtherChannelId=f"{name}-2",
            Async="true",
        )
        deadline = time.monotonic() + 5
        while True:
            found = await self.admin.action("Status", Channel=name)
            if found.get("Response") == "Success":
                break
            if time.monotonic() > deadline:
                raise TimeoutError("no call can be placed")
            await asyncio.sleep(0.005)
        item = await self.admin.wait_event("Status", Uniqueid=name)
        first = item.get("Channel") or ""
        return first, first[:-1] + "2"

    async def calls(self, number: int) -> list[tuple[str, str]]:
        """This many of them."""
        return list(await asyncio.gather(*(self.call() for _ in range(number))))

    async def channels(self) -> set[str]:
        """The names of all existing channels."""
        lines = await self.said("core show channels concise")
        return {line.partition("!")[0] for line in lines if "!" in line}

    async def clear(self) -> None:
        """End every call except the neighbour's."""
        keep = {self.neighbour, self.neighbour[:-1] + "2"}
        names = await self.channels() - keep
        await asyncio.gather(*(self.admin.action("Hangup", Channel=name) for name in names))
        self.admin.log.clear()
        self.admin.inbox.clear()

    async def restore(self) -> None:
        """Restore everything: after the start, and after a trap was triggered."""
        await self.clear()
        if self.neighbour not in await self.channels() or await self._is_elsewhere():
            self.neighbour, second = await self.call("neighbour", "theirs", "theirs")
            found = await self.admin.action("Getvar", Channel=self.neighbour, Variable="UNIQUEID")
            self.uniqueid = found.get("Value") or ""
            give_up_at = time.monotonic() + 5
            while second not in await self.channels():
                assert time.monotonic() < give_up_at, "the neighbour's call does not come up"
                await asyncio.sleep(0.02)
        await self.admin.action("DBPut", Family="victim", Key="key", Val="untouched")
        self._globals = globals_in(await self.said("dialplan show globals"))
        self._memory = resident(self.pid)
        self.folder.take()
        self.ports.take()
        self.delays.clear()

    @property
    def pid(self) -> int:
        return self.asterisk.pid

    async def _is_elsewhere(self) -> bool:
        second = self.neighbour[:-1] + "2"
        found = await self.admin.action("Getvar", Channel=second, Variable="CONTEXT")
        application = await self.admin.action("Getvar", Channel=second, Variable="EXTEN")
        self.admin.log.clear()
        return (found.get("Value"), application.get("Value")) != ("theirs", "neighbour")

    async def tripped(self) -> dict[str, str]:
        """Each effect that occurred, with details.  Empty: no attempt succeeded."""
        if not self.is_there:
            return {"crash": "Asterisk's process has ended"}
        found: dict[str, str] = {}
        names = self.folder.take()
        for effect, some in (
            ("secret", [name for name in names if name.startswith("secret-")]),
            ("file", [name for name in names if not name.startswith("secret-")]),
        ):
            if some:
                found[effect] = " ".join(some)
        if heard := self.ports.take():
            found["connection"] = repr(heard[:3])
        if self.neighbour not in await self.channels():
            found["neighbour"] = "its call has ended"
        elif await self._is_elsewhere():
            found["neighbour"] = "its call is elsewhere"
        stored = await self.said("database get victim key")
        if not any(re.search(r"Value: untouched\s*\Z", line) for line in stored):
            found["database"] = repr(stored)
        if (now := globals_in(await self.said("dialplan show globals"))) != self._globals:
            found["globals"] = repr(sorted(now.items() ^ self._globals.items()))
        memory, self._memory = self._memory, resident(self.pid)
        if self._memory > memory + MEMORY_JUMP:
            found["memory"] = f"{memory >> 20} to {self._memory >> 20} MiB"
        if self.delays and max(self.delays) > SLOW:
            found["time"] = f"a neighbour's Getvar took {max(self.delays):.1f} s"
        self.delays.clear()
        return found


@asynccontextmanager
async def watched(target: Target, proxy: ProxyProcess) -> AsyncIterator[list[float]]:
    """A neighbour that sends Getvar all the time; the times of its answers, in seconds."""
    times: list[float] = []

    async def ask() -> None:
        # The proxy closes sessions whose link is lost, as when Asterisk was made to crash.
        while True:
            with suppress(ConnectionError):
                await ask_on()
            await asyncio.sleep(0.1)

    async def ask_on() -> None:
        async with await proxy.connect() as client:
            await client.login(NEIGHBOUR, SECRET)
            while True:
                began = time.monotonic()
                await client.action("Getvar", Variable="LAB", within=60)
                took = time.monotonic() - began
                target.delays.append(took)
                times.append(took)
                client.log.clear()
                await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(ask())
        try:
            yield times
        finally:
            task.cancel()
