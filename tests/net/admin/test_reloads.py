"""Reloads run one at a time; a caller gets the result of one that began after its request."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from amiproxy.net.admin.reloads import ReloadReport, Reloads
from amiproxy.net.loop.coalescer import joined
from tests.support.waiting import until


class Transaction:
    """Waits until the test lets it go on; fails if the test says so."""

    def __init__(self) -> None:
        self.triggers: list[str] = []
        self.running = 0
        self.gate = asyncio.Event()
        self.problems: tuple[str, ...] = ()
        self.only_certificates = False
        self.fault: Exception | None = None

    async def __call__(self, triggers: frozenset[str]) -> ReloadReport:
        trigger = joined(triggers)
        self.triggers.append(trigger)
        self.running += 1
        try:
            await self.gate.wait()
        finally:
            self.running -= 1
        if self.fault is not None:
            raise self.fault
        return ReloadReport(
            not self.problems,
            trigger,
            float(len(self.triggers)),
            self.problems,
            only_certificates=self.only_certificates,
        )


@asynccontextmanager
async def running(transaction: Transaction) -> AsyncIterator[Reloads]:
    reloads = Reloads(transaction, wall=lambda: 0.0)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reloads.run())
        yield reloads
        task.cancel()


async def test_reloads_are_counted_by_all_their_triggers() -> None:
    transaction = Transaction()
    async with running(transaction) as reloads, asyncio.TaskGroup() as group:
        reloads.request("SIGHUP")
        await until(lambda: transaction.running)
        reloads.request("control")
        waiting = group.create_task(reloads.reload("SIGHUP"))
        await asyncio.sleep(0)
        transaction.gate.set()
        assert (await waiting).at == 2.0
    assert reloads.results == {("succeeded", "SIGHUP"): 1, ("succeeded", "SIGHUP+control"): 1}
    assert reloads.last_success == 2.0


async def test_a_failure_is_kept_until_a_reload_succeeds() -> None:
    transaction = Transaction()
    transaction.gate.set()
    transaction.problems = ("proxy.yaml:1: wrong",)
    async with running(transaction) as reloads:
        assert not reloads.failed
        report = await reloads.reload("control")
        assert report.problems == ("proxy.yaml:1: wrong",)
        assert reloads.failed
        assert reloads.last_success == 0.0
        transaction.problems = ()
        await reloads.reload("control")
        assert not reloads.failed
        assert reloads.results == {("failed", "control"): 1, ("succeeded", "control"): 1}


async def test_refused_certificates_do_not_mark_the_configuration_as_failed() -> None:
    transaction = Transaction()
    transaction.gate.set()
    transaction.problems = ("server.key: wrong",)
    transaction.only_certificates = True
    async with running(transaction) as reloads:
        assert not (await reloads.reload("control")).succeeded
        assert not reloads.failed
        assert reloads.results == {("failed", "control"): 1}
        assert reloads.last_success == 0.0


async def test_an_internal_error_is_a_failed_reload_and_does_not_end_the_service() -> None:
    transaction = Transaction()
    transaction.gate.set()
    transaction.fault = RuntimeError("a bug")
    async with running(transaction) as reloads:
        report = await reloads.reload("control")
        [problem] = report.problems
        assert "(RuntimeError)" in problem
        transaction.fault = None
        assert (await reloads.reload("control")).succeeded


async def test_while_stopping_no_reload_begins_and_waiting_callers_are_answered() -> None:
    transaction = Transaction()
    async with running(transaction) as reloads, asyncio.TaskGroup() as group:
        reloads.request("SIGHUP")
        await until(lambda: transaction.running)
        waiting = group.create_task(reloads.reload("control"))
        await asyncio.sleep(0)
        reloads.close("the service is stopping")
        assert (await waiting).problems == ("the service is stopping",)
        reloads.request("SIGHUP")
        assert (await reloads.reload("control")).problems == ("the service is stopping",)
        transaction.gate.set()
        await until(lambda: not transaction.running)
    assert transaction.triggers == ["SIGHUP"]


async def test_a_caller_of_a_cancelled_reload_is_answered() -> None:
    transaction = Transaction()
    async with asyncio.TaskGroup() as group:
        async with running(transaction) as reloads:
            waiting = group.create_task(reloads.reload("control"))
            await until(lambda: transaction.running)
        assert (await waiting).problems == ("stopped",)
