"""One user tries its worst with a real Asterisk: the times of another's Getvars, with and without it."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.asterisk.lab.asterisk import Asterisk
from tests.asterisk.victim import LIMITS, USERS, VICTIM, attacking, call, directly, p99, through
from tests.asterisk.worst import ATTACKS
from tests.bench.peers import AsteriskTls
from tests.bench.rig import Figures
from tests.bench.rounds import Plan, Section
from tests.bench.tables import Rounds, markdown, median, ratio, written
from tests.support.proxy_process import ProxyProcess

#: Calls in the attacker's lists, with two channels each; Getvars of one measurement.
_CALLS, _SAMPLES = 150, 300
_COLUMNS = (("quiet", "quiet p99 ms"), ("busy", "busy p99 ms"), ("control", "at Asterisk's door"))


def worst(plan: Plan) -> list[Section]:
    """Each attack in turn, several times over, each beside a quiet measurement of the same seconds."""
    calls = 30 if plan.small else _CALLS
    title = f"One user tries its worst: another's Getvar, {calls} calls"
    if reason := AsteriskTls.missing():
        plan.remarks[f"worst: skipped, {reason}"] = None
        return []
    asterisk = Asterisk("sid")
    try:
        asterisk.start()
        upstream = (asterisk.host, asterisk.port, asterisk.user, asterisk.secret)
        with tempfile.TemporaryDirectory(prefix="ami-proxy-worst-") as place:
            proxy = ProxyProcess(Path(place), upstream, USERS, limits=LIMITS)
            proxy.start()
            try:
                assert proxy.process is not None
                with _first(asterisk.pid, proxy.process.pid):
                    found = asyncio.run(_rounds(plan, title, asterisk, proxy, calls))
            finally:
                proxy.kill()
    finally:
        asterisk.remove()
    rows = [
        [
            attack,
            *(written(median(rounds, figure), ".2f") for figure, _ in _COLUMNS),
            written(ratio([_as(r, "busy") for r in rounds], [_as(r, "quiet") for r in rounds], "is"), ".1f"),
        ]
        for attack, rounds in found.items()
    ]
    table = markdown(["attack", *(name for _, name in _COLUMNS), "busy x quiet"], rows)
    return [Section("worst", title, table, note="3 x quiet is what is promised.")]


def _as(figures: Figures | None, figure: str) -> Figures:
    assert figures is not None
    return {"is": figures[figure]}


async def _rounds(
    plan: Plan, title: str, asterisk: Asterisk, proxy: ProxyProcess, calls: int
) -> dict[str, Rounds]:
    found: dict[str, list[Figures | None]] = {attack: [] for attack in ATTACKS}
    async with (
        await directly(asterisk) as client,
        await directly(asterisk) as control,
        await through(proxy, VICTIM, VICTIM) as victim,
    ):
        for session in (victim, control):
            await session.action("Events", EventMask="off")
        for priority, what in ((1, "Answer()"), (2, "Wait(3600)")):
            asterisk.cli(f"dialplan add extension stays,{priority},{what} into lab")
        for _ in range(calls):
            await client.action(
                "Originate", Channel="Local/stays@lab", Application="Wait", Data="3600", Async="true"
            )
        for number in range(plan.rounds):
            for attack in ATTACKS:
                name = f"{attack}{number}"
                mine, theirs = await call(client, f"mine-{name}"), await call(client, f"theirs-{name}")
                quiet, _ = await p99(victim, control, mine, _SAMPLES)
                with attacking(proxy, attack, theirs):
                    busy, beside = await p99(victim, control, mine, _SAMPLES)
                figures = {"quiet": quiet * 1000, "busy": busy * 1000, "control": beside * 1000}
                found[attack].append(figures)
                plan.kept.append({"title": title, "peer": attack, "round": number, "figures": figures})
                client.log.clear()
                client.inbox.clear()
    return dict(found)


@contextmanager
def _first(asterisk: int, proxy: int) -> Iterator[None]:
    """Let these and the measuring process run before all else on the machine, where that is allowed.

    Otherwise the attacker would compete for this machine's processors, and so would everything else that runs
    on it.  The attacker is a child of the measuring process, and does not inherit that.
    """
    for pid in (asterisk, proxy):
        _schedule(pid, os.SCHED_RR, 1)
    _schedule(os.getpid(), os.SCHED_RR | os.SCHED_RESET_ON_FORK, 1)
    try:
        yield
    finally:
        _schedule(os.getpid(), os.SCHED_OTHER, 0)


def _schedule(pid: int, policy: int, priority: int) -> None:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            os.sched_setscheduler(int(thread.name), policy, os.sched_param(priority))
