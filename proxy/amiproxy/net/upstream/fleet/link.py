"""FleetLink: the way of an edge to one Asterisk, through the agents beside it.

To the core it is a link like any other: it comes up and goes down, brings events in their order, and takes
actions.  Which agent it follows, and what it does about missing events, ``core.fleet.following`` decides.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Final

from amiproxy import log
from amiproxy.config.fleet.schema import FleetServer
from amiproxy.core.fleet.followcounts import FollowCounts
from amiproxy.core.fleet.following import TICK, Following
from amiproxy.core.fleet.subjects import Subjects
from amiproxy.core.fleet.wire import Ask, encode_ask
from amiproxy.core.ports import OnBehalf
from amiproxy.core.servers.server import Server
from amiproxy.net.fleet.channel import Channel, EngineDown
from amiproxy.net.upstream.fleet.feed import Feed
from amiproxy.net.upstream.fleet.requests import RequestCounts, Requests
from amiproxy.net.upstream.link import LinkState
from amiproxy.net.upstream.turns import Turns

#: Most bytes of events that may wait to be handed over.
_ROOM: Final = 32 << 20
#: A ``Following.state``, for people.
_STANDINGS: Final = {
    "up": "up",
    "booting": "up, Asterisk is booting",
    "behind": "behind",
    "down": "down",
    "waiting": "waiting for an agent",
}


class _Way:
    """The agents of a server as its upstream and as the source of its events: see TaggedUpstream and Sink."""

    def __init__(self, link: "FleetLink", server: Server, feed: Feed, actions: Channel) -> None:
        self._link = link
        self._server = server
        self._feed = feed
        self._actions = actions
        #: Whether ``serve`` is yet to be called again, because that connection is missing.
        self.is_due = False

    # -- from the agents ---------------------------------------------------

    def up(self, agent: str, epoch: int, last: int, banner: bytes) -> None:
        """See Sink."""
        log.say(log.INFO, "upstream-up", server=self._server.name, agent=agent)
        self._server.link_up(self, banner + b"\r\n", (epoch, last))

    def serve(self) -> None:
        """See Sink.  It waits for the connection for actions: the first ones would be refused without it."""
        self.is_due = not self._actions.is_up
        if not self.is_due:
            self._server.serve()

    def events(self, _epoch: int, _first: int, body: bytes) -> None:
        """See Sink."""
        self._feed.give(body)

    def down(self, reason: str) -> None:
        """See Sink."""
        if self._link.is_running:
            log.say(log.ERROR, "upstream-down", server=self._server.name, reason=reason)
        self.is_due = False
        self._feed.end()
        self._link.requests.lost()
        self._server.link_down(reason)

    def ask(self, agent: str, epoch: int, first: int) -> None:
        """See Sink."""
        self._link.ask(agent, Ask(epoch, first))

    # -- to the agents -----------------------------------------------------

    def send(self, data: bytes) -> None:
        """See TaggedUpstream: nothing is sent without its relay id, so this raises TypeError."""
        raise TypeError("an action for an agent is sent by send_for")

    def send_for(self, data: bytes, relay_id: bytes, on_behalf: OnBehalf | None, seconds: float) -> None:
        """See TaggedUpstream."""
        self._link.requests.send_for(data, relay_id, on_behalf, seconds)

    def recycle(self, reason: str) -> None:
        """See Upstream."""
        self._link.recycle(reason)

    def pause_reading(self) -> None:
        """See Upstream.  What is published arrives; the agent has already put it together."""

    def read_pending(self) -> None:
        """See Upstream."""

    def resume_reading(self) -> None:
        """See Upstream."""


class FleetLink:
    """The way to one Asterisk through its agents; ``run`` ends only by cancellation.

    It has what ``Link`` has.
    """

    #: There is none: the agents know the secret.
    secret: Final = b""

    def __init__(
        self,
        server: Server,
        settings: FleetServer,
        *,
        edge: str,
        subjects: Subjects,
        events: Channel,
        actions: Channel,
        max_lag: float,
        turns: Turns | None = None,
        counts: RequestCounts | None = None,
    ) -> None:
        """``edge`` is the name of this process.  ``counts`` are those of all links of an edge."""
        self.settings = settings
        self.max_lag = max_lag
        self._server = server
        self._edge = edge
        self._subjects = subjects
        self._channel = events
        self._loop = asyncio.get_running_loop()
        self._feed = Feed(server, turns)
        self._way = _Way(self, server, self._feed, actions)
        self.following = Following(server.name, settings.agents, self._way, max_lag, FollowCounts())
        self.requests = Requests(server.name, edge, subjects, actions, self.following, server, counts)
        self._questions = itertools.count()
        self._inbox = f"{subjects.inbox(edge)}.{server.name}.ask"
        #: Where the answer to the last question comes, and from whom.
        self._asked = ("", "")
        #: What ends each subscription, by agent; "" is that of the answers to questions.
        self._ends: dict[str, Callable[[], None]] = {}
        #: Whether ``run`` runs.
        self.is_running = False

    @property
    def turns(self) -> Turns | None:
        """See Link."""
        return self._feed.turns

    @turns.setter
    def turns(self, turns: Turns | None) -> None:
        self._feed.turns = turns

    # -- status ------------------------------------------------------------

    @property
    def state(self) -> LinkState:
        """As of a link."""
        if self.following.is_up:
            return LinkState.UP
        return LinkState.CONNECTING if self.following.state == "waiting" else LinkState.DOWN

    @property
    def reason(self) -> str:
        """Why the link is not up."""
        return self.following.reason

    @property
    def serves(self) -> bool:
        """Whether clients' actions are sent."""
        return self.following.is_up and self._server.exchange.serving

    @property
    def standing(self) -> str:
        """The state as a short text."""
        return _STANDINGS[self.following.state]

    def status(self, rights: bytes) -> dict[str, object]:
        """The link in ``ami-proxy ctl fleet``; ``rights`` is the digest of this process's own."""
        following, now = self.following, self._loop.time()
        return {
            "server": self._server.name,
            "agent": following.agent,
            "state": following.state,
            "reason": log.text_of(following.reason),
            "epoch": following.epoch,
            "position": following.position,
            "lag_ms": round(following.lag * 1000, 1),
            "repairing": following.repairing,
            "agents": [
                {
                    "agent": view.name,
                    "state": view.state,
                    "beat_age": None if view.beat is None else round(view.age(now), 1),
                    "software": "" if view.beat is None else log.text_of(view.beat.software),
                    "rights": _compared(rights, b"" if view.beat is None else view.beat.rights),
                }
                for view in following.agents
            ],
            **following.counts.shown(),
        }

    # -- life --------------------------------------------------------------

    async def run(self) -> None:
        """Follow the agents."""
        self.is_running = True
        self.requests.begin()
        self._follow(self.settings.agents)
        try:
            while True:
                await asyncio.sleep(TICK)
                self._look(self._loop.time())
        finally:
            self.is_running = False
            self._follow((), "stopped")
            self.requests.end()

    def _look(self, now: float) -> None:
        if self._feed.waiting > _ROOM:
            self.following.overrun(now)
        if self._way.is_due:
            self._way.serve()
        self.following.tick(now, self._feed.backlog(now))

    def tick(self, now: float) -> None:
        """Call once a second, with loop time."""
        self.requests.tick(now)

    def stuck(self, _now: float) -> bool:
        """See Link.  There is no attempt that could get stuck."""
        return False

    def adopt(self, settings: FleetServer, _secret: bytes = b"", *, max_lag: float | None = None) -> None:
        """Apply settings."""
        self.settings = settings
        self.max_lag = self.max_lag if max_lag is None else max_lag
        self._follow(settings.agents)

    def leave(self, settings: FleetServer, _secret: bytes = b"") -> None:
        """Follow no agent that these settings do not have, until ``adopt`` or ``stay``.

        See ``Link.leave``.
        """
        self._follow([agent for agent in self.settings.agents if agent in settings.agents])

    def stay(self) -> None:
        """End ``leave`` without other settings."""
        self._follow(self.settings.agents)

    def recycle(self, reason: str) -> None:
        """What came over this link can no longer be trusted: go down, and come up again."""
        self._loop.call_soon(lambda: self.following.recycle(reason, self._loop.time()))

    def _follow(self, agents: Sequence[str], reason: str = "settings changed") -> None:
        self.following.adopt(agents, self.max_lag, self._loop.time(), reason)
        self._subscribe()

    def _subscribe(self) -> None:
        """Subscribe to what is wanted now, and to nothing else."""
        wanted = {"", *(view.name for view in self.following.agents)} if self.is_running else set()
        for name in {*self._ends} - wanted:
            self._ends.pop(name)()
        for name in sorted(wanted - {*self._ends}):
            if name:
                subject = self._subjects.events(self._server.name, name)
                self._ends[name] = self._channel.subscribe(subject, self._receiver(name))
            else:
                self._ends[name] = self._channel.subscribe(f"{self._inbox}.*", self._replayed)

    # -- messages ----------------------------------------------------------

    def _receiver(self, agent: str) -> Callable[[str, str, bytes, bool], None]:
        following, clock = self.following, self._loop.time

        def received(_subject: str, _reply: str, data: bytes, _nobody: bool) -> None:
            following.received(agent, data, clock())

        return received

    def ask(self, agent: str, question: Ask) -> None:
        """Ask an agent for events."""
        inbox = f"{self._inbox}.{next(self._questions)}"
        self._asked = inbox, agent
        try:
            subject = self._subjects.asks(self._server.name, agent, self._edge)
            self._channel.publish(subject, encode_ask(question), inbox)
        except EngineDown:
            self.following.unanswered(agent, self._loop.time())

    def _replayed(self, subject: str, _reply: str, data: bytes, nobody: bool) -> None:
        inbox, agent = self._asked
        if subject != inbox:
            return  # an earlier question's
        if nobody:
            self.following.unanswered(agent, self._loop.time())
        else:
            self.following.replayed(agent, data, self._loop.time())


def _compared(own: bytes, others: bytes) -> str:
    if not own or not others:
        return "unknown"
    return "same" if own == others else "differs"
