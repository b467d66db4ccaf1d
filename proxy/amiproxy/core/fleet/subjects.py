"""Subjects: the names under which the processes of a fleet send and receive messages.

The engines permit each process only its own subjects, so a subject says who has sent a message to it.
"""

import re
from typing import Final

#: A process of a fleet: an agent or an edge.
PROCESS: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
#: An Asterisk, as the fleet calls it.
SERVER: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: What all subjects of a fleet begin with, so that fleets can share engines.
PREFIX: Final = re.compile(r"[A-Za-z0-9_-]{1,32}(?:\.[A-Za-z0-9_-]{1,32}){0,3}")
#: The version of the subjects, and of what is sent to them.
_VERSION: Final = "v1"


class Subjects:
    """The subjects of one fleet; each method raises ValueError for a name that cannot be part of one."""

    def __init__(self, prefix: str = "ami") -> None:
        self._base = f"{_matching(PREFIX, prefix)}.{_VERSION}"

    def events(self, server: str, agent: str) -> str:
        """Where the agent of this server publishes its events and beats."""
        return f"{self._base}.ev.{_at(server, agent)}"

    def actions(self, server: str, agent: str, edge: str) -> str:
        """Where the edge sends actions for the agent."""
        return f"{self.actions_to(server, agent)}.{_matching(PROCESS, edge)}"

    def asks(self, server: str, agent: str, edge: str) -> str:
        """Where the edge asks the agent for events that it has missed."""
        return f"{self.asks_to(server, agent)}.{_matching(PROCESS, edge)}"

    def actions_of(self, server: str, agent: str) -> str:
        """What the agent subscribes to: the actions of all edges."""
        return f"{self.actions_to(server, agent)}.*"

    def asks_of(self, server: str, agent: str) -> str:
        """What the agent subscribes to: all edges' requests for missed events."""
        return f"{self.asks_to(server, agent)}.*"

    def actions_to(self, server: str, agent: str) -> str:
        """The subjects of the actions for the agent, without the name of the edge."""
        return f"{self._base}.act.{_at(server, agent)}"

    def asks_to(self, server: str, agent: str) -> str:
        """The subjects of the requests for missed events, without the name of the edge."""
        return f"{self._base}.ask.{_at(server, agent)}"

    @staticmethod
    def inbox(edge: str) -> str:
        """What the subjects of all answers to this edge begin with, without a dot at the end."""
        return f"_INBOX.{_matching(PROCESS, edge)}"

    def edge_of(self, subject: str) -> str | None:
        """The edge that sent this action or request for missed events; None if the subject is of neither."""
        base, *rest = subject.rsplit(".", 4)
        if base != self._base or len(rest) != 4:
            return None
        kind, server, agent, edge = rest
        if kind not in {"act", "ask"}:
            return None
        good = SERVER.fullmatch(server) and PROCESS.fullmatch(agent) and PROCESS.fullmatch(edge)
        return edge if good else None


def _at(server: str, agent: str) -> str:
    return f"{_matching(SERVER, server)}.{_matching(PROCESS, agent)}"


def _matching(pattern: re.Pattern[str], name: str) -> str:
    if pattern.fullmatch(name) is None:
        raise ValueError(f"{name!r} cannot be part of a subject")
    return name
