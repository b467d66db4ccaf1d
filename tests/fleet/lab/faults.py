"""What may happen to a fleet, one thing at a time; each method returns when the thing is over."""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tests.fleet.lab.cluster import Node
from tests.fleet.lab.members import Fleet, Member, edge_users
from tests.fleet.lab.source import Source

#: Seconds for which a process is frozen: longer than it takes the others to notice, and than ``max_lag``.
FROZEN = 7.5
#: Seconds for which something is away.
_AWAY = 1.0


class Faults:
    """The faults of one fleet.

    ``jump`` is a file with the seconds by which the wall clocks of its processes are off.
    """

    def __init__(
        self, fleet: Fleet, sources: Mapping[str, Source], jump: Path, frozen: float = FROZEN
    ) -> None:
        self._fleet = fleet
        self._sources = sources
        self._jump = jump
        self._frozen = frozen

    @property
    def all(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Every fault, by its name."""
        found: dict[str, Callable[[], Awaitable[None]]] = {}
        for node in self._fleet.cluster.nodes:
            found[f"{node.name} is killed"] = _with(self.kill_node, node)
            found[f"{node.name} is frozen"] = _with(self.freeze, node)
        for member in self._fleet.members:
            found[f"{member.name} is killed"] = _with(self.kill, member)
            found[f"{member.name} is frozen"] = _with(self.freeze, member)
        for server, source in self._sources.items():
            found[f"the agent followed at {server} is killed"] = _with(self.kill_followed, server)
            found[f"the agent followed at {server} is frozen"] = _with(self.freeze_followed, server)
            found[f"{server} resets its connections"] = _with(self.reset, source)
            found[f"{server} restarts"] = _with(self.restart, source)
        return found | {
            "the clocks jump": self.jump,
            "users are reloaded at agents first": _with(self.reload, True),
            "users are reloaded at edges first": _with(self.reload, False),
            "the accounts are reloaded": self.reload_accounts,
        }

    async def kill_node(self, node: Node) -> None:
        """SIGKILL, and start it again."""
        node.kill()
        await asyncio.sleep(_AWAY)
        await asyncio.to_thread(node.start)
        await asyncio.to_thread(self._fleet.cluster.formed)

    async def kill(self, member: Member) -> None:
        """SIGKILL, and start it again."""
        member.kill()
        await asyncio.sleep(_AWAY)
        await member.start_up()

    async def kill_followed(self, server: str) -> None:
        """The same with the agent that edges follow."""
        await self.kill(await self._followed(server))

    async def freeze_followed(self, server: str) -> None:
        """See ``freeze``."""
        await self.freeze(await self._followed(server))

    async def _followed(self, server: str) -> Member:
        return await asyncio.to_thread(self._fleet.followed, next(iter(self._fleet.edges)), server)

    async def freeze(self, one: Node | Member) -> None:
        """SIGSTOP, and later SIGCONT."""
        one.freeze()
        try:
            await asyncio.sleep(self._frozen)
        finally:
            one.thaw()

    async def reset(self, source: Source) -> None:
        """The Asterisk ends its connections with RST."""
        await asyncio.to_thread(source.reset)

    async def restart(self, source: Source) -> None:
        """The Asterisk ends, and is back a moment later."""
        await asyncio.to_thread(source.shut)
        await asyncio.sleep(_AWAY)
        await asyncio.to_thread(source.open)

    async def jump(self) -> None:
        """The wall clocks of all processes are an hour ahead, then a day back, then right."""
        for seconds in (3600, -86400, 0):
            written = self._jump.with_suffix(".new")
            written.write_text(str(seconds))
            written.rename(self._jump)  # the processes read it all the time
            await asyncio.sleep(_AWAY)

    async def reload(self, agents_first: bool) -> None:
        """All processes read users with one more right for one of them, and later the old ones."""
        for extra in (["dialplan"], []):
            rights = copy.deepcopy(self._fleet.rights)
            rights["board"]["read"] += extra
            agents = [(member, rights) for member in self._fleet.agents.values()]
            edges = [(member, edge_users(rights)) for member in self._fleet.edges.values()]
            for member, users in (*agents, *edges) if agents_first else (*edges, *agents):
                member.write_users(users)
                await member.reloaded()

    async def reload_accounts(self) -> None:
        """The nodes read their accounts again, which are the same."""
        self._fleet.cluster.write_accounts()
        self._fleet.cluster.reload()
        await asyncio.sleep(_AWAY)


def _with(work: Callable[..., Awaitable[None]], *arguments: object) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        await work(*arguments)

    return run
