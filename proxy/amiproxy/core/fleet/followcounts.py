"""FollowCounts: what an edge counts about the events of one server."""

# mypyc: compiled


class FollowCounts:
    """Counters, all since the start of the process."""

    __slots__ = (
        "bytes",
        "changes",
        "duplicates",
        "events",
        "gaps",
        "malformed",
        "messages",
        "repaired",
        "snapshots",
    )

    def __init__(self) -> None:
        #: Events that were passed on.
        self.events = 0
        #: Messages of agents, their beats included, and the bytes of these.
        self.messages = self.bytes = 0
        #: Times that events were missing, and times that they were then all got from the agent.
        self.gaps = self.repaired = 0
        #: Events that were left out because they had been passed on already.
        self.duplicates = 0
        #: Times that the edge went on at a later position or in another epoch, so that state was got again.
        self.snapshots = 0
        #: Times that the edge changed to another agent.
        self.changes = 0
        #: Messages that are none of the fleet's, or of another version.
        self.malformed = 0

    def shown(self) -> dict[str, int]:
        """All counters by name."""
        return {
            "events": self.events,
            "messages": self.messages,
            "bytes": self.bytes,
            "gaps": self.gaps,
            "repaired": self.repaired,
            "duplicates": self.duplicates,
            "snapshots": self.snapshots,
            "changes": self.changes,
            "malformed": self.malformed,
        }
