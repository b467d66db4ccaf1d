"""How many security events of the proxy itself are logged each second."""

from amiproxy.core.audit.securityevents import Ration


def test_the_first_events_of_each_name_are_logged_and_the_rest_counted():
    ration = Ration()
    told = [ration.admits(b"SuccessfulAuth", f"192.0.2.{number}") for number in range(100)]
    assert told == [True] * Ration.IN_ALL + [False] * (100 - Ration.IN_ALL)
    assert ration.admits(b"InvalidPassword", "192.0.2.1"), "another name has its own"
    assert ration.renew() == {(b"SuccessfulAuth", ()): 100 - Ration.IN_ALL}
    assert not ration.admits(b"SuccessfulAuth", "192.0.2.1"), "it may last: only the count is reported"
    assert ration.renew() == {(b"SuccessfulAuth", ()): 1}
    assert ration.admits(b"SuccessfulAuth", "192.0.2.1")


def test_one_peer_leaves_room_for_other_peers():
    ration = Ration()
    told = [ration.admits(b"InvalidPassword", "192.0.2.1") for _ in range(50)]
    assert told == [True] * Ration.PER_PEER + [False] * (50 - Ration.PER_PEER)
    assert ration.admits(b"InvalidPassword", "192.0.2.2")
    assert ration.renew() == {(b"InvalidPassword", ()): 50 - Ration.PER_PEER}
    assert not ration.admits(b"InvalidPassword", "192.0.2.1")
    assert ration.admits(b"InvalidPassword", "192.0.2.2"), "the storm was another's"


def test_what_is_suppressed_is_counted_by_the_servers_that_it_is_about():
    ration = Ration()
    for number in range(Ration.PER_PEER + 5):
        ration.admits(b"InvalidPassword", "192.0.2.1", ("pbx1",) if number % 2 else ("pbx1", "pbx2"))
    counts = {(b"InvalidPassword", ("pbx1",)): 3, (b"InvalidPassword", ("pbx1", "pbx2")): 2}
    assert Ration.PER_PEER % 2
    assert ration.renew() == counts
