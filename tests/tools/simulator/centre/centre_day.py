"""A day of the call centre on a clock that only the tests advance, with all its lists."""

from types import SimpleNamespace

from amiproxy.tools.simulator.actions import offered_actions
from amiproxy.tools.simulator.centre.traffic import CallCentre
from amiproxy.tools.simulator.reading import RequestReader
from tests.tools.simulator.simulated import Day


class CentreDay(Day):
    """A call centre with its traffic; ``asked`` is the answer to a list query."""

    def __init__(self, per_minute: float = 0.0, seed: int = 1, pace: float = 1.0) -> None:
        super().__init__(seed)
        self.traffic = CallCentre(self.pbx, self.timeline, pace=pace)
        self.traffic.rate(per_minute)
        self._offered = offered_actions(of_lines=True)

    def events(self, seconds: float) -> list[bytes]:
        """The events of the next ``seconds``."""
        return [raw for _, raw in self.run(seconds)]

    async def asked(self, action: bytes) -> list[bytes] | None:
        """The items that a list query returns; None if it is refused.  ``action`` is a whole message."""
        [request] = RequestReader().feed(action)
        listing = _Listing(self)
        await self._offered[request.action.lower()].run(listing, request)
        return listing.items


class _Listing:
    """The part of a session that list queries use."""

    def __init__(self, day: CentreDay) -> None:
        self.host = SimpleNamespace(pbx=day.pbx, timeline=day.timeline)
        self.items: list[bytes] | None = None

    def identity(self, _request: object) -> list[tuple[str, object]]:
        return []

    def refuse(self, _request: object, text: str) -> None:
        assert text

    def send_list(self, _request: object, _text: str, items: list[bytes], *_end: object) -> None:
        self.items = items
