"""A call made by the action Originate, with Asterisk's order of events.

As observed on Asterisk 22: the response comes first, then the channels, then the
events of the called party, then ``OriginateResponse`` (asynchronous calls only), then
``DialEnd``.
"""

from collections.abc import Callable
from dataclasses import dataclass

from amiproxy.tools.simulator.calls.call import Call, Steps, dial_event
from amiproxy.tools.simulator.pbx.channel import RING, RINGING, UP, Channel, Headers, event
from amiproxy.tools.simulator.pbx.dialplan import Outcome, application, channel_outcome
from amiproxy.tools.simulator.pbx.state import Pbx


@dataclass(frozen=True, slots=True)
class Order:
    """The parameters of an Originate.  ``timeout`` is in seconds."""

    channel: str
    context: str
    exten: str
    priority: int
    application: str
    data: str
    timeout: float
    caller: tuple[str, str]
    variables: tuple[tuple[str, str], ...]
    asynchronous: bool
    action_id: str


class OriginatedCall(Call):
    """A call of the action Originate.

    ``decided`` is called once with the outcome of the attempt, when ``OriginateResponse`` is due.
    """

    def __init__(self, pbx: Pbx, order: Order, ringing: float, decided: Callable[[Outcome], None]) -> None:
        super().__init__(pbx)
        self.order = order
        self.ringing = ringing
        self._decided = decided
        self._open = True
        technology, _, self.resource = order.channel.partition("/")
        self.is_local = technology == "Local"

    def body(self) -> Steps:
        """Set up, ring, answer or not, run the application or extension."""
        outcome = channel_outcome(self.order.channel)
        if outcome is Outcome.FAILED:
            yield from self._report(outcome, None)
            return
        called, other = self._channels()
        yield from self._announced(called, other)
        if outcome is Outcome.NOANSWER or (not self.is_local and outcome is not Outcome.CONGESTION):
            yield from self.newstate(called, RINGING)
            yield 0, dial_event("DialState", None, called, ("DialStatus", "RINGING"))
        yield self.order.timeout if outcome is Outcome.NOANSWER else self.ringing, b""
        if outcome is not Outcome.ANSWER:
            yield 0, dial_event("DialEnd", None, called, ("DialStatus", outcome.dial_status))
            yield from self._report(outcome, None)
            self.cause = outcome.cause
            return
        for channel in (called, other):
            if channel:
                yield from self.newstate(channel, UP)
        yield from self._report(outcome, called)
        yield 0, dial_event("DialEnd", None, called, ("DialStatus", "ANSWER"))
        yield from self._running(called, other)

    def conclusion(self) -> Steps:
        """As for any call, but an attempt that was hung up before its outcome is reported as failed."""
        if self._open:
            yield from self._report(Outcome.FAILED, None)
        yield from super().conclusion()

    def _channels(self) -> tuple[Channel, Channel | None]:
        if not self.is_local:
            return self.new_channel(self.order.channel, "default", self.order.exten or "s"), None
        target = self.resource.split("/")[0]
        exten, _, context = target.partition("@")
        one, two = self.pbx.local_channels(target, context, exten)
        self.channels += [one, two]
        return one, two

    def _announced(self, called: Channel, other: Channel | None) -> Steps:
        yield 0, called.event("Newchannel", "call")
        if other:
            other.state = RING
            yield 0, other.event("Newchannel", "call")
        yield self.newexten(called, "AppDial2", "(Outgoing Line)")
        for channel in filter(None, (called, other)):
            for name, value in self.order.variables:
                yield self.varset(channel, name, value)
            if self.order.caller[0] != "<unknown>":
                channel.caller = self.order.caller
                yield (
                    0,
                    channel.event(
                        "NewCallerid", "call", ("CID-CallingPres", "0 (Presentation Allowed, Not Screened)")
                    ),
                )
                channel.connected = self.order.caller
                yield 0, channel.event("NewConnectedLine", "call")
        if other:
            ends: Headers = [*called.snapshot("LocalOne"), *other.snapshot("LocalTwo")]
            kept = "No" if self.resource.endswith("/n") else "Yes"
            place: Headers = [("Context", other.context), ("Exten", other.exten), ("LocalOptimization", kept)]
            yield 0, event("LocalBridge", "call", *ends, *place)
        yield 0, dial_event("DialBegin", None, called, ("DialString", self.resource))
        if other:
            answers = channel_outcome(self.order.channel) is Outcome.ANSWER
            yield self.newexten(other, *(("Answer", "") if answers else application(other.exten)[:2]))

    def _running(self, called: Channel, other: Channel | None) -> Steps:
        lasts = 3600.0
        if other:
            other.priority = 2
            app, data, lasts = application(other.exten)
            yield self.newexten(other, app, data)
        if self.order.application:
            called.application, called.data = self.order.application, self.order.data
            if self.order.application.lower() == "wait" and self.order.data.replace(".", "", 1).isdigit():
                lasts = min(lasts, float(self.order.data))
        else:
            called.context, called.exten = self.order.context, self.order.exten
            called.priority = self.order.priority
            app, data, seconds = application(called.exten)
            lasts = min(lasts, seconds)
            yield self.newexten(called, app, data)
        yield lasts, b""

    def _report(self, outcome: Outcome, channel: Channel | None) -> Steps:
        self._open = False
        if self.order.asynchronous:
            yield 0, self._originate_response(outcome, channel)
        self._decided(outcome)

    def _originate_response(self, outcome: Outcome, channel: Channel | None) -> bytes:
        order = self.order
        headers: Headers = [("ActionID", order.action_id)] if order.action_id else []
        headers += [
            ("Response", "Success" if outcome is Outcome.ANSWER else "Failure"),
            ("Channel", channel.name if channel else order.channel),
        ]
        if order.application:
            headers += [("Application", order.application), ("Data", order.data)]
        else:
            headers += [("Context", order.context), ("Exten", order.exten)]
        headers += [
            ("Reason", outcome.reason),
            ("Uniqueid", channel.uniqueid if channel else "<unknown>"),
            ("CallerIDNum", order.caller[0]),
            ("CallerIDName", order.caller[1]),
        ]
        return event("OriginateResponse", "call", *headers)
