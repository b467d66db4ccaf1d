"""The soak test: everything at once for minutes, and at the end nothing may be lost."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.clients import EXEMPT, Clients
from tests.soak.growth import growth_of
from tests.soak.operations import Asterisk, Operators
from tests.soak.vitals import Vitals
from tests.soak.webclients import WebClients
from tests.support.http_doors import HTTP_USERS, add_listener
from tests.support.ports import free_port
from tests.support.service import LIMITS, SECRET, Service
from tests.support.waiting import until


@dataclass(frozen=True)
class Plan:
    """Numbers of clients of each kind; periods in seconds."""

    minutes: float
    watchers: int = 160
    askers: int = 15
    comers: int = 15
    slow: int = 5
    hostile: int = 5
    far: int = 4
    sockets: int = 15
    pollers: int = 8
    callers: int = 4
    hostile_web: int = 3
    events_a_second: float = 500.0
    reload_every: float = 7.0
    rotate_every: float = 11.0
    restart_every: float = 25.0
    seed: int = 1

    @property
    def sessions(self) -> int:
        """Connections at a time."""
        by_ami = self.watchers + self.askers + self.comers + self.slow + self.hostile + self.far
        return by_ami + self.sockets + self.pollers + self.callers + self.hostile_web


@dataclass
class Outcome:
    """The result: ``lost`` must be empty."""

    lost: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)


_LIMITS = {
    **LIMITS,
    "outbox_soft": 1 << 20,
    "outbox_hard": 2 << 20,
    "outbox_stall": 5.0,
    "login_timeout": 20.0,
    # Half of the clients and all attackers come from addresses with the ordinary limits.
    "exempt": [f"{EXEMPT}/32"],
    "connection_rate": 20,
    "connection_burst": 60,
    "connections_per_address": 20,
    "unauthenticated_per_address": 16,
    "login_failure_burst": 5,
    # Short enough for many penalties to begin and end.
    "penalty": 2.0,
    "penalty_max": 15.0,
}
#: Wrong secrets that have caused a penalty, though some senders had left before they were compared.
_GUESSES = 15


async def soak(plan: Plan) -> Outcome:
    """Run it; the report is in the outcome, failures included."""
    with tempfile.TemporaryDirectory() as folder:
        asterisk = Asterisk(plan.events_a_second)
        await asterisk.start()
        upstream = ("127.0.0.1", asterisk.port, "proxy", SECRET)
        service = Service(Path(folder), upstream, HTTP_USERS, limits=_LIMITS)
        web = free_port()
        add_listener(service, f"127.0.0.1:{web}")
        try:
            await service.start_up()
            await service.linked()
            return await _run(plan, service, asterisk, web)
        finally:
            service.kill()
            await asterisk.stop()


async def _run(plan: Plan, service: Service, asterisk: Asterisk, web: int) -> Outcome:
    assert service.process is not None
    outcome = Outcome()
    clients = Clients(service, plan.seed)
    web_clients = WebClients(service, web, clients, plan.seed + 1)
    operators = Operators(service, asterisk, clients)
    vitals = Vitals(service.process.pid)
    idle = vitals.open_now
    await clients.watch(plan.watchers)
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        endless = [
            tasks.create_task(asterisk.pump()),
            *(
                tasks.create_task(_every(seconds, work))
                for seconds, work in (
                    (1.0, _sampled(vitals)),
                    (plan.reload_every, operators.reload),
                    (plan.rotate_every, operators.rotate),
                    (plan.restart_every, operators.restart),
                )
            ),
        ]
        visitors = [
            tasks.create_task(work())
            for work, number in (
                (clients.ask, plan.askers),
                (clients.visit, plan.comers),
                (clients.not_read, plan.slow),
                (clients.attack, plan.hostile),
                (clients.visit_from_far, plan.far),
                (web_clients.watch, plan.sockets),
                (web_clients.poll, plan.pollers),
                (web_clients.call, plan.callers),
                (web_clients.attack, plan.hostile_web),
            )
            for _ in range(number)
        ]
        await asyncio.sleep(plan.minutes * 60)
        for task in endless[1:]:
            task.cancel()
        clients.ending = True
        _, late = await asyncio.wait(visitors, timeout=60)
        outcome.lost += [f"a client did not end: {task}" for task in late]
        for task in (*late, *endless[1:]):
            task.cancel()
        took = time.monotonic() - began
        await until(
            lambda: (
                " upstream-up " in service.stderr.rpartition(" upstream-down ")[2]
                or " upstream-down " not in service.stderr
            ),
            "the link",
            within=30,
        )
        asterisk.go_on()
        try:
            await asyncio.sleep(0.5)
            await asterisk.quiet(clients)
        except AssertionError as error:
            outcome.lost.append(f"events: {error}")
        endless[0].cancel()
    _balance(outcome, clients, service, asterisk, operators)
    for watcher in clients.watchers:
        watcher.close()
    await _emptied(outcome, vitals, idle)
    _report(outcome, plan, took, clients, asterisk, operators, vitals)
    await asyncio.to_thread(_stopped, outcome, service)
    return outcome


async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await work()


def _sampled(vitals: Vitals) -> Callable[[], Awaitable[None]]:
    async def sample() -> None:
        vitals.sample()

    return sample


def _balance(
    outcome: Outcome,
    clients: Clients,
    service: Service,
    asterisk: Asterisk,
    operators: Operators,
) -> None:
    lost = outcome.lost
    lost += clients.lost
    ended = sum(watcher.ended for watcher in clients.watchers)
    if ended:
        lost.append(f"{ended} sessions of watchers were ended")
    # Events lost with a reset link reach no client; but no client may miss more than the others, and
    # there may be no more gaps than resets.
    views = {tuple(watcher.wrong) for watcher in clients.watchers if not watcher.ended}
    if len(views) > 1:
        lost.append(f"watchers have seen {len(views)} different streams: {[v[:4] for v in views][:4]}")
    gaps = {gap for view in views for gap in view}
    if any(after <= before for before, after in gaps | clients.gaps):
        lost.append(f"events out of order or twice: {sorted(gaps)[:5]}")
    if len(gaps) > operators.done["of these under load"]:
        lost.append(f"{len(gaps)} gaps in {operators.done['of these under load']} resets: {sorted(gaps)[:5]}")
    if clients.gaps - gaps:
        lost.append(f"visitors miss more: {sorted(clients.gaps - gaps)[:5]}")
    missed = sum(after - before - 1 for before, after in gaps)
    outcome.figures["events"] = (
        f"{asterisk.sent:,} sent, {asterisk.sent * len(clients.watchers):,} deliveries; "
        f"{missed} died with a reset link, 0 in the proxy"
        if not lost
        else f"{asterisk.sent:,} sent"
    )
    penalties = service.stderr.count(" penalty-start ")
    outcome.figures["limits"] = (
        f"{penalties} penalties begun, {service.stderr.count(' penalty-end ')} ended, "
        f"{service.stderr.count(' limit-hit ')} lines on other limits"
    )
    if not penalties and clients.counted["guesses"] > _GUESSES:
        lost.append("nobody who meant harm was given a penalty: the limits are not in force")
    faults = [line for line in service.stderr.splitlines() if "Traceback" in line or " fault " in line]
    lost += [f"a fault: {line[:400]}" for line in faults[:5]]


async def _emptied(outcome: Outcome, vitals: Vitals, idle: int) -> None:
    try:
        await until(lambda: vitals.open_now <= idle + 2, lambda: f"{vitals.open_now} open, {idle} before", 30)
    except AssertionError as error:
        outcome.lost.append(f"descriptors leak: {error}")


def _report(
    outcome: Outcome,
    plan: Plan,
    took: float,
    clients: Clients,
    asterisk: Asterisk,
    operators: Operators,
    vitals: Vitals,
) -> None:
    warm_up = took / 3
    growth = growth_of(vitals.seconds, vitals.resident, warm_up)
    if growth.is_leak:
        outcome.lost.append(f"memory grows: {growth}")
    outcome.figures |= {
        "duration": f"{took:.0f} s, {plan.sessions} connections at a time",
        "clients": ", ".join(f"{number:,} {what}" for what, number in sorted(clients.counted.items())),
        "operations": ", ".join(f"{number} {what}" for what, number in sorted(operators.done.items())),
        "memory": (
            f"{vitals.resident[0] / 1e6:.1f} MB at first, {max(vitals.resident) / 1e6:.1f} MB at most, "
            f"{vitals.resident[-1] / 1e6:.1f} MB at last; "
            f"each minute {' '.join(f'{size / 1e6:.1f}' for size in vitals.resident[::60])}"
        ),
        "memory growth": str(growth),
        # If the machine has no time for the soak's own clients, they miss events.
        "held up": f"{vitals.longest_gap - 1:.1f} s at most between two looks a second apart",
        "descriptors": f"{max(vitals.descriptors)} at most, {vitals.open_now} at the end",
        "processor": f"{vitals.cpu / took:.0%} of a core",
    }


def _stopped(outcome: Outcome, service: Service) -> None:
    with suppress(RuntimeError):
        try:
            service.stop()
        except AssertionError as error:
            outcome.lost.append(f"the end: {str(error)[:400]}")
