"""The demo's promises, and whether each was observed.  Pure.

The events themselves are checked: each names in its Privilege line the classes it
needs, and no user may have received an event without having them.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from amiproxy.counted import count
from amiproxy.tools.demo.accounts import Account
from amiproxy.tools.demo.client import Received


@dataclass(frozen=True, slots=True)
class Promise:
    """One statement to verify; ``found`` says in a few words what was observed."""

    text: str
    kept: bool
    found: str = ""


class Evidence:
    """All events and responses that the users received."""

    def __init__(self, wallboard: Account, desk: Account, *, has_agents: bool) -> None:
        self.wallboard = wallboard
        self.desk = desk
        self._has_agents = has_agents
        self.received: Counter[str] = Counter()
        self._classes: Counter[tuple[str, str]] = Counter()
        self._calls: dict[str, set[tuple[str, str]]] = {wallboard.name: set(), desk.name: set()}
        self._leaks: list[str] = []
        self._answers: list[Promise] = []

    def saw(self, account: Account, event: Received) -> None:
        """A user received an event."""
        self.received[account.name] += 1
        for name in event.classes:
            self._classes[account.name, name] += 1
        if not event.classes or not event.classes <= set(account.read):
            self._leaks.append(f"{account.name} got {event.event}")
        if event.classes == {"call"} and event.get("Uniqueid"):
            self._calls[account.name].add((event.event, event.get("Uniqueid")))

    def answered(self, account: Account, action: str, expected: str, answer: str) -> None:
        """A user's action was answered."""
        text = f"{account.name}: {action} is {'allowed' if expected == 'Success' else 'denied'}"
        self._answers.append(Promise(text, answer == expected, answer))

    def promises(self) -> Sequence[Promise]:
        """All promises, kept or not yet."""
        wallboard, desk = self.wallboard.name, self.desk.name
        both = len(self._calls[wallboard] & self._calls[desk])
        promises = [Promise("both see the same calls", both > 0, count(both, "event"))]
        if self._has_agents:
            promises.append(self._only("agent", wallboard, desk, "the queue's agents"))
        promises.append(self._only("user", desk, wallboard, "user events"))
        promises += self._answers
        total = sum(self.received.values())
        found = "; ".join(self._leaks[:3]) or f"{count(total, 'event')} checked"
        promises.append(Promise("no user gets what it may not read", total > 0 and not self._leaks, found))
        return promises

    @property
    def complete(self) -> bool:
        """Whether every promise is kept."""
        return all(promise.kept for promise in self.promises())

    @property
    def hopeless(self) -> bool:
        """Whether a promise is broken, so that waiting is pointless."""
        return bool(self._leaks) or not all(answer.kept for answer in self._answers)

    def _only(self, name: str, who: str, not_who: str, what: str) -> Promise:
        seen, leaked = self._classes[who, name], self._classes[not_who, name]
        found = count(seen, "event") + (f", but {leaked} reached {not_who}" if leaked else "")
        return Promise(f"only {who} sees {what}", seen > 0 and not leaked, found)
