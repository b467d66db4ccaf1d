"""A hub on the running loop: real time, real sockets around it; only hashing is left out."""

import asyncio

from proxy.config.limits import Limits
from proxy.core import policy
from proxy.core.hub import Hub
from proxy.core.pacing import Pacing
from proxy.core.users import User, UserTable
from proxy.net.scheduler import LoopScheduler
from tests.support.core_doubles import ListVerifier


def live_hub(*users: User, limits: Limits | None = None, interval: float = 0.0) -> Hub:
    """A hub for these users, whose ``secret`` is ``plain:`` and the secret itself."""
    return Hub(
        UserTable(users),
        limits or Limits(),
        Pacing(interval, max(interval, 0.05)),
        LoopScheduler(asyncio.get_running_loop()),
        ListVerifier(),
        policy.decide,
        policy.may_run,
    )
