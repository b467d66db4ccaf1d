"""Deadlines: how long Asterisk may take to answer, by kind of action."""

# mypyc: compiled


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
