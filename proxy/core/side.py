"""Side: further logins at Asterisk, for actions that would hold up the main link.

Asterisk answers the actions of a session one by one, so one that takes its time
would hold up everybody's answers and events.  There are two links beside the
main one, without events: one for what may sleep or wait in Asterisk (a tone, a
reload, a command), one for long answers (a list of all channels), which do not
wait for those.  Each is opened when its first action comes and closed after a
while without any.  A session still has one action at a time: its order is what
it was.

Where Asterisk refuses such a login, its actions go over the main link.
"""

from collections.abc import Callable, Sequence
from typing import Final

from proxy import log
from proxy.ami import message
from proxy.ami.message import Action
from proxy.config.limits import Limits
from proxy.core.bounds import Bounds
from proxy.core.correlator import Asker
from proxy.core.exchange import NOT_CONNECTED, SHUTTING_DOWN, Exchange
from proxy.core.lengths import Lengths
from proxy.core.ports import Scheduler, SideOpener, Upstream
from proxy.core.stats import Stats

#: Seconds without an action after which the side link is closed.
IDLE_SECONDS: Final = 60.0
#: Seconds after a refusal before the next attempt.
RETRY_SECONDS: Final = 60.0
#: Messages that are taken at once: some 0.3 ms.
_AT_ONCE: Final = 32
#: Asterisk would run them one by one: those that wait here wait in a fair queue.
_WINDOW: Final = 1


class Side:
    """One side link; ``settle`` is called when clients have something to be sent.

    ``lengths``: of the link for long answers; what the proxy reads there keeps waiting those who
    use the main link.
    """

    def __init__(
        self,
        name: str,
        main: Exchange,
        bounds: Bounds,
        stats: Stats,
        scheduler: Scheduler,
        settle: Callable[[], None],
        fault: Callable[[Exception, str], None],
        lengths: Lengths | None = None,
    ) -> None:
        self.name = name
        beside = None if lengths is None else main.accounts
        self.exchange = Exchange(stats, bounds.deadlines(), scheduler, lengths, _WINDOW, beside)
        #: Makes the connection; None where nothing can.
        self.opener: SideOpener | None = None
        #: Why actions that belong here go over the main link.
        self.refused = ""
        #: Times that it came up, and that it ended while it was needed.
        self.ups = self.downs = 0
        self._main = main
        self._bounds = bounds
        self._stats = stats
        self._scheduler = scheduler
        self._settle = settle
        self._fault = fault
        self._opening = False
        #: What waits for the login.
        self._waiting: list[tuple[Asker, Action]] = []
        self._not_before = float("-inf")
        self._used = 0.0

    # -- how it stands -----------------------------------------------------

    @property
    def limits(self) -> Limits:
        """As they are now."""
        return self._bounds.limits

    @property
    def standing(self) -> str:
        """``up``, ``opening``, ``closed`` or ``refused``."""
        if self.exchange.linked:
            return "up"
        if self._opening:
            return "opening"
        return "refused" if self.refused else "closed"

    @property
    def load(self) -> int:
        """Actions that are not answered."""
        return self.exchange.load + len(self._waiting)

    # -- actions -----------------------------------------------------------

    def submit(self, asker: Asker, action: Action) -> None:
        """As ``Exchange.submit``, over the side link if there is one or can be."""
        now = self._used = self._scheduler.now()
        if not self._main.connected or self._main.draining:
            self._main.submit(asker, action)  # which says why it cannot
        elif self.exchange.linked:
            self.exchange.submit(asker, action)
        elif self.opener is None or now < self._not_before:
            self._main.submit(asker, action)
        else:
            self._waiting.append((asker, action))
            if not self._opening:
                self._opening = True
                self.opener.open()

    def abandon(self, asker: Asker) -> None:
        """The asker has gone."""
        self.exchange.abandon(asker)
        self._waiting = [item for item in self._waiting if item[0] is not asker]

    def dismiss(self, asker: Asker, text: bytes) -> None:
        """The asker is told to go: a last word on what it asked comes first."""
        self.exchange.dismiss(asker, text)
        waiting = [item for item in self._waiting if item[0] is asker]
        self.abandon(asker)
        _refuse(waiting, text)

    def drain(self) -> None:
        """Take nothing new; what waits for the login is not sent any more."""
        self.exchange.draining = True
        waiting, self._waiting = self._waiting, []
        _refuse(waiting, SHUTTING_DOWN)
        self._settle()

    # -- from the connection -----------------------------------------------

    def link_up(self, upstream: Upstream, _banner: bytes) -> None:
        """It has logged in."""
        self._opening = False
        self.ups += 1
        self.refused = ""
        self.exchange.now = self._scheduler.now()
        self.exchange.connect(upstream)
        self.exchange.serving = True
        waiting, self._waiting = self._waiting, []
        for asker, action in waiting:
            self.exchange.submit(asker, action)
        self._settle()

    def failed(self, reason: str) -> None:
        """The login was refused, or there was no connection: what waited goes over the main link."""
        self._opening = False
        self._not_before = self._scheduler.now() + RETRY_SECONDS
        if not self.refused:
            log.say(
                log.WARNING,
                "side-link-refused",
                link=self.name,
                reason=reason,
                remedy="allowmultiplelogin = yes",
            )
        self.refused = reason
        waiting, self._waiting = self._waiting, []
        for asker, action in waiting:
            self._main.submit(asker, action)
        self._settle()

    def link_down(self, reason: str) -> None:
        """The connection is over."""
        if self.exchange.load:
            self.downs += 1
            log.say(log.WARNING, "side-link-lost", link=self.name, reason=reason)
        self.exchange.disconnect()
        self._settle()

    def from_upstream(self, messages: Sequence[bytes], sound: bool = False) -> int:
        """What one read completed: answers, for the side link has no events; how many were taken.

        The rest is to be given again in the loop's next turn.  ``sound``: see UpstreamFramer.
        """
        messages = messages[:_AT_ONCE]
        exchange = self.exchange
        exchange.begin_read(self._scheduler.now())
        for raw in messages:
            try:
                if raw.startswith(b"Response:"):
                    exchange.response(raw)
                elif not raw.startswith(b"Event:"):
                    exchange.stray(raw)
                elif not exchange.item_again(raw, sound) and not exchange.event(raw):
                    self._stats.events_dropped += 1
            except Exception as error:
                self._fault(error, f"message from Asterisk, {self.name} link")
        exchange.end_read()
        self._settle()
        return len(messages)

    def oversized(self, head: bytes) -> None:
        """How a message began that is too long and left out."""
        self.exchange.begin_read(self._scheduler.now())
        if not self.exchange.oversized(head):
            self._stats.events_dropped += 1
        self.exchange.end_read()
        self._settle()

    # -- time --------------------------------------------------------------

    def close(self, reason: str) -> None:
        """Close it: what is under way is answered, its outcome unknown; what waits was never sent."""
        self._opening = False
        self._not_before = float("-inf")
        # Taken now: who is answered below may ask again from within, which opens the link again.
        waiting, self._waiting = self._waiting, []
        if self.opener is not None:
            self.opener.close(reason)
        self.exchange.disconnect()
        _refuse(waiting, NOT_CONNECTED)

    def tick(self, now: float) -> None:
        """Once a second."""
        self.exchange.tick(now)
        if self.exchange.linked and not self.exchange.load and now - self._used > IDLE_SECONDS:
            self.close("idle")


def _refuse(waiting: list[tuple[Asker, Action]], text: bytes) -> None:
    for asker, action in waiting:
        asker.reply(message.error(action.action_id, text))
        asker.finished()
