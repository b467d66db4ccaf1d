"""A hub on the running loop: real time, real sockets around it; only hashing is left out."""

import asyncio

from amiproxy.core import policy
from amiproxy.core.fanout.pacing import Pacing
from amiproxy.core.hub import ONE_SERVER, Hub
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.servers.servers import Configured
from amiproxy.net.loop.scheduler import LoopScheduler
from tests.support.core_doubles import ListVerifier, PlainSealer


def live_hub(
    *users: User, limits: Limits | None = None, interval: float = 0.0, servers: Configured = ONE_SERVER
) -> Hub:
    """A hub for these users, whose ``secret`` is ``plain:`` and the secret itself."""
    return Hub(
        UserTable(users),
        limits or Limits(),
        Pacing(interval, max(interval, 0.05)),
        LoopScheduler(asyncio.get_running_loop()),
        ListVerifier(),
        policy.decide,
        policy.may_run,
        servers,
        sealer=PlainSealer(),
    )
