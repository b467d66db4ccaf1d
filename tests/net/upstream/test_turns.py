"""Links that have much to hand over take turns, and leave time to the actions of the others."""

import asyncio
from collections.abc import Callable

import pytest

from amiproxy.net.upstream.turns import Turns
from tests.support.waiting import until


class Link:
    """Has so many slices left; each takes 0.3 ms on the clock."""

    def __init__(self, world: "World", name: str, slices: int) -> None:
        self._world = world
        self._name = name
        self.left = slices

    def ask(self) -> None:
        self._world.turns.ask(self, self.hand_over)

    def hand_over(self) -> None:
        self._world.time += 0.0003
        self._world.handed.append(self._name)
        self.left -= 1
        if self.left:
            self.ask()


class World:
    """Turns with a clock that only slices move."""

    def __init__(self) -> None:
        self.time = 100.0
        self.handed: list[str] = []
        self.turns = Turns(lambda: self.time)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def pauses(monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], None]]:
    """What the turns have put off until after a pause; nothing else ends it."""
    pauses: list[Callable[[], None]] = []
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_later", lambda _delay, callback: pauses.append(callback))
    return pauses


async def turn() -> None:
    """One turn of the loop."""
    await asyncio.sleep(0)


async def test_one_link_has_one_slice_in_each_turn_of_the_loop(world: World) -> None:
    one, other = Link(world, "a", 3), Link(world, "b", 3)
    one.ask()
    other.ask()
    assert world.handed == []
    for number in range(1, 7):
        await turn()
        assert len(world.handed) == number
    assert world.handed == ["a", "b", "a", "b", "a", "b"]


async def test_a_link_is_never_held_up_by_what_it_sent_itself(
    world: World, pauses: list[Callable[[], None]]
) -> None:
    link = Link(world, "a", 20)
    link.ask()
    for _ in range(20):
        world.turns.sent(link)
        await turn()
    assert link.left == 0
    assert not pauses


async def test_slices_pause_while_another_link_awaits_an_answer(
    world: World, pauses: list[Callable[[], None]]
) -> None:
    link, other = Link(world, "a", 20), Link(world, "b", 0)
    link.ask()
    world.turns.sent(other)
    world.turns.sent(link)  # which changes nothing
    for _ in range(20):
        await turn()
    assert len(pauses) == 1
    assert 1 <= len(world.handed) < 5
    before = len(world.handed)
    pauses.pop()()  # the pause ends
    assert len(world.handed) == before + 1, "after a pause there is a slice, whatever was sent meanwhile"


async def test_an_answer_that_takes_long_is_not_waited_for(
    world: World, pauses: list[Callable[[], None]]
) -> None:
    world.turns.sent(Link(world, "b", 0))
    world.time += 1.0
    link = Link(world, "a", 20)
    link.ask()
    for _ in range(20):
        await turn()
    assert link.left == 0
    assert not pauses


async def test_several_links_that_wait_pause_less(world: World, pauses: list[Callable[[], None]]) -> None:
    links = [Link(world, str(number), 9) for number in range(4)]
    for link in links:
        link.ask()
    world.turns.sent(object())
    for _ in range(6):
        await turn()
    assert len(world.handed) == 6
    assert not pauses


async def test_a_fault_in_one_slice_leaves_the_others_their_turns(world: World) -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))

    def fail() -> None:
        raise ValueError

    world.turns.ask("bad", fail)
    Link(world, "a", 1).ask()
    await until(lambda: world.handed == ["a"])
    assert [type(fault) for fault in faults] == [ValueError]
