"""Clients of edges: one that counts events, and one that counts actions."""

import time
from collections import Counter
from collections.abc import Iterable
from itertools import count
from typing import Self

from tests.fleet.counting.deeds import Deeds, Verdict
from tests.fleet.counting.ledger import Ledger
from tests.fleet.lab.members import PASSWORD
from tests.support.ami_client import AmiClient, Message
from tests.support.proxy_process import ProxyProcess
from tests.support.waiting import until

#: Parts of the texts that say that an action was certainly not done.
_NOT_DONE = ("not connected", "not executed")
_HEARTBEATS = frozenset({"ProxyHeartbeat", "FullyBooted"})


class Watcher(AmiClient):
    """A dashboard.  ``ledger`` has its events; another watcher can take it over after a break."""

    ledger: Ledger
    #: By server, the position of the last event.
    tokens: dict[str, str]
    #: The only server of a session that is bound to one.
    bound = ""

    @classmethod
    async def open(
        cls,
        edge: ProxyProcess,
        user: str,
        streams: Iterable[str],
        before: "Watcher | None" = None,
        bound: str = "",
    ) -> Self:
        """Log in, and continue where the watcher ``before`` broke off; without one, begin."""
        watcher = await cls.connect(edge.address, edge.port, edge.context, edge.host)
        try:
            watcher.ledger = before.ledger if before else Ledger(streams)
            watcher.tokens = before.tokens if before else {}
            watcher.bound = bound
            await watcher._begin(user, begins=before is None)
        except BaseException:
            watcher.break_off()
            raise
        return watcher

    async def reaches(self, stream: str, number: int) -> None:
        """Wait until it has had the event of the stream with this number."""
        await until(lambda: self.ledger.reached(stream, number), (stream, number), within=20)

    async def has_positions_of(self, servers: int) -> None:
        """Wait until it has had an event of this many servers."""
        await until(lambda: len(self.tokens) == servers, f"events of {servers} servers")

    async def _begin(self, user: str, *, begins: bool) -> None:
        if not self.tokens:
            if not begins:
                self.ledger.told_of_all()
            answer = await self.login(user, PASSWORD, ProxySequence="on")
            assert answer.get("Response") == "Success", answer
            return
        answer = await self.login(user, PASSWORD, Events="off")
        assert answer.get("Response") == "Success", answer
        answer = await self.action("ProxyResume", From=".".join(self.tokens.values()), ProxySequence="on")
        if answer.get("Response") != "Success":
            # It has to take a snapshot.
            self.ledger.told_of_all()
            self.tokens.clear()
            answer = await self.action("Events", EventMask="on", ProxySequence="on")
            assert answer.get("Response") == "Success", answer

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.log.clear()
        self.inbox[:] = [message for message in self.inbox if not self._noted(message)]

    def _noted(self, message: Message) -> bool:
        """Count an event; whether it was one that counts."""
        if message.event == "Counted":
            stream, number, token = (message.get(name) for name in ("Stream", "Number", "ProxySequence"))
            assert stream
            assert number
            self.ledger.came(stream, int(number), time.monotonic())
            if token:
                self.tokens[stream.partition(".")[0]] = token
        elif message.event == "ProxyUpstream":
            self.ledger.told(message.get("Server") or self.bound)
        else:
            return message.event in _HEARTBEATS
        return True

    def break_off(self) -> None:
        """Lose the connection as it is: with whatever has not been read yet."""
        if self._transport is not None:
            self._transport.abort()


class Caller(AmiClient):
    """Sends actions with unique names, and notes what it is told about each."""

    deeds: Deeds
    #: How many answers had each text.
    texts: Counter[str]
    _names = count(1)

    @classmethod
    async def open(
        cls, edge: ProxyProcess, deeds: Deeds, texts: Counter[str] | None = None, user: str = "caller"
    ) -> Self:
        """Log in.  ``texts`` counts the answers by their text."""
        caller = await cls.connect(edge.address, edge.port, edge.context, edge.host)
        caller.deeds, caller._pending = deeds, {}
        caller.texts = Counter() if texts is None else texts
        answer = await caller.login(user, PASSWORD, Events="off")
        assert answer.get("Response") == "Success", answer
        return caller

    _pending: dict[str, str]

    def act(self, server: str) -> str:
        """Send an action; its name."""
        name = f"deed-{next(Caller._names)}"
        self.deeds.asked(name)
        action_id = self.send("UserEvent", UserEvent=name, Server=server)
        assert action_id
        self._pending[action_id] = name
        return name

    @property
    def waiting(self) -> int:
        """How many actions have no answer yet."""
        return len(self._pending)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.log.clear()
        self.inbox[:] = [message for message in self.inbox if not self._noted(message)]

    def _noted(self, message: Message) -> bool:
        name = self._pending.pop(message.get("ActionID") or "", "") if message.is_response else ""
        if name:
            text = message.get("Message") or ""
            self.texts[text] += 1
            self.deeds.told(name, verdict_of(message), time.monotonic())
        return bool(name)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        now = time.monotonic()
        for name in self._pending.values():
            self.deeds.told(name, "unknown", now)
        self._pending.clear()

    def break_off(self) -> None:
        """Lose the connection as it is."""
        if self._transport is not None:
            self._transport.abort()


def verdict_of(answer: Message) -> Verdict:
    """What an answer says about its action."""
    if answer.get("Response") == "Success":
        return "done"
    text = (answer.get("Message") or "").lower()
    return "not done" if any(part in text for part in _NOT_DONE) and "unknown" not in text else "unknown"
