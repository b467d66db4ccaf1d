"""All possible attempts, and how they are made: in groups, with a check of the traps after each.

After a trap was triggered, the group is tried again, one attempt at a time: a finding names its attempt.
"""

import asyncio
import random
import re
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from amiproxy.ami import privilege
from amiproxy.ami.actions import LOCAL, SHIPPED
from amiproxy.ami.arguments import ARGUMENTS
from amiproxy.core.policy.classes import has_class
from tests.attack.attackers import ATTACKERS, SECRET, Attacker, may
from tests.attack.dangers import DANGERS, Danger
from tests.attack.honest import ENDS_THE_CALL, VARIANTS, Variant, headers_of
from tests.attack.target import NEIGHBOUR, Target
from tests.support.ami_client import AmiClient
from tests.support.proxy_process import ProxyProcess

GROUP: Final = 48
#: Seconds in which an answer comes, also when a synchronous Originate waits for its call.
_ANSWER: Final = 5
#: A header that Asterisk does not know, except in UserEvent, and one that it reads in every action.
_UNDESCRIBED: Final = ("Payload", "SuppressEvents")
_PLAIN: Final = Variant({}, "%s")
#: Class system's right, but the end of the lab: a reload of everything, a module removed.
_BREAKS_THE_LAB: Final = frozenset({"Reload", "ModuleLoad"})


#: Effects in which the value of ``{id}`` is visible.
_TELLS: Final = frozenset({"connection", "file", "secret"})
_ID: Final = re.compile(r"\ba\d+")


class Attempt(NamedTuple):
    """One nasty value in one header of one action, by one user."""

    who: Attacker
    action: str
    header: str
    danger: Danger
    variant: Variant

    def __str__(self) -> str:
        said = {**self.variant.beside, self.header: self.variant.form.replace("%s", self.danger.label)}
        return f"{self.who.name}: {self.action} " + ", ".join(
            f"{name}: {value}" for name, value in said.items()
        )


class Finding(NamedTuple):
    """An attempt that had an effect beyond its user's rights."""

    attempt: str
    effect: str
    seen: str

    def __str__(self) -> str:
        return f"{self.attempt}\n    -> {self.effect}: {self.seen}"


def attempts() -> Iterator[Attempt]:
    """Every one, always in the same order."""
    for who in ATTACKERS:
        mask = privilege.parse_classes(",".join(sorted(who.classes)))
        for key, described in sorted(ARGUMENTS.items()):
            listed = SHIPPED.find(key)
            if key in LOCAL or listed is None:
                continue  # answered by the proxy itself: it does not reach Asterisk
            action = described.name.decode()
            for header in _headers(key):
                for variant in (_PLAIN, *VARIANTS.get((action, header), ())):
                    # A missing class refuses whatever the value is, and an undescribed
                    # header is not sent: one is enough.
                    every = has_class(mask, listed) and header not in _UNDESCRIBED
                    dangers = DANGERS if every else DANGERS[:1]
                    for danger in dangers:
                        if danger.value is None and variant is not _PLAIN:
                            continue
                        if action in _BREAKS_THE_LAB and "system" in who.classes and not danger.value:
                            continue
                        yield Attempt(who, action, header, danger, variant)


def _headers(key: bytes) -> list[str]:
    described = ARGUMENTS[key]
    names = [argument.header.decode().replace("#", "000000") for argument in described.arguments]
    aliases = [alias.decode().title() for alias in described.aliases]
    # One undescribed header, and one that Asterisk reads in every action.
    return [*(name for name in names if name != "*"), *aliases, *_UNDESCRIBED]


def sample(seed: int, size: int) -> list[Attempt]:
    """Some of them: as many of each header as of another, of those that a class allows."""
    everything = [attempt for attempt in attempts() if attempt.header not in _UNDESCRIBED]
    chosen = random.Random(seed).sample(everything, min(size, len(everything)))
    return sorted(chosen, key=lambda attempt: ATTACKERS.index(attempt.who))


class Campaign:
    """Makes attempts at a target through a proxy."""

    def __init__(
        self, target: Target, proxy: ProxyProcess, tell: Callable[[str], None] | None = None
    ) -> None:
        self.target = target
        self.proxy = proxy
        self.tell = tell
        self.findings: list[Finding] = []
        self.unrepeated: list[str] = []
        #: For each time that Asterisk crashed or stopped answering, the attempts just before, in order.
        self.crashes: list[list[str]] = []
        self.made = self.allowed = self.unanswered = 0
        self._sessions: dict[str, AmiClient] = {}
        self._number = 0
        self._latest: deque[Attempt] = deque(maxlen=GROUP)
        #: By the value of ``{id}`` in it.
        self._ids: dict[str, Attempt] = {}

    async def run(self, chosen: Iterable[Attempt], until: float | None = None) -> None:
        """Make them all, or as many as ``until`` (the loop's time) allows."""
        loop = asyncio.get_running_loop()
        for group in _groups(chosen):
            if until is not None and loop.time() > until:
                break
            await self._group(group)
            if self.tell and self.made % 480 < GROUP:
                self.tell(f"{self.made} made, {group[0].who.name}, {self.allowed} allowed")
        for client in self._sessions.values():
            await client.close()
        self._sessions.clear()

    async def _group(self, group: Sequence[Attempt]) -> None:
        effects = await self._effects(group)
        tripped = self._unattributed(effects, group)
        if not tripped:
            if effects:
                await self._recover(effects)
            return
        if self.tell:
            self.tell(f"{group[0].who.name}: {tripped}; one by one")
        await self._recover(tripped)
        for effect, seen in (await self._one_by_one(group, tripped)).items():
            self.unrepeated.append(f"{effect}: {seen} (one of {len(group)} of {group[0].who.name})")

    async def _one_by_one(self, group: Sequence[Attempt], tripped: dict[str, str]) -> dict[str, str]:
        """Find the attempt that caused it; effects that could not be reproduced."""
        left = dict(tripped)
        for attempt in group:
            wait = _LATER.get(attempt.action, 0)
            found = await self._effects([attempt], wait)
            for _ in range(_SLOW_AGAIN):
                if "time" in found:
                    again = await self._effects([attempt], wait)
                    if "time" not in again:
                        del found["time"]  # the machine was busy: an attempt that delays others does so again
                    found = again | found
            for effect, seen in self._unattributed(found, [attempt]).items():
                left.pop(effect, None)
                self._found(Finding(str(attempt), effect, seen))
            if found:
                left = {effect: seen for effect, seen in left.items() if effect not in found}
                await self._recover(found)
        return left

    def _unattributed(self, effects: dict[str, str], group: Sequence[Attempt]) -> dict[str, str]:
        """The effects that remain without those that all users have by right, or whose cause is known.

        An effect whose id names an attempt without that right is a finding; it may be of an earlier group.
        """
        left: dict[str, str] = {}
        for effect, seen in effects.items():
            told = _ID.findall(seen) if effect in _TELLS else []
            whose = [self._ids[found] for found in told if found in self._ids]
            for attempt in whose:
                if not may(attempt.who, effect, attempt.danger):
                    self._found(Finding(str(attempt), effect, seen))
            if not whose and not all(may(attempt.who, effect, attempt.danger) for attempt in group):
                left[effect] = seen
        return left

    def _found(self, finding: Finding) -> None:
        self.findings.append(finding)
        if self.tell:
            self.tell(f"FOUND {finding}")

    async def _effects(self, group: Sequence[Attempt], wait: float = 0) -> dict[str, str]:
        """Make them and check the traps."""
        try:
            async with asyncio.timeout(60):
                unanswered = await self._make(group)
        except TimeoutError as reason:
            return {"hang": f"Asterisk's own door: {reason}"[:200]}
        except ConnectionError:
            unanswered = ""
        await asyncio.sleep(wait)
        found = await self._tripped()
        return found | {"answer": unanswered} if unanswered else found

    async def _tripped(self) -> dict[str, str]:
        try:
            if self.target.is_there:
                await self.target.clear()
                return await self.target.tripped()
        except ConnectionError:
            await asyncio.sleep(0.5)  # until its crash is visible
        except TimeoutError as reason:
            return {"hang": f"Asterisk's own door: {reason}"[:200]}
        return {"crash": "Asterisk's process has ended, or its door has"}

    async def _recover(self, tripped: Mapping[str, str]) -> None:
        if {"hang", "crash", "answer"} & set(tripped):
            if {"hang", "crash"} & set(tripped):
                self._report_crash(tripped)
            await self.target.stop()
            await asyncio.to_thread(self.target.asterisk.stop, signal.SIGKILL)
            await self.target.start()
            await self._found_again()
        else:
            if "connection" in tripped:
                self.target.renew_ports()
            await self.target.restore()

    def _report_crash(self, tripped: Mapping[str, str]) -> None:
        before = [str(attempt) for attempt in self._latest]
        self.crashes.append(before)
        if self.tell:
            self.tell(f"{dict(tripped)}; right before, the last one last:")
            for attempt in before:
                self.tell(f"    {attempt}")

    async def _found_again(self) -> None:
        """Wait until the proxy has its link again: an action answered without a link was not attempted."""
        async with asyncio.timeout(60):
            while True:
                with suppress(ConnectionError, TimeoutError):
                    async with await self.proxy.connect() as client:
                        await client.login(NEIGHBOUR, SECRET)
                        if (await client.action("Getvar", Variable="LAB")).get("Response") == "Success":
                            return
                await asyncio.sleep(0.1)

    async def _make(self, group: Sequence[Attempt]) -> str:
        """Make them; those that had no answer."""
        client = await self._session(group[0].who)
        own, other = await self.target.call()
        agi = (await self.target.call("agi"))[1] if any(item.action == "AGI" for item in group) else ""
        waiting: list[str] = []
        unanswered = ""
        alone = [item.action.lower() in ENDS_THE_CALL and _reaches(item) for item in group]
        spare = await self.target.calls(sum(alone))
        for attempt, by_itself in zip(group, alone, strict=True):
            mine, others = spare.pop() if by_itself else (own, other)
            self._number += 1
            action_id = f"a{self._number}"
            self._ids[action_id] = attempt
            self._latest.append(attempt)
            self.made += 1
            client.send_raw(self._written(attempt, action_id, {"own": mine, "other": others, "agi": agi}))
            if attempt.danger.aim == "line":
                unanswered += await self._settle(client, [*waiting, action_id])
                waiting.clear()
                client = await self._session(group[0].who)
            else:
                waiting.append(action_id)
        return unanswered + await self._settle(client, waiting)

    def _written(self, attempt: Attempt, action_id: str, calls: dict[str, str]) -> bytes:
        headers = headers_of(attempt.action)
        if attempt.who.name == "guide-clicktocall" and attempt.action == "Originate":
            headers |= {"Channel": "PJSIP/200", "Context": "outbound", "Exten": "100"}
        headers |= attempt.variant.beside
        headers.pop(attempt.header, None)
        values = {
            **calls,
            "bridge": "none",
            "traps": self.target.traps,
            "tcp": str(self.target.ports.tcp),
            "udp": str(self.target.ports.udp),
            "id": action_id,
            "neighbour": self.target.neighbour,
            "prefix": self.target.neighbour.partition("@")[0],
            "uniqueid": self.target.uniqueid,
        }
        lines = [f"Action: {attempt.action}", f"ActionID: {action_id}"]
        if attempt.danger.value is not None:
            value = attempt.variant.form.replace("{", "{{").replace("}", "}}") % attempt.danger.value
            lines.append(f"{attempt.header}: {value.format_map(values)}")
        lines += [f"{name}: {value.format_map(values)}" for name, value in headers.items() if value]
        return "\r\n".join((*lines, "\r\n")).encode("latin-1")

    async def _settle(self, client: AmiClient, waiting: Sequence[str]) -> str:
        """Wait for the answer to each; those without one, except one that ended the session."""
        unanswered = ""
        for action_id in waiting:
            try:
                answer = await client.response(action_id, within=_ANSWER)
                self.allowed += answer.get("Response") != "Error"
            except ConnectionError:
                break
            except TimeoutError:
                self.unanswered += 1
                unanswered = f"{action_id} had none in {_ANSWER} s"
                with suppress(TimeoutError):
                    await client.close()
                break
        client.inbox.clear()
        client.log.clear()
        return unanswered

    async def _session(self, who: Attacker) -> AmiClient:
        found = self._sessions.get(who.name)
        if found is not None and found.is_open:
            return found
        client = await self.proxy.connect()
        answer = await client.login(who.name, SECRET)
        if answer.get("Response") != "Success":
            raise ConnectionError(f"{who.name} cannot log in: {answer}")
        self._sessions[who.name] = client
        return client


#: How often an attempt that delayed others is repeated before it is called the cause.
_SLOW_AGAIN: Final = 2
#: Effects that occur only after a while, in seconds.
_LATER: Final = {"Park": 0.7, "Originate": 0.2, "Redirect": 0.1, "AGI": 0.2}


def _reaches(attempt: Attempt) -> bool:
    listed = SHIPPED.find(attempt.action.lower().encode())
    assert listed is not None
    return has_class(privilege.parse_classes(",".join(sorted(attempt.who.classes))), listed)


def _groups(chosen: Iterable[Attempt]) -> Iterator[list[Attempt]]:
    """Groups of one attacker each; attempts that may affect the neighbour are kept apart."""
    open_groups: dict[tuple[str, bool], list[Attempt]] = {}
    for attempt in chosen:
        key = (attempt.who.name, may(attempt.who, "neighbour", attempt.danger))
        group = open_groups.setdefault(key, [])
        group.append(attempt)
        if len(group) == GROUP:
            yield open_groups.pop(key)
    yield from open_groups.values()
