"""A second session at Asterisk's own port: what Asterisk has told, and the picture that follows from it.

A busy Asterisk does not write some of its events, to any session.  With this session it can be told apart
what the proxy has missed, and what nobody was told.
"""

from itertools import count

from tests.asterisk.history.client import Dashboard, Picture
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient
from tests.support.waiting import until

#: Events about sessions, which the proxy and this session do not have in common.
_STARTS = tuple(
    f"Event: {name}" for name in ("Success", "FullyBooted", "Challenge", "RequestNotAllowed", "Invalid")
)
_marks = count()


def without(header: str, text: str) -> str:
    """The event without its header of this name."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith(f"{header}:"))


class Direct:
    """All events since ``begin``, and those that a dashboard which is never cut has been sent meanwhile."""

    def __init__(self, client: AmiClient, witness: Dashboard) -> None:
        self._client = client
        self._witness = witness
        #: The events since ``begin``, and how many of them have been compared.
        self.events: list[str] = []
        self._compared = 0
        self.picture = Picture()
        #: Events of the dashboard that have not been compared, and how many it has had before.
        self._theirs: list[str] = []
        self._taken = 0

    @classmethod
    async def connect(cls, pbx: Asterisk, witness: Dashboard) -> "Direct":
        """Log in."""
        client = await AmiClient.connect(pbx.host, pbx.port)
        await client.login(pbx.user, pbx.secret)
        return cls(client, witness)

    async def close(self) -> None:
        """End the connection."""
        await self._client.close()

    async def begin(self, acting: AmiClient, present: list[dict[str, str]]) -> None:
        """Begin with what there is; nothing may happen meanwhile."""
        await self.compare(acting)
        self.picture, self.events, self._compared = Picture(present), [], 0

    async def compare(self, acting: AmiClient) -> tuple[list[str], list[str]]:
        """The events since the last time, as this session and as the dashboard have them."""
        number = str(next(_marks))
        await acting.action("UserEvent", UserEvent="Mark", Number=number)
        await self._client.wait_event("UserEvent", UserEvent="Mark", Number=number)
        self._take()
        mark = next(text for text in self.events if f"UserEvent: Mark\r\nNumber: {number}\r\n" in text)
        until_mark = self.events.index(mark) + 1
        mine, self._compared = self.events[self._compared : until_mark], until_mark

        def theirs() -> list[str]:
            self.take_theirs()
            return self._theirs

        await until(lambda: mark in theirs(), lambda: (mark, theirs()[-3:]))
        until_mark = self._theirs.index(mark) + 1
        found, self._theirs = self._theirs[:until_mark], self._theirs[until_mark:]
        return mine, found

    def take_theirs(self, *, forgets: bool = False) -> None:
        """Take what the dashboard has been sent since the last time; ``forgets``: it forgets that now."""
        texts = [without("ProxySequence", text) for _, text in self._witness.seen[self._taken :]]
        self._theirs += [text for text in texts if not text.startswith(_STARTS)]
        self._taken = 0 if forgets else len(self._witness.seen)

    def _take(self) -> None:
        for message in self._client.log:
            # The proxy takes out the ActionIDs of others.
            text = without("ActionID", message.raw.decode(errors="replace"))
            if message.event is not None and not text.startswith(_STARTS):
                self.events.append(text)
                self.picture.apply(dict(message.headers))
        self._client.log.clear()
        self._client.inbox.clear()

    def about(self, line: str) -> list[str]:
        """The names of the events about the channel that a line of ``Picture.differences`` is about."""
        names = [word.strip("',():") for word in line.split()]
        names = [name for name in names if "-" in name or "." in name]
        about = (text for text in self.events if any(name in text for name in names))
        return [text.partition("\r\n")[0].removeprefix("Event: ") for text in about]
