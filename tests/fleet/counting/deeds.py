"""What callers were told about their actions, compared with what was done."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

#: ``done``: the server's own answer.  ``not done``: an error that says that nothing happens.
#: ``unknown``: an error that leaves it open, or the caller's connection ended.
Verdict = Literal["done", "not done", "unknown"]


@dataclass
class Deed:
    """One action; times are in seconds of one clock."""

    verdict: Verdict | None = None
    told: float = 0.0
    done: list[float] = field(default_factory=list)


class Deeds:
    """All actions by their unique names."""

    def __init__(self) -> None:
        self._deeds: dict[str, Deed] = {}

    def asked(self, name: str) -> None:
        """A caller is about to send it."""
        assert name not in self._deeds
        self._deeds[name] = Deed()

    def told(self, name: str, verdict: Verdict, now: float) -> None:
        """Its caller got an answer, or lost its connection."""
        deed = self._deeds[name]
        deed.verdict, deed.told = verdict, now

    def done(self, name: str, now: float) -> None:
        """The server did it."""
        self._deeds.setdefault(name, Deed()).done.append(now)

    @property
    def open(self) -> list[str]:
        """The actions whose callers still wait."""
        return [name for name, deed in self._deeds.items() if deed.verdict is None]

    @property
    def counts(self) -> Counter[str]:
        """How many callers got each verdict."""
        return Counter(deed.verdict or "open" for deed in self._deeds.values())

    @property
    def faults(self) -> list[str]:
        """What must not have happened; empty if all is well."""
        return [f"{name}: {fault}" for name, deed in self._deeds.items() if (fault := _fault(deed))]


def _fault(deed: Deed) -> str:
    if len(deed.done) > 1:
        return f"done {len(deed.done)} times"
    if deed.verdict is None and deed.done:
        return "done, though nobody had asked for it or had an answer"
    if deed.verdict == "done" and not deed.done:
        return "said to be done, and was not"
    if deed.verdict == "not done" and deed.done:
        return "said not to be done, and was"
    if deed.verdict == "unknown" and deed.done and deed.done[0] > deed.told:
        return f"done {deed.done[0] - deed.told:.2f} s after its caller was told that its outcome is unknown"
    return ""
