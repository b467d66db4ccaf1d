"""Collects the messages that answer one action, out of all that arrive."""

from typing import Final

from amiproxy.ami.actions import NAMELESS_ITEMS, answer_of
from amiproxy.ami.answers import AnswerKind, response_of
from amiproxy.ami.message import Action, Message
from amiproxy.ami.relay import event_list_of

#: The kinds of answers whose end only the answer to the next action shows.
_UNBOUNDED: Final = (AnswerKind.ROWS, AnswerKind.ANY, AnswerKind.LIST)


class Answer:
    """The answer to ``action``, which was sent with ``action_id``.

    ``response`` is the first response; ``items`` are the messages of an event list, or of another answer in
    several messages; ``complete`` is the last event of a list; ``rows`` is any text outside a message.
    """

    def __init__(self, action: Action, action_id: bytes) -> None:
        self.action = action
        self.action_id = action_id
        self.response: Message | None = None
        self.items: list[Message] = []
        self.complete: Message | None = None
        self.rows: list[bytes] = []
        self.is_done = False
        #: Whether a message was so long that only its beginning was kept.
        self.is_cut = False
        #: Whether the response announced an event list.
        self.is_list = False
        self._shape = answer_of(action.key, {})

    @property
    def needs_fence(self) -> bool:
        """Whether its end has no mark, so that an action has to follow whose answer marks it."""
        return self._shape.kind in _UNBOUNDED

    @property
    def failed(self) -> bool:
        """Whether the response is an error, or missing, or the list was cancelled."""
        if self.response is None:
            return not self.rows and not self.items
        if self.complete is not None and event_list_of(self.complete.raw) == b"cancelled":
            return True
        return response_of(self.response.raw).lower().startswith(b"error")

    def take(self, message: Message) -> bool:
        """Add a message if it belongs to this answer; otherwise return False."""
        if self.is_done:
            return False
        response = response_of(message.raw)
        if message.get(b"actionid") == self.action_id:
            return self._respond(message) if response else self._event(message)
        name = message.get(b"event")
        if self.is_list and name and name == NAMELESS_ITEMS.get(self.action.key):
            self.items.append(message)
            return True
        if self.needs_fence and not response and not message.raw.startswith(b"Event:"):
            self.rows.append(message.raw)
            return True
        return False

    def end(self) -> None:
        """The answer to the following action has come, so this one is complete."""
        self.is_done = True

    def _respond(self, message: Message) -> bool:
        if self.response is not None:
            # A second response: of an action that answers in several, or one that ends a list.
            self.items.append(message)
            self.is_done = self.is_list
            return True
        self.response = message
        if response_of(message.raw).lower().startswith(b"error"):
            self.is_done = True
        elif event_list_of(message.raw) == b"start" or self._announces(message):
            self.is_list = True
        elif self._shape.kind is AnswerKind.RESPONSE:
            self.is_done = True
        return True

    def _announces(self, message: Message) -> bool:
        # Asterisk's older lists have no EventList in the response.
        return bool(self._shape.complete) and message.get(b"message").lower().endswith(b"will follow")

    def _event(self, message: Message) -> bool:
        if self.is_list:
            ends = event_list_of(message.raw) in (b"complete", b"cancelled")
            if ends or message.get(b"event") == self._shape.complete:
                self.complete = message
                self.is_done = True
            else:
                self.items.append(message)
            return True
        if self._shape.kind is AnswerKind.EVENT and self.response is not None:
            self.items.append(message)
            self.is_done = True
            return True
        if self.needs_fence:
            self.items.append(message)
            return True
        return False
