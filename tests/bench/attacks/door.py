"""Rows on the listeners: unauthenticated clients that connect faster than a far client can log in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from itertools import count
from typing import Any, Final

from amiproxy.core.model import phc
from tests.bench.attacks.frame import Probe, Row, Try
from tests.bench.attacks.target import Target, said
from tests.support.ami_client import AmiClient
from tests.support.far import far

#: Milliseconds of a round trip.
_TRIPS: Final = (30, 100, 200)
#: No address is exempt, or none of loopback's would count; the cache of secrets is off where
#: every login is to cost its hash.
_LIMITS: Final[dict[str, Any]] = {"exempt": [], "connection_rate": 20, "connection_burst": 60}
#: Connections a second from one address: each stays below the limit per address.
_PER_ADDRESS: Final = 15
#: Seconds between the logins of a client that is closed unanswered.
_PAUSES: Final = (0.1, 0.2, 0.4, 0.8)
_SECRET: Final = "the good one"
_OWN: Final = [f"far{trip}" for trip in _TRIPS]
_USERS: Final = {
    name: {"secret": phc.hash_secret(_SECRET.encode()), "read": [], "write": ["system"]}
    for name in ("boss", *_OWN)
}


@contextlib.asynccontextmanager
async def _logins(attacked: Target, *, trip: int, known: bool, again: bool) -> AsyncIterator[Try]:
    """Connect from far, log in, leave, repeatedly.

    ``known``: each time from the same address; otherwise never twice from the same, as when the proxy
    has just been started and knows no address.  ``again``: a client that is closed unanswered tries again, as
    clients of real applications do, and the time of a try includes all its logins.
    """
    numbers = count(1)

    def source() -> str:
        number = 1 if known else next(numbers)
        return f"127.251.{trip + number // 250 % 8}.{number % 250 + 1}"

    async with far("127.0.0.1", attacked.port, trip / 1000, source) as port:

        async def once() -> None:
            client = await AmiClient.connect(
                "127.0.0.1", port, tls=attacked.context, server_hostname=attacked.host
            )
            try:
                answer = await client.login(f"far{trip}", _SECRET)
                assert answer.get("Message") == "Authentication accepted", answer
            finally:
                # Its way back takes as long: the next one does not wait for it.
                assert client._transport is not None
                client._transport.abort()

        async def until_in() -> None:
            for pause in _PAUSES:
                with contextlib.suppress(OSError, TimeoutError):
                    await once()
                    return
                await asyncio.sleep(pause)
            await once()

        yield until_in if again else once


@contextlib.asynccontextmanager
async def _strangers(
    attacked: Target,
    figures: dict[str, float],
    what: str,
    rate: int,
    addresses: int,
    networks: int,
    names: Sequence[str],
) -> AsyncIterator[None]:
    arguments = ("--port", attacked.port, "--rate", rate, "--addresses", addresses, "--networks", networks)
    named = ("--user", ",".join(names))
    with attacked.attacked("strangers", what, *arguments, *named) as attackers:
        yield
        figures["attack_rate"] = said(attackers)["rate"]


def _row(
    what: str,
    title: str,
    rate: int,
    addresses: int,
    networks: int,
    *,
    known: bool = False,
    again: bool = False,
    warm: float = 1.0,
    names: Sequence[str] = ("boss",),
    **limits: Any,
) -> Row:
    probes = [
        Probe(f"login, {trip} ms away", partial(_logins, trip=trip, known=known, again=again), at_once=4)
        for trip in _TRIPS
    ]
    attack: Callable[..., Any] = partial(
        _strangers, what=what, rate=rate, addresses=addresses, networks=networks, names=names
    )
    settings = {**_LIMITS, **limits}
    return Row(
        f"{rate}/s {title}", probes, attack, _USERS, settings, seconds=10.0, warm=warm, quick=rate == 300
    )


ROWS: Final = (
    *(
        _row(
            "silent",
            f"silent TCP connections, {rate // _PER_ADDRESS} addresses",
            rate,
            rate // _PER_ADDRESS,
            4,
        )
        for rate in (300, 600, 2400)
    ),
    _row("silent", "silent TCP connections, each address in another /16", 300, 200, 200),
    _row("hello", "unfinished handshakes, 20 addresses", 300, 20, 4),
    _row("wrong", "wrong secrets, 300 addresses in 3 networks", 100, 300, 3, hash_cache_timeout=0),
    # Until each address has failed once, only the name that it gives distinguishes it from a good client.
    _row(
        *("wrong", "wrong secrets, 300 addresses in 200 networks, their first tries", 100, 300, 200),
        hash_cache_timeout=0,
    ),
    _row(
        *("wrong", "wrong names, 300 addresses in 200 networks, their first tries", 100, 300, 200),
        names=(),
        hash_cache_timeout=0,
    ),
    _row(
        *("wrong", "wrong secrets of the good users, 300 addresses in 200 networks, first tries", 100, 300),
        200,
        names=_OWN,
        hash_cache_timeout=0,
    ),
    _row(
        *("wrong", "the same guesses, and who is closed unanswered comes again", 100, 300, 200),
        names=_OWN,
        again=True,
        hash_cache_timeout=0,
    ),
    _row(
        *("wrong", "wrong secrets, 300 addresses in 200 networks, after 20 s", 100, 300, 200),
        warm=20.0,
        hash_cache_timeout=0,
    ),
    _row(
        *("wrong", "wrong secrets, 300 addresses in 200 networks; the good ones are known", 100, 300, 200),
        known=True,
        hash_cache_timeout=0,
    ),
)
