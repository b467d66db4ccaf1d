"""Faults at scheduled times, for a simulator that runs unattended: ``reset:30``, ``stall:60``."""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple, Self

from amiproxy.tools.simulator.misbehaviour.faults import Faults, Trickle

#: Default seconds between two occurrences of a repeating fault.
_PERIOD: Final = 10.0
_LONGEST: Final = 86_400.0
#: Small enough to split every message, slow enough to need little CPU.
_TRICKLE: Final = Trickle(interval=0.002, size=8)


class Verb(NamedTuple):
    """One fault; ``again`` says whether it repeats every so many seconds, instead of lasting from then on."""

    text: str
    again: bool
    happen: Callable[[Faults], None]


def _trickle(faults: Faults) -> None:
    faults.trickle = _TRICKLE


def _lf(faults: Faults) -> None:
    faults.lines_end_in_lf = True


VERBS: Final = {
    "stall": Verb("answer no action and send no event", again=False, happen=Faults.stall),
    "deaf": Verb(
        "like stall, and leave the sockets unread",
        again=False,
        happen=lambda faults: faults.stall(reading=False),
    ),
    "trickle": Verb("send in pieces of a few bytes", again=False, happen=_trickle),
    "lf": Verb("end lines with LF only", again=False, happen=_lf),
    "refuse-logins": Verb("refuse every login", again=False, happen=Faults.refuse_logins),
    "reset": Verb("end all connections with RST", again=True, happen=Faults.reset),
    "drop": Verb("end all connections with FIN", again=True, happen=Faults.drop),
    "die-in-list": Verb("end a session inside its next event list", again=True, happen=Faults.die_in_list),
    "garbage": Verb("send random bytes", again=True, happen=Faults.garbage),
    "forge": Verb("send unsolicited responses and forged events", again=True, happen=Faults.forge),
}


class Scheduled(NamedTuple):
    """A fault and its seconds: those after the start, or those between two occurrences."""

    name: str
    seconds: float

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Parse ``NAME`` or ``NAME:SECONDS``.  Raises ValueError, whose text lists the valid choices."""
        name, colon, after = text.partition(":")
        verb = VERBS.get(name)
        if verb is None:
            raise ValueError(f"unknown fault {name!r}; known faults: {', '.join(VERBS)}")
        if not colon:
            return cls(name, _PERIOD if verb.again else 0.0)
        try:
            seconds = float(after)
        except ValueError:
            seconds = -1.0
        least = 0.1 if verb.again else 0.0
        if not least <= seconds <= _LONGEST:
            raise ValueError(f"{text!r}: the seconds of {name} must be from {least:g} to {_LONGEST:g}")
        return cls(name, seconds)

    async def run(self, faults: Faults, told: Callable[[str], None]) -> None:
        """Cause the fault when it is due; ``told`` is called with its name each time.

        Returns after a fault that lasts, and runs until cancelled for one that repeats.
        """
        verb = VERBS[self.name]
        while True:
            await asyncio.sleep(self.seconds)
            verb.happen(faults)
            told(self.name)
            if not verb.again:
                return
