"""What operators may do over HTTP: the same as over the control socket, as far as ``Operator`` has it.

Their rights are those of their manager user, and so is their name in the log.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from amiproxy import log
from amiproxy.core.model.users import User
from amiproxy.net.admin.control import commands, views
from amiproxy.net.admin.explaining.action import explain_action
from amiproxy.net.admin.explaining.denied import explain_denied
from amiproxy.net.admin.explaining.event import explain_event
from amiproxy.net.admin.exposition import Exposition
from amiproxy.net.admin.metrics import ServiceCollector
from amiproxy.net.admin.service import Service
from amiproxy.net.doors.http.api.operator import Shown
from amiproxy.net.doors.http.api.problems import Refused
from amiproxy.net.loop import gently
from amiproxy.steps import Steps

T = TypeVar("T")

_NOT_FOUND: Final = 404


class RemoteOperator:
    """See ``Operator``."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._exposition = Exposition(ServiceCollector(service))
        #: Held while an action is explained: what several operators ask takes no more of the loop than one.
        self._explaining = asyncio.Lock()
        service.journal.open()

    def status(self) -> Mapping[str, object]:
        """See Operator."""
        return views.status(self._service)

    async def show(self, what: Shown) -> object:
        """See Operator."""
        command = commands.COMMANDS[what]
        assert command.run is not None
        return await command.run(self._service, {})

    async def metrics(self, accept: str) -> tuple[bytes, str]:
        """See Operator."""
        return await self._exposition.text_for(accept)

    def denials(self, last: int) -> Sequence[Mapping[str, object]]:
        """See Operator."""
        return self._service.journal.refusals(last)

    async def denial(self, number: int) -> Mapping[str, object]:
        """See Operator."""
        hub = self._service.hub
        denied = hub.denials.find(number)
        if denied is None:
            raise Refused(_NOT_FOUND, "There is no such denied action, or it is not kept any longer.")
        user = self._user(denied.user)
        servers = hub.servers
        at = servers.find(denied.server.encode()) if denied.server and servers.named else None
        if denied.server and servers.named and at is None:
            raise Refused(_NOT_FOUND, "There is no such server any longer.")
        table = (at or servers.first).actions.table
        where = at.name if at is not None else None
        found = await self._gently(explain_denied(denied, user, table, where))
        change = None if found.change is None else found.change._asdict()
        return {
            "id": denied.id,
            "user": user.name,
            "rule": denied.rule,
            **found._asdict(),
            "change": change,
        }

    async def explain(self, user: str, message: bytes, server: str) -> tuple[bool, list[str]]:
        """See Operator."""
        found = self._user(user)
        servers = self._service.hub.servers
        if server and (not servers.named or servers.find(server.encode()) is None):
            raise Refused(_NOT_FOUND, "There is no such server.")
        if message[:6].lower() == b"event:":
            names = [one.name for one in servers] if servers.named else []
            return explain_event([found], message, [server] if server else names)
        at = servers.find(server.encode()) if server else None
        actions = (at or servers.first).actions.table
        return await self._gently(explain_action(found, message, actions, server if servers.named else None))

    async def kick(self, target: str, by: str) -> list[str]:
        """See Operator."""
        result = await self._run("kick", {"target": target}, by)
        return list(result["kicked"])

    async def drain(self, by: str) -> Mapping[str, object]:
        """See Operator."""
        found: Mapping[str, object] = await self._run("drain", {}, by)
        return found

    async def set_log_level(self, level: str, by: str) -> Mapping[str, object]:
        """See Operator."""
        found: Mapping[str, object] = await self._run("log-level", {"level": level}, by)
        return found

    async def _run(self, name: str, arguments: Mapping[str, str], by: str) -> dict[str, Any]:
        command = commands.COMMANDS[name]
        assert command.run is not None
        about = " ".join(arguments.values()) or None
        log.say(log.INFO, "control", command=name, about=about, user=by)
        try:
            result = await command.run(self._service, arguments)
        except commands.Refused as refused:
            raise Refused(_NOT_FOUND, str(refused)) from refused
        assert isinstance(result, dict)
        return result

    async def _gently(self, steps: Steps[T]) -> T:
        """The result of these steps, which may take up to a second of the processor."""
        async with self._explaining:
            return await gently.in_loop(steps)

    def _user(self, name: str) -> User:
        user = self._service.hub.ctx.users.find(name.encode())
        if user is None:
            raise Refused(_NOT_FOUND, "There is no such user.")
        return user
