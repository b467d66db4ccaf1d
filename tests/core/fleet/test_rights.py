"""Agents and edges with the same users have the same digest."""

from amiproxy.ami import privilege
from amiproxy.core.fleet.rights import RightsDigest
from amiproxy.core.model.users import User, UserTable
from tests.support.core_doubles import Bench, HandClock

ADA = User("ada", read=privilege.CALL, secret="plain:x")
BOB = User("bob", read=privilege.CALL, secret="plain:y")
ELSEWHERE = User("else", read=privilege.CALL, secret="plain:y", servers=("other",))


def digest(*users: User) -> bytes:
    found = RightsDigest(Bench(*users).hub.ctx, "asterisk")
    found.step()
    return found.digest


def test_it_depends_on_rights_and_not_on_order_and_secrets():
    assert len(digest(ADA, BOB)) == 16
    assert digest(ADA, BOB) == digest(User("bob", read=privilege.CALL, secret="plain:z"), ADA)
    assert digest(ADA, BOB) != digest(ADA)
    assert digest(ADA) != digest(User("ada", read=privilege.ALL, secret="plain:x"))


def test_only_users_of_the_server_count():
    assert digest(ADA, ELSEWHERE) == digest(ADA)


def test_after_a_reload_it_is_computed_again():
    bench = Bench(ADA)
    found = RightsDigest(bench.hub.ctx, "asterisk")
    found.step()
    found.step()
    assert found.digest == digest(ADA)
    bench.hub.adopt(UserTable([BOB]))
    found.step()
    assert found.digest == digest(BOB)


def test_many_users_are_computed_in_steps():
    class Busy(HandClock):
        def clock(self) -> float:
            self.time += 0.003
            return self.time

    bench = Bench(ADA, BOB, clock=Busy())
    found = RightsDigest(bench.hub.ctx, "asterisk")
    found.step()
    assert found.digest == b"", "one of them is known"
    found.step()
    found.step()
    assert found.digest == digest(ADA, BOB)
