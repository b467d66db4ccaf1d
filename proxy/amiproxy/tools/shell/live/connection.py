"""Keeps a session with the server: logs in, and connects again after a loss."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from amiproxy.ami.message import Action, Message
from amiproxy.net.loop.backoff import Backoff
from amiproxy.tools.shell.answers.answer import Answer
from amiproxy.tools.shell.live.session import ConnectionLost, LoginRefused, Server, Session
from amiproxy.tools.tlsclient import ConnectError

_AGAIN: Final = Backoff(1.0, 30.0, 0.2)


@dataclass(frozen=True)
class Account:
    """The server, the user that logs in there, and its secret, None for a login by certificate."""

    server: Server
    user: str
    secret: bytes | None


class Connection:
    """The session of the moment, if there is one.

    ``on_event`` gets events and ``notice`` sentences for the user.  ``greet`` is awaited after each login.
    With ``again`` a lost connection is opened again, until the server refuses the login.  Its tasks are in
    ``group``.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        account: Account,
        on_event: Callable[[Message], None],
        notice: Callable[[str], None],
        *,
        greet: Callable[[Session], Awaitable[None]],
        again: bool,
    ) -> None:
        self._group = group
        self.account = account
        self._on_event = on_event
        self._notice = notice
        self._greet = greet
        self._again = again
        self._session: Session | None = None
        self._task: asyncio.Task[None] | None = None
        self._reason = ""
        #: Whether the server is to send events.
        self.events = False

    @property
    def session(self) -> Session | None:
        """The session that is logged in; None while there is none."""
        return self._session

    async def open(self) -> Session:
        """Connect and log in.  Raises ConnectError, LoginRefused, ConnectionLost or TimeoutError."""
        await self.close()
        session, task = await self._open()
        self._task = task
        return session

    async def ask(self, action: Action) -> Answer:
        """The answer to an action.  Raises ConnectionLost."""
        if self._session is None:
            raise ConnectionLost(self._reason or "not connected; \\c connects")
        return await self._session.ask(action)

    async def close(self) -> None:
        """Log off, and do not connect again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _open(self) -> tuple[Session, asyncio.Task[None]]:
        session = await Session.open(self.account.server, self._on_event)
        receiving = self._group.create_task(self._receive(session))
        try:
            await session.login(self.account.user, self.account.secret, events=self.events)
            self._session = session
            self._reason = ""
            await self._greet(session)
        except BaseException:
            self._session = None
            receiving.cancel()
            session.abort()
            raise
        return session, receiving

    async def _receive(self, session: Session) -> None:
        try:
            await session.receive()
        except ConnectionLost as lost:
            session.abort()
            if self._session is not session:
                return  # it never logged in, or it was closed on purpose
            self._session = None
            self._notice(f"connection lost: {lost}")
            if self._again:
                await self._open_again(str(lost))

    async def _open_again(self, reason: str) -> None:
        attempt = 0
        while True:
            attempt += 1
            delay = _AGAIN.delay(attempt)
            self._reason = f"not connected: {reason}"
            if attempt == 1:
                self._notice("connecting again until it succeeds; \\c tries at once")
            await asyncio.sleep(delay)
            try:
                _, task = await self._open()
            except LoginRefused as refused:
                self._reason = "not logged in; \\c tries again"
                said = refused.answer.response
                text = said.get(b"message").decode(errors="backslashreplace") if said else "no answer"
                self._notice(
                    f"the server refuses the login now ({text}), so it is not tried again; \\c tries again"
                )
                return
            except (ConnectError, ConnectionLost, TimeoutError) as error:
                if str(error) != reason:
                    reason = str(error)
                    self._notice(f"still not connected: {reason}")
                continue
            self._task = task
            self._notice("connected again")
            return
