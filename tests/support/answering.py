"""An Asterisk without a socket, on the running loop: it answers each action in the next turn."""

import asyncio
from collections.abc import Callable

from amiproxy.ami.actions import LIST_COMPLETE
from amiproxy.ami.message import Message
from amiproxy.core.servers.server import Server
from tests.support.core_doubles import ListUpstream


class AnsweringUpstream(ListUpstream):
    """Lists are empty, and other actions succeed, unless ``answers`` has what follows the ActionID.

    The values of ``answers`` are made of the action: lines of the response, and whole events behind it.  None
    as a value: the action is not answered.
    """

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server
        self.answers: dict[str, Callable[[Message], tuple[bytes, ...]] | None] = {}
        self.asked: list[Message] = []

    def connect(self) -> None:
        """Bring the link up."""
        self._server.link_up(self, b"Asterisk Call Manager/11.0.0\r\n")
        self._server.serve()

    def send(self, data: bytes) -> None:
        for part in data.split(b"\r\n\r\n")[:-1]:
            asyncio.get_running_loop().call_soon(self._answer, Message(part + b"\r\n\r\n"))

    def feed(self, *messages: bytes) -> None:
        """Messages from Asterisk, in one read."""
        rest = list(messages)
        while rest:
            rest = rest[self._server.from_upstream(rest, True) :]

    def _answer(self, action: Message) -> None:
        self.asked.append(action)
        name = action.get(b"action").decode()
        mark = b"ActionID: " + action.get(b"actionid") + b"\r\n"
        complete = LIST_COMPLETE.get(name.lower().encode())
        if name in self.answers:
            made = self.answers[name]
            if made is not None:
                head, *events = made(action)
                kind, _, lines = head.partition(b"\r\n")
                self.feed(
                    kind + b"\r\n" + mark + lines + b"\r\n", *(self._marked(one, mark) for one in events)
                )
        elif complete is not None:
            start = b"Response: Success\r\n" + mark + b"EventList: start\r\nMessage: will follow\r\n\r\n"
            end = b"EventList: Complete\r\nListItems: 0\r\n\r\n"
            self.feed(start, b"Event: " + complete + b"\r\n" + mark + end)
        else:
            self.feed(b"Response: Success\r\n" + mark + b"Message: done\r\n\r\n")

    @staticmethod
    def _marked(event: bytes, mark: bytes) -> bytes:
        head, _, rest = event.partition(b"\r\n")
        return head + b"\r\n" + mark + rest
