"""Rows on budgets: users that log in properly and then ask for as much as they can."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

from amiproxy.core.model import phc
from tests.bench.attacks.frame import Probe, Row, Try
from tests.bench.attacks.secrets import SECRET
from tests.bench.attacks.target import Target, said
from tests.support.ami_client import AmiClient

_HASH: Final = phc.hash_secret(SECRET.encode())
#: More than any user needs, so that the attackers are limited by their budget and not by a number.
_LIMITS: Final[dict[str, Any]] = {"sessions_per_user": 200}


def _users(count: int) -> dict[str, dict[str, Any]]:
    greedy = {
        f"u{number}": {"secret": _HASH, "read": ["user"], "write": ["user", "system"]}
        for number in range(count)
    }
    good = {
        name: {"secret": _HASH, "read": [], "write": ["call", "system", "reporting"]}
        for name in ("pings", "asks", "comes")
    }
    return {**good, **greedy}


async def _connected(attacked: Target, user: str) -> AmiClient:
    client = await AmiClient.connect(
        "127.0.0.1", attacked.port, tls=attacked.context, server_hostname=attacked.host
    )
    answer = await client.login(user, SECRET)
    assert answer.get("Message") == "Authentication accepted", answer
    return client


@contextlib.asynccontextmanager
async def _logins(attacked: Target) -> AsyncIterator[Try]:
    async def once() -> None:
        client = await _connected(attacked, "comes")
        await client.close()

    yield once


@contextlib.asynccontextmanager
async def _asking(attacked: Target, *, user: str, action: str) -> AsyncIterator[Try]:
    client = await _connected(attacked, user)

    async def once() -> None:
        answer = await client.action(action)
        assert answer.is_response, answer

    yield once
    await client.close()


@contextlib.asynccontextmanager
async def _spenders(
    attacked: Target, figures: dict[str, float], what: str, users: int, sessions: int
) -> AsyncIterator[None]:
    arguments = ("--port", attacked.port, "--users", users, "--sessions", sessions)
    with attacked.attacked("spenders", what, *arguments) as attackers:
        assert attackers.stdout is not None
        ready = await asyncio.to_thread(attackers.stdout.readline)
        assert ready == b"ready\n", "they could not log in"
        yield
        told = said(attackers)
        figures["attack_rate"] = told["rate"]
        figures["lost"] = told["lost"]


_PROBES: Final = (
    Probe("Ping", partial(_asking, user="pings", action="Ping"), pause=0.1),
    Probe("CoreStatus", partial(_asking, user="asks", action="CoreStatus"), pause=0.1),
    Probe("login", _logins, pause=0.1),
)


def _row(what: str, title: str, users: int, sessions: int, quick: bool = False) -> Row:
    attack = partial(_spenders, what=what, users=users, sessions=sessions)
    return Row(title, _PROBES, attack, _users(users), _LIMITS, seconds=10.0, quick=quick)


ROWS: Final = (
    _row("lists", "200 sessions of 200 users, 30 ListCommands at once each", 200, 200),
    _row("lists", "200 sessions of 7 users, 30 ListCommands at once each", 7, 200, quick=True),
    _row("lines", "32 sessions of one user, actions of 13,000 lines", 1, 32),
    _row("lines", "100 sessions of one user, actions of 13,000 lines", 1, 100),
    _row("events", "200 users, 50 UserEvents a second each, to all 200", 200, 200, quick=True),
)
