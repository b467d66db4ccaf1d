"""Trail: the audit log of a session, and its events of class ``security``.

Each fact is one log line (see ``amiproxy.log``): user, address, action and target, the rule
that decided, and the result.  Callers name each value that is logged, so secrets and
message bodies are never among them.
"""

# mypyc: compiled

from typing import TYPE_CHECKING, Final

from amiproxy import log
from amiproxy.ami import privilege
from amiproxy.ami.answers import response_of
from amiproxy.ami.message import Action, Message
from amiproxy.core.audit.securityevents import ERROR, security_event
from amiproxy.core.audit.targets import target_of
from amiproxy.core.limits.members import ADDING
from amiproxy.core.policy import UNDESCRIBED

if TYPE_CHECKING:
    from amiproxy.core.clients.session import Session
    from amiproxy.core.fanout.hub import Hub


def tell(session: "Session", name: bytes, severity: bytes, *extra: tuple[bytes, bytes]) -> None:
    """Send a security event about this session to the readers of class ``security``."""
    hub = session.hub
    peer, wall = session.transport.peer, hub.scheduler.wall()
    if not hub.anyone_reads(privilege.SECURITY) or not hub.security_ration.admits(name, peer.address):
        return
    hub.broadcast(
        security_event(
            name,
            severity,
            account=session.login_name,
            session=session.id,
            peer=peer,
            wall=wall,
            opened=session.opened_wall,
            origin=hub.server.origin.headers(wall),
            extra=extra,
        )
    )
    hub.settle()


def left_out(session: "Session", action: Action) -> None:
    """Log the headers that were left out of an action because the action table does not describe them."""
    described = session.hub.server.table.described(action.key)
    for header in () if described is None else described.left_out(action):
        session.hub.bounds.once.say(
            log.INFO, "header-not-sent", action=session.hub.server.counted_name(action), header=header.lower()
        )


def denied(session: "Session", action: Action, text: bytes, rule: str, hint: str = "") -> None:
    """Log that the action was answered with ``text`` instead of being run, and send a security event."""
    if rule == UNDESCRIBED:
        session.hub.bounds.once.say(
            log.WARNING,
            "action-not-described",
            action=session.hub.server.counted_name(action),
            remedy="describe its headers under actions: in proxy.yaml",
        )
    # Clients can send denied actions as often as they like, so one must cost no more than a Ping.
    rationed, peer = session.hub.bounds.rationed, session.transport.peer.address
    fields = {
        "session": session.id,
        "action": action.name,
        "target": lambda: target_of(action) or None,  # only computed if the line is logged
        "rule": rule,
        "why": hint or None,
        "generation": session.hub.generation,
    }
    if session.user is not None:
        rationed.say_of(log.WARNING, "action-denied", session.user.name, peer=peer, **fields)
    else:
        rationed.say(log.WARNING, "action-denied", peer, **fields)
    unknown = text.startswith(b"Invalid/unknown command")
    name = b"RequestBadFormat" if unknown else b"RequestNotAllowed"
    tell(session, name, ERROR, (b"RequestType", b"Action: " + action.name[:64]))


#: Actions that make Asterisk store more, or less.
_KEPT: Final = ADDING | {b"setvar", b"queueremove"}


class Underway:
    """An action in flight at Asterisk: counted when it is answered, and logged if it is privileged."""

    __slots__ = ("_action", "_before", "_began", "_generation", "_result", "_rule")

    def __init__(self, action: Action, rule: str | None, generation: int, now: float) -> None:
        self._action = action
        #: The rule that allowed a privileged action; None for other actions.
        self._rule = rule
        #: The generation of the configuration that the rule is from.
        self._generation = generation
        self._began = now
        self._result = b""
        #: For a Setvar: the size that ``Stored`` had for its name before.  For an action that adds a queue
        #: member: whether the member was counted.
        self._before = 0

    def begin(self, session: "Session") -> None:
        """Count what the action stores in Asterisk; to be called just before it is sent."""
        key = self._action.key
        if key not in _KEPT:
            return
        user, bounds = session.user, session.hub.bounds
        assert user is not None
        if key == b"setvar":
            self._before = bounds.stored.take(user.name, self._action)
        elif key in ADDING:
            self._before = int(bounds.members.take(user.name, self._action))

    def answered(self, data: bytes) -> None:
        """Take part of the answer; the last response in it is the action's result."""
        usual = data.startswith(b"Response: Success\r\n")
        self._result = b"Success" if usual else response_of(data) or self._result

    def record(self, session: "Session", now: float) -> None:
        """Count and log the action, whose answer is complete."""
        user, hub = session.user, session.hub
        assert user is not None
        seconds = now - self._began
        hub.stats.actions.answered(hub.server.counted_name(self._action), user.name, self._result, seconds)
        if self._action.key in _KEPT:
            self._settle(hub, user.name)
        if self._rule is None:
            return
        log.say(
            log.INFO,
            "action-allowed",
            session=session.id,
            user=user.name,
            peer=session.transport.peer.address,
            action=self._action.name,
            target=target_of(self._action) or None,
            rule=self._rule,
            generation=self._generation,
            result=self._result or None,
            seconds=round(seconds, 3),
        )

    def _settle(self, hub: "Hub", user: str) -> None:
        succeeded = self._result == b"Success"
        match self._action.key:
            case b"setvar":
                self._settle_variable(hub, user)
            case b"queueremove":
                if succeeded:
                    hub.bounds.members.removed(self._action)
            case _ if self._before and not succeeded:
                hub.bounds.members.give_back(user, self._action)

    def _settle_variable(self, hub: "Hub", user: str) -> None:
        stored = hub.bounds.stored
        if self._result != b"Success":
            stored.give_back(user, self._action, self._before)
        elif stored.is_unnamed(self._action):
            uniqueid = self._action.get(b"channel")
            question = ((b"Action", b"Getvar"), (b"Channel", uniqueid), (b"Variable", b"CHANNEL"))

            def answer(raw: bytes) -> None:
                if name := Message(raw).get(b"value"):
                    stored.named(uniqueid, name)

            hub.server.exchange.ask(Action(question), answer)


def closed(session: "Session", reason: str, now: float) -> None:
    """Log that the session has ended."""
    # Unauthenticated clients can come and go as often as they like, so their lines are rationed.
    say = log.say if session.user is not None else session.hub.bounds.rationed.say
    say(
        log.INFO,
        "session-close",
        peer=session.transport.peer.address,
        session=session.id,
        user=session.user.name if session.user else None,
        reason=reason,
        seconds=round(now - session.opened, 3),
        bytes_in=session.received,
        bytes_out=session.outbox.sent,
    )
