"""Faults on demand: ways in which Asterisk, its network or an impostor can misbehave.

Each method takes effect at once and for every session; ``clear`` ends lasting faults.
Lasting faults are plain attributes, which the sessions read.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

_LINE_END = b"\r\n"


class Victim(Protocol):
    """The effects that a fault can have on one session."""

    def inject(self, raw: bytes) -> None:
        """Send these bytes unchanged."""

    def reset(self) -> None:
        """End the connection with RST."""

    def drop(self) -> None:
        """End the connection with FIN."""

    def pause(self) -> None:
        """Read nothing more."""

    def resume(self) -> None:
        """Read again, and continue with everything that a stall held up."""


@dataclass(frozen=True, slots=True)
class Trickle:
    """Output in pieces of ``size`` bytes, ``interval`` seconds apart (0: one per loop turn)."""

    interval: float = 0.0
    size: int = 1


class Faults:
    """The faults of one simulator.

    ``stalled`` - no action is answered, no event sent; ``reading`` - the sockets are read;
    ``trickle`` - output is sent in small pieces; ``lines_end_in_lf`` - every CRLF is sent as LF;
    ``answer_delay`` - seconds before each answer; ``refused_logins`` - how many logins are still
    refused (-1: all); ``ignored`` - actions, in lower case, that get no answer, and how many times
    (-1: always); ``list_death`` - items of the next event list after which the session dies.
    """

    def __init__(self, victims: Callable[[], Iterable[Victim]]) -> None:
        self._victims = victims
        self.stalled = False
        self.reading = True
        self.trickle: Trickle | None = None
        self.lines_end_in_lf = False
        self.answer_delay = 0.0
        self.refused_logins = 0
        self.ignored: dict[bytes, int] = {}
        self.list_death: int | None = None
        self.death_by_reset = False

    def stall(self, *, reading: bool = True) -> None:
        """Send nothing any more; with ``reading=False`` leave the sockets unread too."""
        self.stalled = True
        self.reading = reading
        if not reading:
            for victim in self._all():
                victim.pause()

    def resume(self) -> None:
        """End a stall: pending actions are answered and held events sent now."""
        self.stalled = False
        self.reading = True
        for victim in self._all():
            victim.resume()

    def clear(self) -> None:
        """End every lasting fault."""
        self.trickle = None
        self.lines_end_in_lf = False
        self.answer_delay = 0.0
        self.refused_logins = 0
        self.ignored.clear()
        self.list_death = None
        self.resume()

    def reset(self) -> None:
        """End all connections with RST; what was not sent is lost."""
        for victim in self._all():
            victim.reset()

    def drop(self) -> None:
        """End all connections with FIN, as a killed Asterisk does."""
        for victim in self._all():
            victim.drop()

    def refuse_logins(self, times: int = -1) -> None:
        """Refuse so many logins, whatever their secret; -1: all."""
        self.refused_logins = times

    def ignore(self, action: str, times: int = 1) -> None:
        """Do not answer an action, so many times; -1: always."""
        self.ignored[action.lower().encode()] = times

    def die_in_list(self, items: int = 1, *, reset: bool = False) -> None:
        """End the session in its next event list, after the response and so many items."""
        self.list_death = items
        self.death_by_reset = reset

    def garbage(self, size: int = 4096, seed: int = 1) -> None:
        """Send random bytes, the same ones for the same seed."""
        self._inject(random.Random(seed).randbytes(size))  # noqa: S311 - noise that repeats

    def unending(self, size: int) -> None:
        """Send an event of ``size`` bytes that has no end."""
        start = b"Event: Newexten\r\nPrivilege: dialplan,all\r\nAppData: "
        self._inject(start + b"x" * max(0, size - len(start)))

    def oversize(self, size: int) -> None:
        """Send a well-formed event of exactly ``size`` bytes."""
        start, end = b"Event: Newexten\r\nPrivilege: dialplan,all\r\nAppData: ", _LINE_END * 2
        self._inject(start + b"x" * max(0, size - len(start) - len(end)) + end)

    def forge(self, action_id: str = "forged") -> None:
        """Send forgeries: an unsolicited response, parts of an event list without a list, a Shutdown."""
        identity = action_id.encode("utf-8", "surrogateescape")
        self._inject(
            b"Response: Success\r\nActionID: %b\r\nMessage: forged\r\n\r\n"
            b"Event: CoreShowChannel\r\nActionID: %b\r\nChannel: forged\r\n\r\n"
            b"Event: CoreShowChannelsComplete\r\nActionID: %b\r\nEventList: Complete\r\nListItems: 9\r\n\r\n"
            b"Event: Forged\r\nResponse: Success\r\nPrivilege: call,all\r\n\r\n"
            b"Event: Shutdown\r\nPrivilege: system,all\r\nShutdown: Cleanly\r\nRestart: False\r\n\r\n"
            % (identity, identity, identity)
        )

    def take_login_refusal(self) -> bool:
        """Whether this login is to be refused; counts it."""
        if self.refused_logins > 0:
            self.refused_logins -= 1
            return True
        return self.refused_logins < 0

    def take_ignored(self, action: bytes) -> bool:
        """Whether this action (lower case) is not to be answered; counts it."""
        times = self.ignored.get(action, 0)
        if times > 0:
            self.ignored[action] = times - 1
        return times != 0

    def take_list_death(self) -> int | None:
        """The items after which the list that starts now is cut off; None if it is not."""
        items, self.list_death = self.list_death, None
        return items

    def _all(self) -> list[Victim]:
        return list(self._victims())

    def _inject(self, raw: bytes) -> None:
        for victim in self._all():
            victim.inject(raw)
