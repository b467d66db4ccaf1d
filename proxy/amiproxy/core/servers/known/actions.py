"""Known actions: which actions Asterisk has, as it lists them itself, and their descriptions."""

# mypyc: compiled

from collections.abc import Callable
from typing import Final

from amiproxy import log
from amiproxy.ami.actions import HISTORY, SHIPPED, OtherActions
from amiproxy.ami.message import Action, Message, error
from amiproxy.core.audit.actionstats import OTHER
from amiproxy.core.ports import Scheduler, Timer
from amiproxy.core.servers.answers.failures import NOT_CONNECTED

#: Seconds between a change of modules and asking Asterisk for its actions again.
DELAY: Final = 1.0
_LIST_COMMANDS: Final = Action([(b"Action", b"ListCommands")])


class KnownActions:
    """The table of Asterisk's actions.  Before Asterisk has listed its own it is the shipped one."""

    def __init__(self, ask: Callable[[Action, Callable[[bytes], None]], None], scheduler: Scheduler) -> None:
        """``ask`` sends an action and calls back with the response; see ``Exchange.ask``."""
        self.table = SHIPPED
        #: Whether the last answer was that of an ami-proxy which has no connection to Asterisk itself.
        self.is_cut_off = False
        #: The name of its server in log lines; see ``Server.log_name``.
        self.logged_name: str | None = None
        self._ask = ask
        self._scheduler = scheduler
        self._timer: Timer | None = None
        #: The names of the actions that Asterisk has listed, in lower case.
        self._listed: frozenset[bytes] = frozenset()
        #: How many times Asterisk has been asked and has not answered.
        self._open = 0

    def learn(self) -> None:
        """Ask Asterisk for its actions."""
        self._open += 1
        self._ask(_LIST_COMMANDS, self._learnt)

    def learn_soon(self) -> None:
        """Ask for the actions in ``DELAY`` seconds, once for all changes of modules until then."""
        if self._timer is None:
            self._timer = self._scheduler.later(DELAY, self._due)

    def cancel(self) -> None:
        """Do not ask: the link is lost."""
        self._open = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def describe(self, others: OtherActions) -> None:
        """Replace the descriptions of actions that are not Asterisk's own."""
        self.table = self.table.with_others(others)

    def counted_name(self, action: Action) -> bytes:
        """The name to count an action by: the table's, or OTHER, because clients can make up names."""
        row = self.table.find(action.key) or HISTORY.get(action.key)
        return row.name if row is not None else OTHER

    def refusal_of(self, action: Action) -> bytes:
        """The error with which Asterisk would answer an action that it does not have; b"" if it may have it.

        Each such action that it is sent is a security event, RequestBadFormat, and a line in its log.
        """
        if not self._listed or self._open or self._timer is not None or action.key in self._listed:
            return b""
        return error(b"", b"Invalid/unknown command: " + action.name + b".")

    def _due(self) -> None:
        self._timer = None
        self.learn()

    def _learnt(self, raw: bytes) -> None:
        if not raw and self._open:
            self.learn_soon()  # the answer was lost, on the way from an agent for instance
        self._open = max(0, self._open - 1)
        answer = Message(raw)
        self.is_cut_off = answer.get(b"message") == NOT_CONNECTED
        table = self.table.learnt_from(answer.headers)
        if table.live:
            self.table = table
            self._listed = frozenset([row.name.lower() for row in table.live])
        log.say(log.DEBUG, "actions-learnt", server=self.logged_name, actions=len(table.live))
