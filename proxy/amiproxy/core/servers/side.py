"""Side links: further logins at Asterisk, for actions that would block the main link.

Asterisk runs the actions of a session one by one, so a slow action would delay the answers
and events of all clients.  There are two side links, which get no events: one for actions
that may sleep or wait in Asterisk (a tone, a reload, a command), and one for long answers (a
list of all channels), which thus do not wait for the former.  Each is opened for its first
action and closed after a minute without any.  The order of a client's actions does not
change, since a session still runs one action at a time.

If Asterisk refuses the login of a side link, its actions go over the main link.
"""

# mypyc: compiled

from collections.abc import Callable, Sequence
from typing import Final

from amiproxy import log
from amiproxy.ami import message
from amiproxy.ami.message import Action
from amiproxy.ami.sharing import shared_key
from amiproxy.core.audit.linkcounts import LinkCounts
from amiproxy.core.limitstate import LimitState
from amiproxy.core.model.limits import Limits
from amiproxy.core.ports import Scheduler, SideOpener, Upstream
from amiproxy.core.servers.answers.failures import NOT_CONNECTED, SHUTTING_DOWN
from amiproxy.core.servers.answers.own import Collector
from amiproxy.core.servers.deadlines import Deadlines
from amiproxy.core.servers.exchange import Exchange
from amiproxy.core.servers.known.lengths import Lengths
from amiproxy.core.servers.requester import Asker, Requester
from amiproxy.core.servers.sharing.queries import Queries

#: Seconds without an action after which the side link is closed.
IDLE_SECONDS: Final = 60.0
#: Seconds after a refusal before the next attempt.
RETRY_SECONDS: Final = 60.0
#: Most messages that are handled at once, which takes about 0.3 ms.
_AT_ONCE: Final = 32
#: Actions sent to Asterisk at a time: it would run more of them one by one, in the order sent, while those
#: that wait here are in a fair queue.
_WINDOW: Final = 1


class Side:
    """One side link; ``settle`` is called when there are bytes to be sent to clients.

    ``lengths`` is given for the link for long answers: the time that the proxy takes to read them is
    time that users of the main link wait.
    """

    def __init__(
        self,
        name: str,
        main: Exchange,
        limit_state: LimitState,
        counts: LinkCounts,
        scheduler: Scheduler,
        settle: Callable[[], None],
        fault: Callable[[Exception, str], None],
        queries: Queries,
        lengths: Lengths | None = None,
    ) -> None:
        self.name = name
        #: The name of its server in log lines; see ``Server.log_name``.
        self.logged_name: str | None = None
        beside = None if lengths is None else main.accounts
        deadlines = Deadlines.of(limit_state.limits)
        self.exchange = Exchange(counts, deadlines, scheduler, lengths, queries, _WINDOW, beside, aside=True)
        #: Opens the connection; None without one, and then all actions go over the main link.
        self.opener: SideOpener | None = None
        #: Why the last login failed, so that actions go over the main link; "" if it did not.
        self.refused = ""
        #: How often the link came up, and how often it was lost while actions were in flight.
        self.ups = self.downs = 0
        self._main = main
        #: The limits in force for its server.
        self.limits: Limits = limit_state.limits
        self._counts = counts
        self._scheduler = scheduler
        self._settle = settle
        self._fault = fault
        self._opening = False
        #: Actions that wait for the login.
        self._waiting: list[tuple[Asker, Action]] = []
        self._collecting: list[tuple[Action, Collector]] = []
        self._not_before = float("-inf")
        self._used = 0.0

    # -- status ------------------------------------------------------------

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
        """The number of unanswered actions."""
        return self.exchange.load + len(self._waiting)

    # -- actions -----------------------------------------------------------

    def submit(self, requester: Asker, action: Action) -> None:
        """As ``Exchange.submit``, over the side link if it is up or can be opened."""
        now = self._used = self._scheduler.now()
        if not self._main.connected or self._main.draining:
            self._main.submit(requester, action)  # answers with the reason why it cannot be sent
        elif self.exchange.linked:
            self.exchange.submit(requester, action)
        elif self.opener is None or now < self._not_before:
            self._main.submit(requester, action)
        else:
            self._waiting.append((requester, action))
            if not self._opening:
                self._opening = True
                self.opener.open()

    def collect(self, action: Action, collector: Collector) -> None:
        """As ``Exchange.collect``, over the side link if it is up or can be opened."""
        now = self._used = self._scheduler.now()
        if self.exchange.linked:
            self.exchange.collect(action, collector)
        elif not self._main.connected or self._main.draining or self.opener is None or now < self._not_before:
            self._main.collect(action, collector)
        else:
            self._collecting.append((action, collector))
            if not self._opening:
                self._opening = True
                self.opener.open()

    def _collect(self, exchange: Exchange) -> None:
        """Send the proxy's own actions that wait for the login."""
        collecting, self._collecting = self._collecting, []
        for action, collector in collecting:
            exchange.collect(action, collector)

    def recall(self, requester: Requester) -> list[Action]:
        """Remove and return the list queries of this requester that wait for the login and may be shared."""
        mine = [item for item in self._waiting if item[0] is requester and shared_key(item[1])]
        if mine:
            self._waiting = [item for item in self._waiting if item not in mine]
        return [action for _, action in mine]

    def abandon(self, requester: Requester) -> None:
        """Forget the actions of a requester that has left."""
        self.exchange.abandon(requester)
        self._waiting = [item for item in self._waiting if item[0] is not requester]

    def dismiss(self, requester: Requester, text: bytes) -> None:
        """Answer all actions of this requester with ``text``, since its session is being closed.

        ``text`` is the Message of the error.
        """
        self.exchange.dismiss(requester, text)
        waiting = [item for item in self._waiting if item[0] is requester]
        self.abandon(requester)
        _refuse(waiting, text)

    def drain(self) -> None:
        """Accept no more actions; refuse those that wait for the login."""
        self.exchange.draining = True
        waiting, self._waiting = self._waiting, []
        _refuse(waiting, SHUTTING_DOWN)
        self._settle()

    # -- from the connection -----------------------------------------------

    def link_up(self, upstream: Upstream, _banner: bytes) -> None:
        """Take over the connection, which has logged in."""
        self._opening = False
        self.ups += 1
        self.refused = ""
        self.exchange.now = self._scheduler.now()
        self.exchange.connect(upstream)
        self.exchange.serving = True
        waiting, self._waiting = self._waiting, []
        for requester, action in waiting:
            self.exchange.submit(requester, action)
        self._collect(self.exchange)
        self._settle()

    def failed(self, reason: str) -> None:
        """Send the waiting actions over the main link: there was no connection, or the login was refused."""
        self._opening = False
        self._not_before = self._scheduler.now() + RETRY_SECONDS
        if not self.refused:
            log.say(
                log.WARNING,
                "side-link-refused",
                server=self.logged_name,
                link=self.name,
                reason=reason,
                remedy="allowmultiplelogin = yes",
            )
        self.refused = reason
        waiting, self._waiting = self._waiting, []
        for requester, action in waiting:
            self._main.submit(requester, action)
        self._collect(self._main)
        self._settle()

    def link_down(self, reason: str) -> None:
        """Answer the actions in flight: the connection has ended."""
        if self.exchange.load or self.exchange.held:
            self.downs += 1
            log.say(log.WARNING, "side-link-lost", server=self.logged_name, link=self.name, reason=reason)
        self.exchange.disconnect()
        self._settle()

    def from_upstream(self, messages: Sequence[bytes], sound: bool = False) -> int:
        """Handle the messages that one read completed; returns how many of them were handled.

        The caller must pass the rest again in the loop's next iteration.  A side link gets no
        events, so these are responses and list items.  ``sound``: see ``UpstreamFramer``.
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
                    self._counts.events_dropped += 1
            except Exception as error:
                self._fault(error, f"message from Asterisk, {self.name} link")
        exchange.end_read()
        self._settle()
        return len(messages)

    def oversized(self, head: bytes) -> None:
        """Handle the beginning of a message that was too long and has been left out."""
        self.exchange.begin_read(self._scheduler.now())
        if not self.exchange.oversized(head):
            self._counts.events_dropped += 1
        self.exchange.end_read()
        self._settle()

    # -- time --------------------------------------------------------------

    def close(self, reason: str) -> None:
        """Close the link: actions in flight have an unknown outcome, and those that wait were never sent."""
        self._opening = False
        self._not_before = float("-inf")
        # Taken before: a client that is answered below may send its next action at once, which opens the
        # link again.
        waiting, self._waiting = self._waiting, []
        if self.opener is not None:
            self.opener.close(reason)
        self.exchange.disconnect()
        self._collect(self.exchange)  # they fail
        _refuse(waiting, NOT_CONNECTED)

    def tick(self, now: float) -> None:
        """To be called once a second: handles timeouts, and closes the link when it is idle."""
        exchange = self.exchange
        exchange.tick(now)
        if exchange.linked and not exchange.load and not exchange.held and now - self._used > IDLE_SECONDS:
            self.close("idle")


def _refuse(waiting: list[tuple[Asker, Action]], text: bytes) -> None:
    for requester, action in waiting:
        requester.failed(message.error(action.action_id, text), text)
