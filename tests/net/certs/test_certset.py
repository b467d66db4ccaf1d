"""The certificates of all listeners: changed together, by one reload at a time."""

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from amiproxy.config import ListenerSettings, Tls
from amiproxy.net.certs.certset import CertSet
from amiproxy.net.certs.result import CertificatesRefused
from tests.support import tls_door
from tests.support.certificates import DAY, Forged, forge, install, listener_of, pair_of
from tests.support.waiting import until


def listener(folder: Path) -> ListenerSettings:
    folder.mkdir(exist_ok=True)
    return listener_of((pair_of(*tls_door.install(folder)),))


@pytest.fixture
def listeners(tmp_path: Path) -> list[ListenerSettings]:
    return [listener(tmp_path / "one"), listener(tmp_path / "two")]


async def test_prepared_certificates_are_served_only_once_committed(
    listeners: list[ListenerSettings], tmp_path: Path
) -> None:
    swaps: list[str] = []
    certificates = CertSet(listeners, Tls(), lambda: swaps.append("swap"), settle=0.01)
    context, objection = certificates.served_by(0)
    before = context()
    changed = [listener(tmp_path / "three"), listeners[1]]
    candidates = await certificates.prepare(changed, Tls(), frozenset({"reload"}))
    assert context() is before
    results = certificates.commit(candidates)
    assert [result.outcome for result in results] == ["swapped", "unchanged"]
    assert context() is not before
    assert swaps == ["swap"]
    assert objection([]) is None
    assert certificates.stores[0].paths == (changed[0].certificates[0].chain, changed[0].certificates[0].key)


async def test_one_bad_pair_keeps_all_the_old_ones(listeners: list[ListenerSettings], tmp_path: Path) -> None:
    certificates = CertSet(listeners, Tls(), settle=0.01)
    before = [store.context for store in certificates.stores]
    listener(tmp_path / "one")
    listeners[1].certificates[0].chain.write_text("no certificate")
    with pytest.raises(CertificatesRefused, match=r"two/server\.crt"):
        await certificates.prepare(listeners, Tls(), frozenset({"reload"}))
    assert [store.context for store in certificates.stores] == before


async def test_one_bad_pair_keeps_only_itself_old_in_a_reload_of_certificates_alone(
    listeners: list[ListenerSettings], tmp_path: Path
) -> None:
    certificates = CertSet(listeners, Tls(), settle=0.01)
    listener(tmp_path / "one")
    listeners[1].certificates[0].chain.write_text("no certificate")
    candidates = await certificates.prepare(listeners, Tls(), frozenset({"SIGHUP"}), whole=False)
    results = certificates.commit(candidates)
    assert [result.outcome for result in results] == ["swapped", "failed"]
    assert [store.generation for store in certificates.stores] == [2, 1]
    assert "new files of dns:localhost are refused" in certificates.attention()


async def test_a_refusal_is_not_reported_again_by_the_watch(
    listeners: list[ListenerSettings], tmp_path: Path
) -> None:
    certificates = CertSet(listeners, Tls(), settle=0.01)
    pair = listeners[1].certificates[0]
    good = pair.chain.read_bytes()
    pair.chain.write_text("no certificate")
    async with certificates.reload_lock:
        certificates.commit(await certificates.prepare(listeners, Tls(), frozenset({"SIGHUP"}), whole=False))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(certificates.rotation.run())
        certificates.rotation.request("timer")
        await until(lambda: not certificates.rotation._coalescer.is_pending, "the timer's look to begin")
        await certificates.rotation.reload("control")
        assert ("failed", "timer") not in certificates.outcomes
        pair.chain.write_bytes(good)
        await until(lambda: certificates.stores[1].last_result.succeeded)
        running.cancel()


async def test_a_set_that_is_still_being_written_is_given_time(
    listeners: list[ListenerSettings], tmp_path: Path
) -> None:
    certificates = CertSet(listeners, Tls(), settle=10.0)
    pair = listeners[0].certificates[0]
    key = pair.key.read_bytes()
    listener(tmp_path / "one")
    new = pair.key.read_bytes()
    pair.key.write_bytes(key)  # a new certificate with a key that is still the old one
    async with asyncio.TaskGroup() as group:
        preparing = group.create_task(certificates.prepare(listeners, Tls(), frozenset({"reload"})))
        await asyncio.sleep(0)
        pair.key.write_bytes(new)
    assert [one.result.outcome for one in preparing.result()] == ["swapped", "unchanged"]


async def test_the_watch_waits_for_its_turn_and_reports_its_swap(
    listeners: list[ListenerSettings], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    swaps: list[str] = []
    certificates = CertSet(listeners, Tls(), lambda: swaps.append("swap"), settle=0.01)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(certificates.rotation.run())
        async with certificates.reload_lock:
            certificates.rotation.request("control")
            listener(tmp_path / "one")
            await until(lambda: certificates.reload_lock._waiters, "the rotation to wait for its turn")
            assert certificates.stores[0].generation == 1
        await until(lambda: certificates.stores[0].generation == 2)
        await until(lambda: certificates.outcomes["swapped", "control"] == 1)
        assert swaps
        running.cancel()


async def test_a_failure_is_reported_once_and_nothing_is_swapped(
    listeners: list[ListenerSettings], caplog: pytest.LogCaptureFixture
) -> None:
    swaps: list[str] = []
    certificates = CertSet(listeners, Tls(), lambda: swaps.append("swap"), settle=0.01)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(certificates.rotation.run())
        listeners[0].certificates[0].chain.write_text("no certificate")
        results = await certificates.rotation.reload("control")
        assert not all(result.succeeded for result in results)
        running.cancel()
    assert certificates.outcomes["failed", "control"] == 1
    assert certificates.stores[0].generation == 1


async def test_an_expiring_certificate_is_logged(
    listeners: list[ListenerSettings], caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("amiproxy").propagate = True
    caplog.set_level(logging.INFO, "amiproxy")
    quiet = CertSet(listeners, Tls())
    end = quiet.stores[0].current.pairs[0].facts.not_after.timestamp()
    certificates = CertSet(listeners, Tls(), wall=lambda: end - 3 * 86400)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(certificates.rotation.run())
        await until(lambda: len([r for r in caplog.records if r.getMessage() == "certificate-expires"]) >= 2)
        running.cancel()
    record = next(r for r in caplog.records if r.getMessage() == "certificate-expires")
    assert record.levelno == logging.ERROR
    assert record.__dict__["fields"]["state"] == "urgent"


NOW = datetime.now(UTC)


def named(name: str, days: float) -> Forged:
    return forge(name, names=[x509.DNSName(name)], not_after=NOW + days * DAY)


@pytest.fixture
def named_listeners(tmp_path: Path) -> list[ListenerSettings]:
    """Listeners for a.example and b.example, whose certificates are valid for 90 days."""
    made = []
    for name in ("a", "b"):
        leaf = named(f"{name}.example", 90)
        made.append(listener_of((pair_of(*install(tmp_path / name, leaf.pem, leaf.key_pem)),)))
    return made


async def test_valid_certificates_need_no_attention(named_listeners: list[ListenerSettings]) -> None:
    certificates = CertSet(named_listeners, Tls())
    assert certificates.attention() == ""
    ends = [pair.facts.not_after for store in certificates.stores for pair in store.current.pairs]
    assert certificates.first_end == min(ends)


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (50, ""),
        (61, "certificate of dns:a.example expires in 28 days"),
        (89.5, "certificate of dns:a.example expires in 11 hours"),
        (91, "certificate of dns:a.example expired 24 hours ago"),
    ],
)
async def test_a_certificate_near_its_end_needs_attention(
    named_listeners: list[ListenerSettings], days: float, text: str
) -> None:
    later = (NOW + days * DAY).timestamp()
    clock = [NOW.timestamp()]
    certificates = CertSet(named_listeners, Tls(), wall=lambda: clock[0])
    assert certificates.attention() == ""
    clock[0] = later
    said = certificates.attention()
    assert said.startswith(text) if text else not said
    assert ("b.example" in said) is bool(text)


async def test_refused_files_on_disk_need_attention(
    named_listeners: list[ListenerSettings], tmp_path: Path
) -> None:
    certificates = CertSet(named_listeners, Tls())
    install(tmp_path / "b", named("b.example", 90).pem, named("b.example", 90).key_pem)
    certificates.stores[1].reload("watch")
    assert certificates.attention() == "new files of dns:b.example are refused, see the log"


async def test_a_swap_is_announced_and_a_refusal_is_not(
    named_listeners: list[ListenerSettings], tmp_path: Path
) -> None:
    swaps: list[int] = []
    certificates = CertSet(named_listeners, Tls(), lambda: swaps.append(1))
    store = certificates.stores[0]
    (tmp_path / "a" / "server.crt").write_bytes(b"junk")
    certificates._reloaded(store, store.reload("watch"))
    assert swaps == []
    new = named("a.example", 90)
    install(tmp_path / "a", new.pem, new.key_pem)
    certificates._reloaded(store, store.reload("watch"))
    assert swaps == [1]
    assert certificates.outcomes == {("failed", "watch"): 1, ("swapped", "watch"): 1}
