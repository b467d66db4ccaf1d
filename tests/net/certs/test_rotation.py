"""Triggers are serialised, coalesced and patient with writers; nothing is reported twice."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvloop
from msgspec import structs

from amiproxy.config import Tls
from amiproxy.net.certs.certstore import CertStore
from amiproxy.net.certs.generation import Candidate
from amiproxy.net.certs.result import ReloadResult
from amiproxy.net.certs.rotation import ExpiryNotice, Rotation
from amiproxy.net.loop.coalescer import joined
from amiproxy.net.tls.tlspolicy import presented_certificate
from amiproxy.steps import Steps
from amiproxy.x509.expiry import Expiry
from amiproxy.x509.facts import facts_of
from tests.support.certificates import DAY, Forged, forge, forge_crl, install, listener_of, pair_of
from tests.support.waiting import until

DEADLINE = 15.0
NOW = datetime.now(UTC).replace(microsecond=0)
Main = Callable[[], Coroutine[Any, Any, None]]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Main], None]:
    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def go(main: Main) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(main(), DEADLINE))

    return go


class Site:
    """A store on disk, its rotation, and its reports."""

    def __init__(
        self,
        directory: Path,
        first: Forged | None = None,
        *,
        above: bytes = b"",
        second: Forged | None = None,
        clients: bool = False,
    ) -> None:
        self.directory = directory
        self.first = first or forge()
        self.clock = [NOW.timestamp()]
        self.put(self.first)
        pairs = [pair_of(directory / "server.crt", directory / "server.key")]
        if second is not None:
            pairs.append(pair_of(*install(directory, second.pem, second.key_pem, "second")))
        pairs[0].chain.write_bytes(self.first.pem + above)
        listener = listener_of(tuple(pairs))
        if clients:
            files = {"client_ca": directory / "ca.crt", "client_crl": directory / "ca.crl"}
            listener = structs.replace(listener, client_auth="required", **files)
        self.store = CertStore(listener, Tls(), wall=self.now)
        self.results: list[ReloadResult] = []
        self.notices: list[ExpiryNotice] = []
        self.news = asyncio.Event()

    def now(self) -> float:
        return self.clock[0]

    def put(self, forged: Forged) -> None:
        install(self.directory, forged.pem, forged.key_pem)

    def rotation(self, **times: float) -> Rotation:
        return Rotation(
            [self.store],
            reloaded=self.reloaded,
            expiring=self.expiring,
            wall=self.now,
            **{"settle": 0.05, "interval": 3600.0, **times},
        )

    def reloaded(self, store: CertStore, result: ReloadResult) -> None:
        assert store is self.store
        self.results.append(result)
        self.news.set()

    def expiring(self, _: CertStore, notice: ExpiryNotice) -> None:
        self.notices.append(notice)
        self.news.set()

    async def next_news(self) -> None:
        await self.news.wait()
        self.news.clear()

    @property
    def shown(self) -> bytes:
        return presented_certificate(self.store.context, ssl.TLSVersion.TLSv1_3)


class Running:
    """Runs a rotation while inside."""

    def __init__(self, rotation: Rotation) -> None:
        self.rotation = rotation

    async def __aenter__(self) -> Rotation:
        self._task = asyncio.get_running_loop().create_task(self.rotation.run())
        await asyncio.sleep(0)
        return self.rotation

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        assert self._task.cancelled()


def test_new_files_are_served_without_a_request(run: Callable[[Main], None], tmp_path: Path) -> None:
    async def main() -> None:
        site, second = Site(tmp_path), forge()
        async with Running(site.rotation()):
            site.put(second)
            await site.next_news()
        assert [(result.outcome, result.trigger) for result in site.results] == [("swapped", "watch")]
        assert site.shown == second.der

    run(main)


def test_key_that_comes_late_is_waited_for(run: Callable[[Main], None], tmp_path: Path) -> None:
    async def main() -> None:
        site, second = Site(tmp_path), forge()
        tries = count_tries(site)
        async with Running(site.rotation()):
            install(tmp_path, second.pem, site.first.key_pem)
            await tries.reach(2)
            assert site.results == []
            site.put(second)
            await site.next_news()
        assert [result.outcome for result in site.results] == ["swapped"]
        assert site.shown == second.der

    run(main)


class Tries(list[str]):
    """The triggers with which a store was tried."""

    async def reach(self, count: int, trigger: str = "") -> None:
        while sum(item.startswith(trigger) for item in self) < count:  # noqa: ASYNC110 (a list in a thread)
            await asyncio.sleep(0.005)


def count_tries(site: Site) -> Tries:
    tries = Tries()
    prepare = site.store.preparing

    def counted(triggers: frozenset[str]) -> Steps[Candidate]:
        tries.append(joined(triggers))
        return (yield from prepare(triggers))

    site.store.preparing = counted  # type: ignore[method-assign]
    return tries


def test_key_that_never_comes_is_reported_once(run: Callable[[Main], None], tmp_path: Path) -> None:
    async def main() -> None:
        site = Site(tmp_path)
        tries = count_tries(site)
        async with Running(site.rotation(patience=0.1, interval=0.05)):
            install(tmp_path, forge().pem, site.first.key_pem)
            await site.next_news()
            await tries.reach(6, "timer")
        assert [result.outcome for result in site.results] == ["failed"]
        assert site.shown == site.first.der

    run(main)


def test_a_requested_reload_does_not_wait_for_the_patience_of_the_watch(
    run: Callable[[Main], None], tmp_path: Path
) -> None:
    async def main() -> None:
        site = Site(tmp_path)
        tries = count_tries(site)
        async with Running(site.rotation(patience=3600.0)) as rotation:
            install(tmp_path, forge().pem, site.first.key_pem)
            await tries.reach(2, "watch")
            (result,) = await rotation.reload("ctl")
        assert result.outcome == "failed"
        assert site.results == [result], "reported once, to the caller"

    run(main)


def test_a_partial_swap_is_reported_despite_a_request_meanwhile(
    run: Callable[[Main], None], tmp_path: Path
) -> None:
    async def main() -> None:
        site = Site(tmp_path, second=forge())
        tries = count_tries(site)
        newer = forge()
        async with Running(site.rotation(patience=3600.0)) as rotation:
            install(tmp_path, newer.pem, newer.key_pem)
            install(tmp_path, forge().pem, site.first.key_pem, "second")
            await tries.reach(2, "watch")
            rotation.request("timer")
            await site.next_news()
        (result,) = site.results
        assert (result.outcome, result.trigger, result.generation) == ("partial", "timer", 2)
        assert [change.new.sha256 for change in result.changes] == [facts_of(newer.certificate).sha256]
        assert site.store.last_result == result

    run(main)


def test_fixed_files_are_reported_though_nothing_changed(run: Callable[[Main], None], tmp_path: Path) -> None:
    async def main() -> None:
        site = Site(tmp_path)
        async with Running(site.rotation(patience=0.0)):
            install(tmp_path, forge().pem, site.first.key_pem)
            await site.next_news()
            site.put(site.first)
            await site.next_news()
        assert [result.outcome for result in site.results] == ["failed", "unchanged"]

    run(main)


def test_a_requested_reload_is_answered_even_when_nothing_changed(
    run: Callable[[Main], None], tmp_path: Path
) -> None:
    async def main() -> None:
        site = Site(tmp_path)
        async with Running(site.rotation()) as rotation:
            (result,) = await rotation.reload("ctl")
        assert (result.outcome, result.trigger) == ("unchanged", "ctl")
        assert site.results == [result]

    run(main)


def test_a_requested_reload_reports_a_failure(run: Callable[[Main], None], tmp_path: Path) -> None:
    async def main() -> None:
        site = Site(tmp_path)
        async with Running(site.rotation()) as rotation:
            (tmp_path / "server.key").write_bytes(forge().key_pem)
            (result,) = await rotation.reload("ctl")
        assert not result.succeeded
        assert "does not belong to certificate" in str(result)

    run(main)


def test_shutdown_gives_up_pending_requests(run: Callable[[Main], None], tmp_path: Path) -> None:
    async def main() -> None:
        site, second = Site(tmp_path), forge()
        begun, go_on = threading.Event(), threading.Event()
        prepare = site.store.preparing

        def slow(triggers: frozenset[str]) -> Steps[Candidate]:
            begun.set()
            go_on.wait()
            return (yield from prepare(triggers))

        site.store.preparing = slow  # type: ignore[method-assign]
        async with Running(site.rotation()) as rotation:
            site.put(second)
            asked = asyncio.get_running_loop().create_task(rotation.reload("ctl"))
            await asyncio.to_thread(begun.wait)
            later = asyncio.get_running_loop().create_task(rotation.reload("ctl"))
            await asyncio.sleep(0)
        go_on.set()
        for task in (asked, later):
            with pytest.raises(asyncio.CancelledError):
                await task
        assert site.store.generation == 1

    run(main)


def test_expiry_is_reported_once_at_each_step(run: Callable[[Main], None], tmp_path: Path) -> None:
    async def main() -> None:
        site = Site(tmp_path, forge(not_after=NOW + 60 * DAY))
        tries = count_tries(site)
        async with Running(site.rotation(interval=0.02)):
            for left, state in (
                (20, "notice"),
                (10, "warning"),
                (5, "urgent"),
                (0.5, "critical"),
                (-1, "expired"),
            ):
                site.clock[0] = (NOW + (60 - left) * DAY).timestamp()
                await site.next_news()
                assert str(site.notices[-1].state) == state
                await tries.reach(len(tries) + 2)
        assert len(site.notices) == 5
        assert site.notices[0].text.startswith("certificate of dns:pbx.example expires in 20 days")
        assert site.notices[-1].text.startswith("certificate of dns:pbx.example expired 24 hours ago")

    run(main)


def test_an_intermediate_that_ends_first_is_reported(run: Callable[[Main], None], tmp_path: Path) -> None:
    async def main() -> None:
        middle = forge("Middle", ca=True, not_after=NOW + DAY / 2)
        leaf = forge(issuer=middle)
        site = Site(tmp_path, leaf, above=middle.pem)
        async with Running(site.rotation()):
            await site.next_news()
        (notice,) = site.notices
        assert notice.state is Expiry.CRITICAL
        assert "certificate of dns:pbx.example: CN=Middle, which signs it, expires in" in notice.text

    run(main)


def test_expiry_of_client_ca_and_revocation_list_is_reported(
    run: Callable[[Main], None], tmp_path: Path
) -> None:
    async def main() -> None:
        authority = forge("Clients CA", ca=True, not_after=NOW + 10 * DAY)
        (tmp_path / "ca.crt").write_bytes(authority.pem)
        (tmp_path / "ca.crl").write_bytes(forge_crl(authority, next_update=NOW + 3 * DAY))
        site = Site(tmp_path, clients=True)
        async with Running(site.rotation(interval=0.02)):
            await site.next_news()
            assert [(one.ending.kind, str(one.state)) for one in site.notices] == [
                ("client-ca", "warning"),
                ("revocation-list", "warning"),
            ]
            site.clock[0] = (NOW + 4 * DAY).timestamp()
            await until(lambda: len(site.notices) == 4)
            assert [(one.ending.kind, str(one.state)) for one in site.notices[2:]] == [
                ("client-ca", "urgent"),
                ("revocation-list", "expired"),
            ]
            # A new list, near its end too, is reported separately.
            (tmp_path / "ca.crl").write_bytes(forge_crl(authority, next_update=NOW + 4.1 * DAY))
            await until(lambda: len(site.notices) == 5)
            assert site.notices[4].text.startswith("revocation list of CN=Clients CA runs out in 2 hours")

    run(main)


def test_expiry_names_the_renewal_that_was_refused(run: Callable[[Main], None], tmp_path: Path) -> None:
    async def main() -> None:
        site = Site(tmp_path, forge(not_after=NOW + 3 * DAY))
        newer = forge()
        install(tmp_path, newer.pem, newer.key_pem)
        (tmp_path / "server.key").chmod(0o644)
        async with Running(site.rotation()):
            await site.next_news()
        (notice,) = site.notices
        assert notice.state is Expiry.URGENT
        assert notice.waiting == (tmp_path / "server.crt", tmp_path / "server.key")
        assert f"not served: {tmp_path / 'server.crt'}, " in notice.text

    run(main)
