"""Actor: runs the actions of one client that has logged in: rates, policy, quotas, sending to Asterisk.

It runs one action at a time, in order, as a session in Asterisk does (seen on 16 and 22).  So an action that
waits, for an answer, the link or a rate, only holds up the next action of the same client.
"""

# mypyc: compiled

from abc import abstractmethod
from typing import Final

from amiproxy.ami import holding, message
from amiproxy.ami.actions import ANSWERED_HERE
from amiproxy.ami.message import Action
from amiproxy.core.audit.auditlog import SessionFacts
from amiproxy.core.audit.securityevents import ERROR
from amiproxy.core.budgets import quota
from amiproxy.core.budgets.quota import Excess
from amiproxy.core.budgets.rests import Rest
from amiproxy.core.budgets.series import Series
from amiproxy.core.budgets.throttle import Held, Line
from amiproxy.core.clients.actionqueue import ActionQueue
from amiproxy.core.clients.principal import Principal
from amiproxy.core.clients.recipient import Recipient
from amiproxy.core.clients.routes.route import Place, Route
from amiproxy.core.clients.underway import Underway
from amiproxy.core.context import Context
from amiproxy.core.model.errors import WrongTransition
from amiproxy.core.model.state import FINISH, HOLD_BACK, LET_GO, SEND, State, Transition
from amiproxy.core.policy import Deny
from amiproxy.core.ports import Transport
from amiproxy.core.servers import originate
from amiproxy.core.servers.server import Server

_RATE_LIMIT: Final = b"Rate limit"


class Actor(Recipient):
    """The part of a session that runs its actions.  See ``Asker`` in requester.py."""

    __slots__ = ("_series", "place", "queue", "state")

    def __init__(self, ctx: Context, transport: Transport, principal: Principal) -> None:
        super().__init__(ctx, transport, principal)
        self.state = State.GREETED
        #: The actions that have not started.
        self.queue = ActionQueue(ctx.limit_state, ctx.rates, self.route.bound)
        #: Where the last action went that was routed.
        self.place: Place | None = None
        #: The parts of that action that are still to be sent, if it is sent in parts.
        self._series: Series | None = None

    def follow(self, route: Route) -> None:
        """See Recipient."""
        super().follow(route)
        self.queue.follow(route.bound)

    @property
    def who(self) -> SessionFacts:
        """What the audit log says about this session."""
        return self.principal.who(self.transport.peer)

    @property
    def _who_there(self) -> SessionFacts:
        """The same, with the server of the last action; only readers there get the security event."""
        who, place = self.who, self.place
        if place is None or not place.named:
            return who
        server = place.server.name
        return who._replace(server=server, sees=who.sees if place.leg is None else (server,))

    @property
    def is_idle(self) -> bool:
        """Whether the client has no action waiting here or at Asterisk; a WaitEvent does not count."""
        return not self.queue.messages and self.underway is None

    # -- from the exchange -------------------------------------------------

    def reply(self, data: bytes) -> None:
        """Take part of an answer, which leaves with the next ``push``, behind the events before it.

        ``data`` is one or more whole messages.
        """
        if self._series is not None:
            if self._series.takes(data):
                return
            data = self._series.told(data)
        if not data.startswith(b"Event:"):
            if self.underway is not None:
                self.underway.answered(data)
        elif self._unsent and self.subscription is None and self.writer is None:
            # Most parts of a long answer are list items, and an earlier part already waits to be sent.
            self._unsent.append(data)
            return
        self.late(data)

    def answer(self, data: bytes) -> None:
        """Take the whole answer of an action, which leaves with the next ``push``.

        ``data`` is one or more whole messages.
        """
        self.reply(data)
        self.end_answer()

    def answer_there(self, data: bytes) -> None:
        """Take the whole answer of the last action, as if from the server that it goes to."""
        leg = self.place.leg if self.place is not None else None
        self.answer(data if leg is None else leg.stamped(data))

    def move(self, step: Transition) -> None:
        """Change the state by a row of the table.  Raises WrongTransition if the row does not begin in it."""
        if self.state not in step.before:
            raise WrongTransition(f"{step.name} in state {self.state.name}")
        self.state = step.after

    def end_answer(self) -> None:
        """The answer of one action is complete: send what its writer still has of it."""
        if self.writer is None:
            return
        self.push()
        rest = self.writer.ended()
        if self.outbox.holding:
            self.release(rest)
        elif rest:
            self._sent(self.outbox.answer(rest))

    def failed(self, data: bytes, _reason: bytes) -> None:
        """Take the end of an answer that will not be complete; see Requester."""
        if data:
            self.reply(data)
        self.finished()

    def finished(self) -> None:
        """Go on to the next action: this one has been answered.

        Raises WrongTransition if no action is in flight.
        """
        if self._series is not None:
            if self._goes_on(self._series):
                return
            self._series = None
        self.move(FINISH)
        underway, user = self.underway, self.principal.user
        assert underway is not None
        assert user is not None
        underway.record(user.name, self._who_there if underway.rule is not None else None)
        self.underway = None
        self.end_answer()
        if self.outbox.holding:
            self._release_answer()
        # If other shares have work too, the next action waits until this one is scheduled.
        self._advance(at_once=not (self.queue.messages and self.ctx.shares.busy))

    def _goes_on(self, series: Series) -> bool:
        """Schedule the next part; False if there are no more."""
        seconds = series.seconds
        if seconds < 0:
            return False
        series.waits = True
        assert self.place is not None
        server = self.place.server
        rests = self.ctx.rates.rests(self.payer, server.name, server.limits.link_hold, self.ctx.scheduler)
        rests.join(Rest(self, seconds, lambda: self._send_next(series)))
        return True

    def _send_next(self, series: Series) -> None:
        series.waits = False
        self.submit(series.next())
        self.push()

    # -- the rest of the session -------------------------------------------

    @abstractmethod
    def _advance(self, *, at_once: bool = True) -> None:
        """Run the next actions, or schedule that if not ``at_once``."""

    @abstractmethod
    def _answer(self, action: Action) -> None:
        """Answer an action that the proxy answers itself."""

    # -- rates -------------------------------------------------------------

    def hold_back(self, action: Action) -> None:
        """Hold back this action, which is over a rate, and all that the client sends after it.

        Raises WrongTransition unless the session may run an action now.
        """
        self.move(HOLD_BACK)
        self.queue.hold(action)

    def let_go(self) -> None:
        """End ``hold_back``: the held action may run.  Raises WrongTransition if none is held back."""
        self.move(LET_GO)
        self.queue.let_go()

    def admits(self, action: Action) -> bool:
        """Whether the action may run now; if not, it is scheduled to run later, or refused."""
        ctx, user = self.ctx, self.principal.user
        assert user is not None
        if self.transport.peer.address in ctx.limit_state.exempt:
            return self._passes(action, None)
        held = self.queue.throttle.own(user, ctx.scheduler.now())
        if held is None:
            return self._passes(action, ctx.rates.find(user, action.key))
        seconds, refused = held.seconds, held.refused
        self._tell(held)
        self.hold_back(action)
        ctx.scheduler.later(seconds, lambda: self._over(action, refused))
        return False

    def _over(self, action: Action, refused: bool) -> None:
        if self.state is not State.HELD:
            return  # the session has been closed meanwhile
        self.let_go()
        assert self.principal.user is not None
        if refused:
            self.answer(message.error(action.action_id, _RATE_LIMIT))
        elif self._passes(action, self.ctx.rates.find(self.principal.user, action.key)):
            self.run(action)
        self.advance()

    def _passes(self, action: Action, line: Line | None) -> bool:
        """Whether the rate of its kind and the order allow the action now; if not, it waits or is refused."""
        if line is None and not self.queue.aside.size:
            return True
        passes, held = self.queue.passes(action, line, self, self.ctx.scheduler)
        if held is not None:
            self._tell(held)
            if held.refused:
                self.answer(message.error(action.action_id, _RATE_LIMIT))
        return passes

    def _tell(self, held: Held) -> None:
        if held.first or held.refused:
            self.limit_reached(held.limit, refused=held.refused)

    # -- one action --------------------------------------------------------

    def run(self, action: Action, *, rested: bool = False, paid: bool = False) -> None:
        """Judge an action of a client that is logged in; answer it, or send it to Asterisk.

        ``paid`` says that the action has already waited for the deliveries that earlier actions caused
        (see ``caused``); ``rested`` says that it has then also waited to be allowed to sleep in
        Asterisk's session (see ``quota``).
        """
        ctx, user = self.ctx, self.principal.user
        assert user is not None
        if not action.name:
            self.miss_action(action)
            return
        place = self.route.only or self.route.of(action)
        if not isinstance(place, Place):
            self.place = None
            place.run(self, action)
            return
        self.place = place
        server = place.server
        asked = action
        if place.named and action.has(b"server"):
            action = action.without(b"server")
        decision = place.judge(place.rights, action, server.actions.table)
        if isinstance(decision, Deny):
            self.deny(action, decision.text, decision.rule, decision.hint)
            return
        outgoing = decision.action
        if outgoing is not action:
            described = server.actions.table.described(action.key)
            left_out = described.left_out(action) if described is not None else ()
            ctx.audit_log.left_out(server.actions.counted_name(action), left_out)
        recorder = ctx.learner.recorder
        if recorder is not None and not (rested or paid):
            recorder.action(user.name, action, server.actions.table.described(action.key))
        if action.key in ANSWERED_HERE and (place.leg is None or action.key != b"ping"):
            ctx.stats.actions_local += 1
            ctx.stats.actions.count(server.actions.counted_name(action), user.name, "local")
            self._answer(outgoing)
            return
        if not (paid or rested) and not self._may_cause(server, asked, outgoing):
            return
        if outgoing.key in quota.BOUNDED:
            bounded = self._within_quota(server, asked, outgoing, rested)
            if bounded is None:
                return
            outgoing = bounded
        self.begin(server, outgoing, decision.rule if decision.privileged else None)
        if outgoing.key == b"originate":
            if originate.is_synchronous(outgoing):
                (place.leg or self).hold_events()
            outgoing = originate.with_variables(outgoing, user.setvar)
        self.submit(outgoing)

    def begin(self, server: Server, action: Action, rule: str | None) -> None:
        """Record that an action is about to be sent; see ``Runner`` in route.py."""
        self.move(SEND)
        self.underway = Underway(self.ctx, server, self.payer, action, rule)

    def submit(self, action: Action) -> None:
        """Send an action over the link meant for it; see ``Exchange.submit``."""
        place = self.place
        assert place is not None
        if place.leg is not None:
            place.leg.submit(action)
            return
        side = place.server.side_for(self.payer, action)
        if side is None:
            place.server.exchange.submit(self, action)
        else:
            side.submit(self, action)

    def _may_cause(self, server: Server, action: Action, outgoing: Action) -> bool:
        """Whether what the action causes may be delivered now; if not, it is held back and runs later.

        In both cases its estimated cost is charged to the session's share of the processor.
        """
        ctx = self.ctx
        seconds = ctx.caused.estimate(outgoing, server.name, server.actions.table, server.readers)
        if seconds is None:
            return True
        ctx.shares.charge(self.principal.share, seconds)
        if ctx.caused.admits(seconds):
            return True
        self.limit_reached("delivery_share", action=outgoing.name)
        self.hold_back(action)
        ctx.caused.join(self.payer, seconds, lambda: self._paid(action))
        return False

    def _paid(self, action: Action) -> None:
        if self.state is not State.HELD:
            return  # closed in the meantime
        self.let_go()
        self.run(action, paid=True)
        self.advance()

    def _within_quota(self, server: Server, asked: Action, judged: Action, rested: bool) -> Action | None:
        """The action to send now; None if it was refused or is scheduled to run later.

        ``asked`` is the action as the client sent it, which is judged again when it runs later.
        """
        ctx = self.ctx
        if judged.key not in holding.SLEEPING:
            over = quota.excess(self.payer, judged, server)
            if over is None:
                return judged
            self._exceeds(judged, over)
            return None
        parts = quota.parts_of(judged, server.limits)
        if isinstance(parts, Excess):
            self._exceeds(judged, parts)
            return None
        seconds = holding.seconds_of(parts[0])
        if seconds > 0 and not rested:
            rests = ctx.rates.rests(self.payer, server.name, server.limits.link_hold, ctx.scheduler)
            wait = rests.wait(seconds)
            if wait > server.limits.rate_wait:
                self._exceeds(judged, quota.TOO_MANY)
                return None
            if wait > 0:
                self.limit_reached("link_hold", action=judged.name)
                self.hold_back(asked)
                rests.join(Rest(self, seconds, lambda: self._rested(asked)))
                return None
            rests.take(seconds)
        if len(parts) == 1:
            return parts[0]
        self._series = Series(parts)
        return self._series.next()

    def _rested(self, asked: Action) -> None:
        self.let_go()
        self.run(asked, rested=True)
        self.advance()

    def _exceeds(self, action: Action, over: Excess) -> None:
        self.limit_reached(over.limit, action=action.name)
        self.deny(action, f"{over.text} (limits.{over.limit})".encode(), f"limits.{over.limit}")

    def deny(self, action: Action, text: bytes, rule: str, hint: str = "") -> None:
        """Answer the action with this error instead of running it.

        If there is a ``hint``, the response has a ProxyReason header with it and the rule.
        """
        reason = ((b"ProxyReason", f"{rule}: {hint}".encode()),) if hint else ()
        self.answer_there(message.response(b"Error", action.action_id, (b"Message", text), *reason))
        self.record_denied(action, text, rule, hint)

    def record_denied(self, action: Action, text: bytes, rule: str, hint: str) -> None:
        """Count and log that the action was denied; see ``deny``."""
        ctx, server = self.ctx, self.place.server if self.place is not None else self.server
        counted = server.actions.counted_name(action)
        ctx.stats.actions_denied += 1
        self.principal.denied += 1
        ctx.stats.actions.count(counted, self.payer, "denied")
        ctx.audit_log.denied(self._who_there, action, counted, text, rule, hint, ctx.generation)

    def miss_action(self, action: Action) -> None:
        """Answer a message that names no action."""
        self.answer(message.error(action.action_id, b"Missing action in request"))
        self.ctx.audit_log.tell(self.who, b"RequestBadFormat", ERROR, (b"RequestType", b"Action: NONE"))
