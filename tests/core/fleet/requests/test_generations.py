"""For some minutes after a reload an edge may still have judged an action by the rights of before."""

import pytest

from amiproxy.ami import privilege
from amiproxy.core.fleet.requests.generations import Generations
from amiproxy.core.model.generation import generation_of
from amiproxy.core.model.users import User, UserTable
from tests.support.core_doubles import Bench


def user(write: int) -> User:
    return User("ada", write=write, secret="plain:x")


ONE, TWO, THREE = user(privilege.CALL), user(privilege.AGENT), user(privilege.SYSTEM)


@pytest.fixture
def bench() -> Bench:
    return Bench(ONE)


def known(bench: Bench, found: Generations) -> list[User]:
    now = bench.hub.ctx.users.find(b"ada")
    assert now is not None
    return [one for one in (ONE, TWO, THREE) if found.knows(now, "asterisk", generation_of(one))]


def test_only_the_rights_in_force_are_known_at_first(bench):
    assert known(bench, Generations(bench.hub.ctx)) == [ONE]


def test_those_of_before_are_known_for_five_minutes(bench):
    found = Generations(bench.hub.ctx)
    bench.hub.adopt(UserTable([TWO]))
    assert known(bench, found) == [ONE, TWO]
    bench.clock.advance(300)
    assert known(bench, found) == [ONE, TWO]
    bench.clock.advance(1)
    assert known(bench, found) == [TWO]
    found.tick()
    assert known(bench, found) == [TWO]


def test_only_the_last_ones_of_before_are_known(bench):
    found = Generations(bench.hub.ctx)
    for one in (TWO, THREE):
        bench.hub.adopt(UserTable([one]))
        found.tick()
    assert known(bench, found) == [TWO, THREE]


def test_they_are_known_although_the_table_of_before_is_emptied(bench):
    found = Generations(bench.hub.ctx)
    before = bench.hub.ctx.users
    bench.hub.adopt(UserTable([TWO]))
    for _ in before.letting_go():
        pass
    assert known(bench, found) == [ONE, TWO]


def test_a_user_that_is_new_has_no_rights_of_before():
    bench = Bench()
    found = Generations(bench.hub.ctx)
    bench.hub.adopt(UserTable([TWO]))
    assert known(bench, found) == [TWO]


def test_many_users_are_let_go_little_by_little():
    bench = Bench(*[User(f"u{number}") for number in range(5)])
    found = Generations(bench.hub.ctx, at_once=2)
    bench.hub.adopt(UserTable([ONE]))
    found.tick()
    assert found.held == 5
    bench.clock.advance(301)
    found.tick()
    assert found.held == 3
    found.tick()
    found.tick()
    assert found.held == 0
