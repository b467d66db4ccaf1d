"""Deadlines: how long Asterisk may take to answer, by kind of action."""

# mypyc: compiled

from amiproxy.core.model.limits import Limits


class Deadlines:
    """Seconds that an answer may take, by kind of action; and how many items an event list may have."""

    __slots__ = (
        "action",
        "command",
        "list_item",
        "list_items",
        "list_total",
        "originate_longest",
        "originate_margin",
    )

    def __init__(
        self,
        action: float = 15.0,
        command: float = 60.0,
        list_item: float = 15.0,
        list_total: float = 120.0,
        originate_margin: float = 5.0,
        originate_longest: float = 300.0,
        list_items: int = 100_000,
    ) -> None:
        self.action = action
        self.command = command
        self.list_item = list_item
        self.list_total = list_total
        self.originate_margin = originate_margin
        self.originate_longest = originate_longest
        self.list_items = list_items

    @classmethod
    def of(cls, limits: Limits) -> "Deadlines":
        """The deadlines that these limits set."""
        return cls(
            action=limits.action_timeout,
            command=limits.command_timeout,
            list_item=limits.list_item_timeout,
            list_total=limits.list_timeout,
            originate_longest=limits.originate_timeout_max,
            list_items=limits.list_items,
        )
