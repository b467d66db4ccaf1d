from amiproxy.core.admission import acquaintances
from amiproxy.core.admission.acquaintances import REMEMBER_SECONDS, Acquaintances


def test_an_address_with_a_recent_login_is_known_for_a_while():
    known = Acquaintances()
    known.note("192.0.2.1", 100.0)
    assert known.knows("192.0.2.1", 100.0 + REMEMBER_SECONDS - 1)
    assert not known.knows("192.0.2.2", 100.0)
    assert not known.knows("192.0.2.1", 100.0 + REMEMBER_SECONDS)
    known.note("192.0.2.1", 200.0)
    assert known.knows("192.0.2.1", 100.0 + REMEMBER_SECONDS), "heard of again"


def test_an_ipv6_client_is_known_in_its_whole_network():
    known = Acquaintances()
    known.note("2001:db8::1", 0.0)
    assert known.knows("2001:db8::2", 1.0)


def test_memory_is_bounded_and_the_address_with_the_oldest_login_is_dropped(monkeypatch):
    monkeypatch.setattr(acquaintances, "MOST", 3)
    known = Acquaintances()
    for number in (1, 2, 3, 1, 4):
        known.note(f"192.0.2.{number}", float(number))
    assert len(known) == 3
    assert [known.knows(f"192.0.2.{number}", 5.0) for number in (1, 2, 3, 4)] == [True, False, True, True]


def test_expired_addresses_are_forgotten():
    known = Acquaintances()
    for number in range(20):
        known.note(f"192.0.2.{number}", 0.0)
    known.note("192.0.2.99", REMEMBER_SECONDS)
    assert len(known) == 1
