"""Which connection gives up its place when all are taken: pure, with names in place of transports."""

import pytest

from amiproxy.core.admission.newcomers import GREETED, HELLO, SILENT, SPOKE, Newcomers

PLACES = 64
GOOD = "192.0.2.1"


def arrive(
    newcomers: Newcomers, who: str, address: str, stage: int = SILENT, places: int = PLACES
) -> list[str]:
    """Enter as the listener does; the connections that were displaced for it."""
    gone = []
    while len(newcomers) >= places:
        victim = newcomers.victim(places)
        assert isinstance(victim, str)
        newcomers.leave(victim)
        gone.append(victim)
    newcomers.enter(who, address, 0.0, min(stage, HELLO))
    newcomers.advance(who, stage)
    return gone


@pytest.mark.parametrize(
    "attacker",
    [
        lambda n: f"10.0.0.{n % 20}",
        lambda n: f"10.0.{n % 256}.{n % 7}",
        lambda n: f"2001:db8:1:{n:x}::1",
        lambda n: f"10.{n % 3}.{n % 256}.1",
    ],
    ids=["one /24", "one /16", "one /48", "three /16"],
)
@pytest.mark.parametrize("stage", [SILENT, HELLO, GREETED, SPOKE])
def test_a_full_network_loses_only_its_own_however_many_connect(attacker, stage):
    newcomers = Newcomers()
    arrive(newcomers, "good", GOOD)
    gone = [who for n in range(5000) for who in arrive(newcomers, f"bad {n}", attacker(n), stage)]
    assert "good" not in gone
    assert len(gone) == 5000 - PLACES + 1


@pytest.mark.parametrize("stage", [SILENT, HELLO])
def test_unauthenticated_clients_that_make_no_progress_are_displaced_first(stage):
    newcomers = Newcomers()
    arrive(newcomers, "good", GOOD, GREETED)
    gone = [
        who for n in range(200) for who in arrive(newcomers, f"bad {n}", f"{n % 200 + 1}.{n % 7}.0.1", stage)
    ]
    assert "good" not in gone


def test_greeted_clients_leave_half_of_the_places_to_those_in_their_handshake():
    newcomers = Newcomers()
    for number in range(PLACES):
        arrive(newcomers, f"idle {number}", f"{number + 1}.0.0.1", GREETED)
    arrive(newcomers, "good", GOOD, HELLO)
    gone = [
        who for n in range(PLACES // 2 - 1) for who in arrive(newcomers, f"bad {n}", f"{n + 50}.0.0.1", HELLO)
    ]
    assert all(who.startswith("idle") for who in gone), "newcomers would have no time for a handshake"
    assert arrive(newcomers, "one more", "90.0.0.1", HELLO) == ["good"], (
        "from here on the oldest at a handshake"
    )


def test_good_clients_of_one_network_stay_when_silent_ones_come_one_from_each():
    newcomers = Newcomers()
    for number in range(PLACES // 4):
        arrive(newcomers, f"good {number}", GOOD, HELLO if number % 2 else GREETED)
    gone = [who for n in range(300) for who in arrive(newcomers, f"bad {n}", f"{n % 200 + 1}.{n}.0.1")]
    assert not [who for who in gone if who.startswith("good")]


def test_among_equals_the_least_advanced_then_the_oldest_is_displaced():
    newcomers = Newcomers()
    for number, stage in enumerate([HELLO, SILENT, HELLO, SILENT]):
        arrive(newcomers, f"{number}", f"{number + 1}.0.0.1", stage)
    gone = []
    while (victim := newcomers.victim(4)) is not None:
        assert isinstance(victim, str)
        newcomers.leave(victim)
        gone.append(victim)
    assert gone == ["1", "3", "0", "2"]


def test_stages_only_advance():
    newcomers = Newcomers()
    arrive(newcomers, "one", GOOD, GREETED)
    newcomers.advance("one", HELLO)
    assert newcomers.stage("one") == GREETED
    newcomers.advance("one", SPOKE)
    assert newcomers.stage("one") == SPOKE
    newcomers.advance("nobody", SPOKE)
    assert len(newcomers) == 1


def test_a_client_whose_secret_is_compared_holds_no_place_and_is_not_displaced():
    newcomers = Newcomers()
    arrive(newcomers, "judged", GOOD, GREETED)
    newcomers.judge("judged")
    assert len(newcomers) == 0
    assert newcomers.victim(PLACES) is None
    assert newcomers.dispensable(PLACES) is None
    newcomers.judge("judged")
    arrive(newcomers, "next", GOOD)
    assert newcomers.victim(PLACES) == "next"


class TestReserve:
    """A quarter of the places is for clients from addresses with a recent login."""

    def test_known_addresses_stay_when_unknown_ones_come_one_from_each_network(self):
        newcomers = Newcomers()
        newcomers.acquaintances.note(GOOD, 0.0)
        for number in range(PLACES // 4):
            arrive(newcomers, f"good {number}", GOOD)
        gone = [
            who for n in range(300) for who in arrive(newcomers, f"bad {n}", f"{n % 200 + 1}.{n}.0.1", HELLO)
        ]
        assert not [who for who in gone if who.startswith("good")]

    def test_beyond_the_reserve_known_addresses_compete_with_the_others(self):
        newcomers = Newcomers()
        newcomers.acquaintances.note(GOOD, 0.0)
        for number in range(PLACES):
            arrive(newcomers, f"good {number}", GOOD)
        arrive(newcomers, "stranger", "198.51.100.1")
        assert newcomers.victim(PLACES) == "good 1"

    def test_an_unknown_address_is_displaced_before_a_known_one_of_as_full_a_network(self):
        newcomers = Newcomers()
        for number in range(8):
            newcomers.acquaintances.note(f"{number + 1}.0.0.1", 0.0)
            arrive(newcomers, f"good {number}", f"{number + 1}.0.0.1")
            arrive(newcomers, f"bad {number}", f"{number + 100}.0.0.1")
        assert newcomers.victim(PLACES) == "bad 0"

    def test_a_login_makes_its_address_known(self):
        newcomers = Newcomers()
        arrive(newcomers, "first", GOOD)
        newcomers.admit("first", GOOD, 0.0)
        assert len(newcomers) == 0
        assert newcomers.acquaintances.knows(GOOD, 1.0)


class TestRefusals:
    """Clients whose refusal is delayed wait in a set of their own."""

    def test_a_refused_login_frees_its_place_at_once(self):
        newcomers = Newcomers()
        arrive(newcomers, "wrong", GOOD)
        assert newcomers.refuse("wrong", lambda: None, 2) is None
        assert len(newcomers) == 0

    def test_too_many_delayed_refusals_send_the_oldest_early(self):
        newcomers = Newcomers()
        told = []
        cut = []
        for number in range(4):
            arrive(newcomers, f"{number}", GOOD)
            cut.append(newcomers.refuse(f"{number}", lambda number=number: told.append(number), 2))
        assert cut[:2] == [None, None]
        for tell in cut[2:]:
            tell()
        assert told == [0, 1]

    def test_a_client_that_leaves_meanwhile_gets_no_refusal(self):
        newcomers = Newcomers()
        for who in ("gone", "departed"):
            arrive(newcomers, who, GOOD)
            newcomers.refuse(who, pytest.fail, 2)
        newcomers.leave("gone")
        newcomers.depart("departed")
        newcomers.refuse("never entered", pytest.fail, 0)
        assert newcomers.dispensable(PLACES) == "departed"
        newcomers.leave("departed")
        assert newcomers.dispensable(PLACES) is None


def test_ended_connections_are_closed_before_one_that_holds_a_place():
    newcomers = Newcomers()
    for who in ("lingering", "refused", "here"):
        arrive(newcomers, who, GOOD)
    newcomers.refuse("refused", lambda: None, 2)
    newcomers.depart("lingering")
    order = []
    while (who := newcomers.dispensable(PLACES)) is not None:
        newcomers.leave(who)
        order.append(who)
    assert order == ["lingering", "refused", "here"]


def test_a_connection_that_never_entered_may_depart():
    newcomers = Newcomers()
    newcomers.depart("a transport without a door")
    assert newcomers.dispensable(PLACES) is None
