"""The tour: the actions of the two users, one after the other, and the responses they must get."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from amiproxy.tools.demo.accounts import Account
from amiproxy.tools.demo.client import Client, Received
from amiproxy.tools.demo.display.ledger import Kind
from amiproxy.tools.demo.evidence import Evidence
from amiproxy.tools.demo.pbx import Pbx

#: Asterisk's own text.
DENIED = "Permission denied"
_ALLOWED = "Success"
#: Seconds for the called party to take the call.
_PICK_UP = 10.0

Told = Callable[[Account, str, Kind], None]


@dataclass(frozen=True, slots=True)
class Visitor:
    """A user and its session."""

    account: Account
    client: Client


class Tour:
    """Runs the steps of both users; ``tell`` is called with each action and each response."""

    def __init__(
        self, pbx: Pbx, wallboard: Visitor, desk: Visitor, evidence: Evidence, tell: Told, pause: float
    ) -> None:
        self._pbx = pbx
        self._wallboard = wallboard
        self._desk = desk
        self._evidence = evidence
        self._tell = tell
        self._pause = pause
        self._taken: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def saw(self, account: Account, event: Received) -> None:
        """Look at an event: the OriginateResponse of the desk's call names its channel."""
        if event.event == "OriginateResponse" and account is self._desk.account and not self._taken.done():
            self._taken.set_result(event.get("Channel"))

    async def walk(self) -> None:
        """Run all steps.  Raises TimeoutError if an expected response or event does not come."""
        self._pbx.begin()
        await self._step(self._desk, _ALLOWED, "Originate", *self._pbx.originate)
        await self._step(self._wallboard, DENIED, "Originate", *self._pbx.originate)
        note = (("UserEvent", "DeskNote"), ("Text", "back in five minutes"))
        await self._step(self._desk, _ALLOWED, "UserEvent", *note)
        if self._pbx.answers:
            try:
                async with asyncio.timeout(_PICK_UP):
                    channel = await self._taken
            except TimeoutError:
                raise TimeoutError("the desk's call was not answered") from None
            await self._step(self._wallboard, DENIED, "Hangup", ("Channel", channel))
            await self._step(self._desk, _ALLOWED, "Hangup", ("Channel", channel))
        await self._step(self._desk, DENIED, "Command", ("Command", "core show channels"))

    async def _step(self, visitor: Visitor, expected: str, action: str, *headers: tuple[str, str]) -> None:
        await asyncio.sleep(self._pause)
        self._tell(visitor.account, f"-> {action} {headers[0][1]}", Kind.ACTION)

        def on_answer(response: Received) -> None:
            answer = response.get("Response")
            if answer != _ALLOWED:
                answer = response.get("Message")
            self._evidence.answered(visitor.account, action, expected, answer)
            self._tell(visitor.account, f"<- {answer}", Kind.ALLOWED if answer == _ALLOWED else Kind.DENIED)

        await visitor.client.action(action, *headers, on_answer=on_answer)
