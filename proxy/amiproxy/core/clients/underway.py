"""Underway: an action in flight, at Asterisk or here."""

# mypyc: compiled

from abc import ABC, abstractmethod
from typing import Final

from amiproxy.ami.answers import response_of
from amiproxy.ami.message import Action, Message
from amiproxy.core.audit.auditlog import SessionFacts
from amiproxy.core.context import Context
from amiproxy.core.limits.members import ADDING
from amiproxy.core.servers.server import Server

#: Actions that make Asterisk store more, or less.
_KEPT: Final = ADDING | {b"setvar", b"queueremove"}


class Task(ABC):
    """An action that has begun, and for whose end its session waits."""

    __slots__ = ("requests", "rule")

    def __init__(self, rule: str | None = None) -> None:
        #: The rule that allowed a privileged action, which ``record`` logs; None for other actions.
        self.rule = rule
        #: The ids of the requests with which it was sent to agents; none over other links.
        self.requests: tuple[str, ...] = ()

    @abstractmethod
    def answered(self, data: bytes) -> None:
        """Take part of the answer: whole messages."""

    @abstractmethod
    def record(self, user: str, who: SessionFacts | None) -> None:
        """The answer is complete: count the action of this user, and log it if a ``rule`` allowed it."""

    @abstractmethod
    def dismiss(self, text: bytes) -> bool:
        """End the answer with this error: the session is about to be closed.  ``text`` is its Message.

        Returns False if it is the route that has to end it.
        """

    @abstractmethod
    def abandon(self) -> None:
        """The session is over: it is sent nothing more."""

    @abstractmethod
    def judge_again(self) -> None:
        """The rights of the session may have changed."""


class Underway(Task):
    """An action in flight at Asterisk: counted when it is answered, and logged if it is privileged."""

    __slots__ = ("_action", "_before", "_began", "_ctx", "_generation", "_result", "_server")

    def __init__(self, ctx: Context, server: Server, user: str, action: Action, rule: str | None) -> None:
        """Create it just before the action is sent: it counts what the action stores in Asterisk."""
        super().__init__(rule)
        self._ctx = ctx
        self._server = server
        self._action = action
        #: The generation of the configuration that the rule is from.
        self._generation = ctx.generation
        self._began = ctx.scheduler.now()
        self._result = b""
        #: For a Setvar: the size that ``Stored`` had for its name before.  For an action that adds a queue
        #: member: whether the member was counted.
        self._before = 0
        key = action.key
        if key == b"setvar":
            self._before = server.stored.take(user, action)
        elif key in ADDING:
            self._before = int(server.members.take(user, action))

    def answered(self, data: bytes) -> None:
        """See Task.  The last response in it is the action's result."""
        usual = data.startswith(b"Response: Success\r\n")
        self._result = b"Success" if usual else response_of(data) or self._result

    def record(self, user: str, who: SessionFacts | None) -> None:
        """See Task."""
        ctx = self._ctx
        seconds = ctx.scheduler.now() - self._began
        name = self._server.actions.counted_name(self._action)
        ctx.stats.actions.answered(name, user, self._result)
        self._server.counts.answered(name, seconds)
        if self._action.key in _KEPT:
            self._settle(user)
        if self.rule is not None and who is not None:
            if self.requests:
                who = who._replace(request=",".join(self.requests))
            ctx.audit_log.allowed(who, self._action, self.rule, self._generation, self._result, seconds)

    def dismiss(self, text: bytes) -> bool:
        """See Task."""
        return False

    def abandon(self) -> None:
        """See Task.  The route does it."""

    def judge_again(self) -> None:
        """See Task.  The action is at Asterisk already."""

    def _settle(self, user: str) -> None:
        succeeded = self._result == b"Success"
        members = self._server.members
        match self._action.key:
            case b"setvar":
                self._settle_variable(user)
            case b"queueremove":
                if succeeded:
                    members.removed(self._action)
            case _ if self._before and not succeeded:
                members.give_back(user, self._action)

    def _settle_variable(self, user: str) -> None:
        stored = self._server.stored
        if self._result != b"Success":
            stored.give_back(user, self._action, self._before)
        elif stored.is_unnamed(self._action):
            uniqueid = self._action.get(b"channel")
            question = ((b"Action", b"Getvar"), (b"Channel", uniqueid), (b"Variable", b"CHANNEL"))

            def answer(raw: bytes) -> None:
                if name := Message(raw).get(b"value"):
                    stored.named(uniqueid, name)

            self._server.exchange.ask(Action(question), answer)
