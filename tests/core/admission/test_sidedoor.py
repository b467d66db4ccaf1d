"""An idle connection to an admin endpoint shuts out no other."""

from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.admission.sidedoor import SideDoor, Want


def full_of_idlers() -> SideDoor[str]:
    door: SideDoor[str] = SideDoor(3, 2, 1)
    for guest in "abc":
        assert door.enter(guest) is None
    return door


def test_a_new_connection_displaces_the_one_that_is_idle_for_longest() -> None:
    door = full_of_idlers()
    door.ask("a", Want.ORDINARY)
    door.rest("a")
    assert door.enter("d") == "b"
    assert door.enter("e") == "c"
    assert door.enter("f") == "a"
    assert len(door) == 3


def test_busy_connections_are_not_displaced_and_leave_places_free() -> None:
    door = full_of_idlers()
    assert door.ask("a", Want.ORDINARY)
    assert door.ask("b", Want.ORDINARY)
    assert door.ask("b", Want.ORDINARY), "it has its place already"
    assert not door.ask("c", Want.ORDINARY)
    assert door.enter("d") == "c"
    assert not door.ask("d", Want.ORDINARY)
    assert door.ask("d", Want.URGENT)


def test_when_all_are_busy_the_new_connection_is_refused() -> None:
    door = full_of_idlers()
    for guest in "abc":
        assert door.ask(guest, Want.URGENT)
    assert door.enter("d") == "d"
    assert not door.ask("d", Want.URGENT)
    assert len(door) == 3


def test_the_one_slowest_to_take_its_answer_goes_when_none_is_idle() -> None:
    door = full_of_idlers()
    for guest in "bac":
        door.ask(guest, Want.URGENT)
        door.answered(guest)
    door.rest("a")
    assert door.enter("d") == "a"
    door.ask("d", Want.ORDINARY)
    assert door.enter("e") == "b"


def test_streams_are_counted_separately() -> None:
    door = full_of_idlers()
    assert door.ask("a", Want.STREAM)
    assert not door.ask("b", Want.STREAM)
    assert door.enter("d") is None, "a stream takes none of the others' places"
    assert door.enter("e") == "b"
    door.leave("a")
    assert door.ask("c", Want.STREAM)


def test_a_connection_that_was_displaced_is_served_no_more() -> None:
    door = full_of_idlers()
    assert door.enter("d") == "a"
    assert not door.ask("a", Want.URGENT)
    assert not door.ask("a", Want.STREAM)
    door.answered("a")
    door.rest("a")
    door.leave("a")
    assert len(door) == 3


def test_the_group_with_most_connections_loses_one_first() -> None:
    door: SideDoor[str] = SideDoor(4, 4)
    for guest, group in (("good", 1), ("a", 2), ("b", 2), ("c", 2)):
        assert door.enter(guest, group) is None
    assert [door.enter(guest, 2) for guest in "def"] == ["a", "b", "c"]
    assert door.ask("good", Want.ORDINARY)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["enter", "ordinary", "urgent", "stream", "answered", "rest", "leave"]),
            st.integers(0, 9),
            st.integers(0, 2),
        )
    )
)
def test_no_limit_is_exceeded_and_busy_connections_stay_in_any_order_of_steps(
    steps: list[tuple[str, int, int]],
) -> None:
    door: SideDoor[int] = SideDoor(4, 2, 2)
    inside: dict[int, str] = {}
    wants = {"ordinary": Want.ORDINARY, "urgent": Want.URGENT, "stream": Want.STREAM}
    for step, guest, group in steps:
        if step == "enter" and guest not in inside:
            gone = door.enter(guest, group)
            if gone is not None:
                assert inside.get(gone, "idle") in ("idle", "answered")
                inside.pop(gone, None)
            if gone != guest:
                inside[guest] = "idle"
        elif step in wants:
            if door.ask(guest, wants[step]):
                inside[guest] = step
        elif step in ("answered", "rest"):
            getattr(door, step)(guest)
            if guest in inside:
                inside[guest] = "idle" if step == "rest" else step
        elif step == "leave":
            door.leave(guest)
            inside.pop(guest, None)
        stages = list(inside.values())
        assert len(door) == len(inside)
        assert stages.count("ordinary") <= 2
        assert stages.count("stream") <= 2
        assert len(stages) - stages.count("stream") <= 4 + 2
