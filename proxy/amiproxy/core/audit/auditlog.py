"""AuditLog: the audit log of the sessions, and their events of class ``security``.

Each fact is one log line (see ``amiproxy.log``): user, address, action and target, the rule
that decided, and the result.  Callers name each value that is logged, so secrets and
message bodies are never among them.
"""

# mypyc: compiled

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple, Protocol

from amiproxy import log
from amiproxy.ami import privilege
from amiproxy.ami.message import Action
from amiproxy.core.audit.securityevents import ERROR, Ration, security_event
from amiproxy.core.audit.targets import target_of
from amiproxy.core.policy import UNDESCRIBED
from amiproxy.core.ports import Peer, Scheduler


class SessionFacts(NamedTuple):
    """The session that a line is about."""

    session: str
    #: Name of the user; None before login.
    user: str | None
    #: The user's name as the client spelled it.
    login_name: bytes
    peer: Peer
    #: When it was opened, in monotonic seconds and in seconds since the epoch.
    opened: float
    opened_wall: float
    #: The server that it is bound to, or that the action went to; None if servers have no names, or for
    #: neither.
    server: str | None = None
    #: Names of the servers that it may see, before login those that its user or its listener would let it
    #: see; empty if that is not known.
    sees: tuple[str, ...] = ()
    #: The door; None for AMI's own.
    door: str | None = None
    #: At an agent, the edge that has sent the action.
    edge: str | None = None
    #: The id of the request with which the action came from an edge or, at an edge, was sent to an agent;
    #: several, with commas between them, if it was sent in parts or to several servers.
    request: str | None = None


class Announcer(Protocol):
    """Sends the proxy's own events to the sessions that may read them: the hub."""

    def readers(self, classes: int) -> int:
        """The number of sessions whose classes admit an event of these classes."""

    def announce(
        self,
        write: Callable[[list[tuple[bytes, bytes]]], bytes],
        wall: float,
        sees: Collection[str] = (),
    ) -> None:
        """Send an event, with the next ``settle``, to all sessions that may read it.

        If it is about a session that ``sees`` servers of these names, only to sessions that see one of them.
        ``write`` returns it, well-formed and whole, given the headers from ``Origin.headers`` that follow its
        Privilege.  ``wall`` is the time in seconds since the epoch.
        """

    def settle(self) -> None:
        """Send what waits."""


class AuditLog:
    """Writes the lines; what clients can cause at will goes through ``rationed`` or ``once``."""

    __slots__ = ("_announcer", "_keep", "_once", "_rationed", "_scheduler", "ration")

    def __init__(
        self,
        rationed: log.Rationed,
        once: log.Once,
        scheduler: Scheduler,
        announcer: Announcer,
        keep: Callable[[SessionFacts, Action, str], int | None],
    ) -> None:
        """``keep`` keeps an action that this rule denied, and returns its id; None if it does not."""
        self._keep: Callable[[SessionFacts, Action, str], int | None] = keep
        self._rationed = rationed
        self._once = once
        self._scheduler = scheduler
        self._announcer = announcer
        #: Limits the security events; the owner of the audit log must call its ``renew`` once a second.
        self.ration = Ration()

    def tell(self, who: SessionFacts, name: bytes, severity: bytes, *extra: tuple[bytes, bytes]) -> None:
        """Send a security event about this session to the readers of class ``security`` at its servers."""
        announcer, wall = self._announcer, self._scheduler.wall()
        if not announcer.readers(privilege.SECURITY) or not self.ration.admits(
            name, who.peer.address, who.sees
        ):
            return
        announcer.announce(
            lambda origin: security_event(
                name,
                severity,
                account=who.login_name,
                session=who.session,
                peer=who.peer,
                wall=wall,
                opened=who.opened_wall,
                origin=origin,
                extra=extra,
                door=who.door,
            ),
            wall,
            who.sees,
        )
        announcer.settle()

    def left_out(self, action: bytes, headers: Iterable[bytes]) -> None:
        """Log headers that were left out of an action because the action table does not describe them.

        ``action`` is a name from that table.
        """
        for header in headers:
            self._once.say(log.INFO, "header-not-sent", action=action, header=header.lower())

    def denied(
        self,
        who: SessionFacts,
        action: Action,
        counted: bytes,
        text: bytes,
        rule: str,
        hint: str,
        generation: int,
    ) -> None:
        """Log that the action was answered with ``text`` instead of being run, and send a security event.

        ``counted`` is the name that the action is counted by; ``generation`` is that of the configuration.
        """
        if rule == UNDESCRIBED:
            self._once.say(
                log.WARNING,
                "action-not-described",
                action=counted,
                remedy="describe its headers under actions: in proxy.yaml",
            )
        # Clients can send denied actions as often as they like, so one must cost no more than a Ping.
        peer = who.peer.address
        fields = {
            "session": who.session,
            "server": who.server,
            "door": who.door,
            "edge": who.edge,
            "request": who.request,
            "action": action.name,
            "target": lambda: target_of(action) or None,  # only computed if the line is logged
            "rule": rule,
            "why": hint or None,
            "generation": generation,
            "id": lambda: self._keep(who, action, rule),
        }
        if who.user is not None:
            self._rationed.say_of(log.WARNING, "action-denied", who.user, peer=peer, **fields)
        else:
            self._rationed.say(log.WARNING, "action-denied", peer, **fields)
        unknown = text.startswith(b"Invalid/unknown command")
        name = b"RequestBadFormat" if unknown else b"RequestNotAllowed"
        self.tell(who, name, ERROR, (b"RequestType", b"Action: " + action.name[:64]))

    def allowed(
        self, who: SessionFacts, action: Action, rule: str, generation: int, result: bytes, seconds: float
    ) -> None:
        """Log a privileged action that Asterisk has answered, ``seconds`` after it was sent.

        ``rule`` allowed it, in the configuration of that ``generation``.
        """
        log.say(
            log.INFO,
            "action-allowed",
            session=who.session,
            user=who.user,
            server=who.server,
            door=who.door,
            edge=who.edge,
            request=who.request,
            peer=who.peer.address,
            action=action.name,
            target=target_of(action) or None,
            rule=rule,
            generation=generation,
            result=result or None,
            seconds=round(seconds, 3),
        )

    def closed(self, who: SessionFacts, reason: str, bytes_in: int, bytes_out: int) -> None:
        """Log that the session has ended, with the bytes received from the client and sent to it."""
        # Unauthenticated clients can come and go as often as they like, so their lines are rationed.
        say = log.say if who.user is not None else self._rationed.say
        say(
            log.INFO,
            "session-close",
            peer=who.peer.address,
            session=who.session,
            user=who.user,
            server=who.server,
            door=who.door,
            reason=reason,
            seconds=round(self._scheduler.now() - who.opened, 3),
            bytes_in=bytes_in,
            bytes_out=bytes_out,
        )
