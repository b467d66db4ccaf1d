"""No penalty in force is forgotten, however many there are; networks share one instead."""

import ipaddress
import random

from amiproxy.core.admission import penalties
from amiproxy.core.admission.addresses import network_of
from amiproxy.core.admission.penalties import Penalties


def test_a_penalty_holds_until_its_end():
    held = Penalties()
    assert held.begin("192.0.2.1", 30.0) == []
    assert held.holds("192.0.2.1", 29.9)
    assert not held.holds("192.0.2.1", 30.0)
    assert not held.holds("192.0.2.2", 0.0)
    assert held.end(29.9) == []
    assert held.end(30.0) == ["192.0.2.1"]
    assert len(held) == 0


def test_the_finest_network_with_many_penalties_shares_one(monkeypatch):
    monkeypatch.setattr(penalties, "MOST", 40)
    held = Penalties()
    names = [f"2001:db8:1:{n:x}::/64" for n in range(20)] + [f"192.0.2.{n}" for n in range(20)]
    names.append("/run/socket")
    for number, name in enumerate(names[:-1]):
        assert held.begin(name, 30.0 + number) == []
    merged = held.begin(names[-1], 99.0)
    assert set(merged) in (set(names[:20]), set(names[20:40]))
    for name in names:
        assert held.holds(name, 29.9)
    assert not held.holds("2001:db8:2::/64", 0.0)
    assert not held.holds("192.0.3.1", 0.0)
    assert not held.holds("/run/other", 0.0)
    for name in merged:
        assert held.holds(name, max(30.0 + names.index(one) for one in merged) - 0.1), "the longest counts"
    ended = held.end(1000.0)
    assert {"2001:db8:1::/48", "192.0.2.0/24"} & set(ended)
    assert len(held) == 0


def test_shared_penalties_are_merged_again_in_a_coarser_network(monkeypatch):
    monkeypatch.setattr(penalties, "MOST", 40)
    held = Penalties()
    names = [f"2001:db8:{n:x}:{m:x}::/64" for n in range(40) for m in range(20)]
    for name in names:
        if not held.holds(name, 0.0):
            held.begin(name, 30.0)
    assert len(held) <= 40
    assert all(held.holds(name, 29.9) for name in names)
    assert "2001:db8::/32" in held.end(30.0)


def test_no_penalty_is_forgotten_and_memory_is_bounded():
    draw = random.Random(1)
    held, known = Penalties(), {}
    blocks = ["2001:db8::/29", "2400::/12", "2a00::/11", "10.0.0.0/8", "0.0.0.0/0"]
    for now in range(3):
        for _ in range(5000):
            block = ipaddress.ip_network(draw.choice(blocks))
            name = network_of(str(block[draw.randrange(block.num_addresses)]))
            if not held.holds(name, now):
                known[name] = end = now + draw.choice([1.5, 10.0])
                for _ in held.begin(name, end):
                    pass
            assert len(held) <= penalties.MOST
        held.end(now)
        known = {name: end for name, end in known.items() if now < end}
        assert all(held.holds(name, now) for name in known)


def test_penalties_that_cannot_be_merged_are_all_kept(monkeypatch):
    monkeypatch.setattr(penalties, "MOST", 2)
    held = Penalties()
    for name in ("/run/a", "/run/b", "192.0.2.1", "2001:db8::/64"):
        assert held.begin(name, 30.0) == []
    assert len(held) == 4
