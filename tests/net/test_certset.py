"""All listeners' certificates together."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from proxy.net.certset import CertSet
from tests.support.certificates import DAY, Forged, Listener, Pair, Tls, forge, install

NOW = datetime.now(UTC)


def named(name: str, days: float) -> Forged:
    return forge(name, names=[x509.DNSName(name)], not_after=NOW + days * DAY)


@pytest.fixture
def listeners(tmp_path: Path) -> list[Listener]:
    made = []
    for name in ("a", "b"):
        leaf = named(f"{name}.example", 90)
        made.append(Listener((Pair(*install(tmp_path / name, leaf.pem, leaf.key_pem)),)))
    return made


async def test_nothing_needs_attention(listeners: list[Listener]) -> None:
    assert CertSet(listeners, Tls()).attention() == ""


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (50, ""),
        (61, "certificate of dns:a.example expires in 28 days"),
        (89.5, "certificate of dns:a.example expires in 11 hours"),
        (91, "certificate of dns:a.example expired 24 hours ago"),
    ],
)
async def test_an_end_comes_near(listeners: list[Listener], days: float, text: str) -> None:
    later = (NOW + days * DAY).timestamp()
    clock = [NOW.timestamp()]
    certificates = CertSet(listeners, Tls(), wall=lambda: clock[0])
    assert certificates.attention() == ""
    clock[0] = later
    said = certificates.attention()
    assert said.startswith(text) if text else not said
    assert ("b.example" in said) is bool(text)


async def test_what_lies_on_disk_was_refused(listeners: list[Listener], tmp_path: Path) -> None:
    certificates = CertSet(listeners, Tls())
    install(tmp_path / "b", named("b.example", 90).pem, named("b.example", 90).key_pem)
    certificates.stores[1].reload("watch")
    assert certificates.attention() == "new files of dns:b.example are refused, see the log"


async def test_a_swap_is_told_and_a_refusal_is_not(listeners: list[Listener], tmp_path: Path) -> None:
    swaps: list[int] = []
    certificates = CertSet(listeners, Tls(), lambda: swaps.append(1))
    store = certificates.stores[0]
    (tmp_path / "a" / "server.crt").write_bytes(b"junk")
    certificates._reloaded(store, store.reload("watch"))
    assert swaps == []
    new = named("a.example", 90)
    install(tmp_path / "a", new.pem, new.key_pem)
    certificates._reloaded(store, store.reload("watch"))
    assert swaps == [1]
    assert certificates.outcomes == {"failed": 1, "swapped": 1}
