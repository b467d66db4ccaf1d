"""Trail: what a session leaves in the log, and in the events of class ``security``.

One line a fact (see ``proxy.log``): who, from where, which action on what, by
which rule, and what came of it.  Values are named one by one, so no secret and
no body is ever among them.
"""

from typing import TYPE_CHECKING, Final

from proxy import log
from proxy.ami import privilege
from proxy.ami.answers import response_of
from proxy.ami.message import Action, Message
from proxy.core.members import ADDING
from proxy.core.policy import UNDESCRIBED, target_of
from proxy.core.securityevents import ERROR, security_event

if TYPE_CHECKING:
    from proxy.core.hub import Hub
    from proxy.core.session import Session


def tell(session: "Session", name: bytes, severity: bytes, *extra: tuple[bytes, bytes]) -> None:
    """Tell readers of class ``security`` what this session did."""
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
            origin=hub.origin.headers(wall),
            extra=extra,
        )
    )
    hub.settle()


def left_out(session: "Session", action: Action) -> None:
    """The action was sent without those of its headers that nobody has described."""
    described = session.hub.table.described(action.key)
    for header in () if described is None else described.left_out(action):
        session.hub.bounds.once.say(
            log.INFO, "header-not-sent", action=session.hub.counted_name(action), header=header.lower()
        )


def denied(session: "Session", action: Action, text: bytes, rule: str, hint: str = "") -> None:
    """The action was answered with ``text`` instead of being run."""
    if rule == UNDESCRIBED:
        session.hub.bounds.once.say(
            log.WARNING,
            "action-not-described",
            action=session.hub.counted_name(action),
            remedy="describe its headers under actions: in proxy.yaml",
        )
    # Anybody can ask as often as they like: an answer that is denied costs no more than that of a Ping.
    rationed, peer = session.hub.bounds.rationed, session.transport.peer.address
    fields = {
        "session": session.id,
        "action": action.name,
        "target": lambda: target_of(action) or None,  # looked for only if the ration has a line for it
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


#: Actions by which Asterisk keeps more, or less.
_KEPT: Final = ADDING | {b"setvar", b"queueremove"}


class Underway:
    """An action that Asterisk is asked: counted when it is answered, and audited if it is privileged."""

    __slots__ = ("_action", "_before", "_began", "_generation", "_result", "_rule")

    def __init__(self, action: Action, rule: str | None, generation: int, now: float) -> None:
        self._action = action
        #: By which a privileged one was allowed; None for the others.
        self._rule = rule
        #: Of the configuration that the rule is in.
        self._generation = generation
        self._began = now
        self._result = b""
        #: Of a Setvar: what its name counted in ``Stored`` until now.  Of what adds a member to a queue:
        #: whether it counts.
        self._before = 0

    def begin(self, session: "Session") -> None:
        """It is about to be sent."""
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
        """Part of the answer; the last response in it is what came of the action."""
        usual = data.startswith(b"Response: Success\r\n")
        self._result = b"Success" if usual else response_of(data) or self._result

    def record(self, session: "Session", now: float) -> None:
        """It is answered to the end."""
        user, hub = session.user, session.hub
        assert user is not None
        seconds = now - self._began
        hub.stats.actions.answered(hub.counted_name(self._action), user.name, self._result, seconds)
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

            hub.exchange.ask(Action(question), answer)


def closed(session: "Session", reason: str, now: float) -> None:
    """The session has ended."""
    # Strangers can connect and go as often as they like.
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
