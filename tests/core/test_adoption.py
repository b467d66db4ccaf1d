"""Another table of users, adopted in steps while clients are connected."""

from dataclasses import replace

import pytest

from amiproxy.ami import privilege
from amiproxy.core.model.limits import HistoryBounds
from amiproxy.core.model.state import OVER, State
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.servers.servers import Configured
from amiproxy.steps import finish, result_of
from tests.support.core_doubles import Bench, event

BOSS = User("boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
CALLS = User("calls", read=privilege.CALL, write=privilege.CALL, secret="plain:x")


@pytest.fixture
def bench() -> Bench:
    bench = Bench(BOSS, CALLS)
    bench.link_up()
    return bench


class TestAdoption:
    def test_changed_rights_apply_at_once(self, bench):
        session, transport = bench.login("calls")
        more = User("Calls", read=privilege.ALL, write=privilege.ALL, secret="plain:x")
        bench.hub.adopt(UserTable([more]))
        assert session.state is State.READY
        bench.feed(event("X", "system"))
        assert transport.take() == event("X", "system")
        assert bench.hub.sessions_of(more) == [session]
        assert session.principal.user is more

    @pytest.mark.parametrize(
        ("table", "reason"),
        [
            ([BOSS], "user removed"),
            ([User("calls", secret="plain:x", disabled=True)], "user disabled"),
            ([User("calls", secret="plain:y")], "credentials changed"),
            ([User("calls", secret="plain:x", md5_secret=b"n")], "credentials changed"),
        ],
    )
    def test_sessions_whose_user_may_no_longer_log_in_end(self, bench, table, reason):
        _, transport = bench.login("calls")
        bench.hub.adopt(UserTable(table))
        assert transport.closed == "close"
        assert bench.hub.stats.closes == {reason: 1}

    def test_two_sessions_of_a_renamed_user_stay(self, bench):
        bench.login("calls")
        bench.login("calls")
        renamed = User("CALLS", read=privilege.CALL, secret="plain:x")
        bench.hub.adopt(UserTable([renamed]))
        assert len(bench.hub.sessions_of(renamed)) == 2
        assert bench.hub.authenticated == 2

    def test_pending_events_of_the_old_view_are_not_lost(self):
        bench = Bench(CALLS, interval=0.01)
        bench.link_up()
        _, transport = bench.login("calls")
        bench.feed(event("A"))
        bench.feed(event("B"))
        bench.hub.adopt(UserTable([replace(CALLS, read=privilege.ALL)]))
        assert transport.take() == event("A") + event("B")

    def test_a_session_whose_view_is_unchanged_keeps_its_subscription(self, bench):
        session, transport = bench.login("calls")
        before = session.subscription
        bench.hub.adopt(UserTable([replace(CALLS, write=privilege.ALL)]))
        assert session.subscription is before
        assert session.principal.user.write == privilege.ALL
        bench.feed(event("A"))
        assert transport.take() == event("A")

    def test_between_two_steps_each_session_uses_one_table_consistently(self, bench):
        """In the end all sessions use the new table, and the generation has grown by one."""
        sessions = [bench.login("calls") for _ in range(3)]
        boss, _ = bench.login("boss")
        more = UserTable([replace(CALLS, read=privilege.ALL), replace(BOSS, disabled=True)])
        generation, table = bench.hub.ctx.generation, bench.hub.ctx.users
        steps = bench.hub.adopting(more)
        seen = []
        for _ in steps:
            new = sum(session.principal.user.read == privilege.ALL for session, _ in sessions)
            seen.append((new, boss.state in OVER, bench.hub.ctx.generation, bench.hub.ctx.users is table))
            bench.feed(event("X", "system"))  # events sent follow the current rights of each session
            received = sum(bool(transport.take()) for _, transport in sessions)
            assert received == new
        assert seen == [
            (1, False, generation, True),
            (2, False, generation, True),
            (3, False, generation, True),
            (3, True, generation, True),
        ]
        assert (bench.hub.ctx.generation, bench.hub.ctx.users) == (generation + 1, more)

    def test_a_login_between_two_steps_uses_the_new_table_in_the_end(self, bench):
        bench.login("calls")
        steps = bench.hub.adopting(UserTable([replace(CALLS, read=privilege.ALL)]))
        next(steps)
        late, _ = bench.login("calls")
        gone, transport = bench.login("boss")
        assert late.principal.user is CALLS
        finish(steps)
        assert late.principal.user.read == privilege.ALL
        assert gone.state in OVER
        assert transport.closed == "close"

    def test_the_sessions_that_a_table_would_close_are_counted_and_stay_open(self, bench):
        calls = [bench.login("calls")[0] for _ in range(2)]
        boss, _ = bench.login("boss")
        ended, _ = bench.login("boss")
        tables = {
            (): {"calls": {"user removed": 2}, "boss": {"user removed": 1}},
            (replace(BOSS, secret="plain:y"), CALLS): {"boss": {"credentials changed": 1}},
            (BOSS, replace(CALLS, read=privilege.ALL)): {},
        }
        ended.close("kicked")
        for table, closes in tables.items():
            assert result_of(bench.hub.closing_for(UserTable(table))) == closes
        assert {session.state for session in (*calls, boss)} == {State.READY}
        # What was counted is what adopting the table does.
        bench.hub.adopt(UserTable([CALLS]))
        assert (boss.state in OVER, calls[0].state in OVER) == (True, False)

    def test_a_session_that_ends_while_they_are_counted_is_left_out(self, bench):
        bench.login("boss")
        ended, _ = bench.login("calls")
        steps = bench.hub.closing_for(UserTable())
        next(steps)
        ended.close("kicked")
        assert result_of(steps) == {"boss": {"user removed": 1}}

    def test_a_session_that_ends_between_two_steps_is_skipped(self, bench):
        bench.login("calls")
        session, _ = bench.login("calls")
        steps = bench.hub.adopting(UserTable([replace(CALLS, read=privilege.ALL)]))
        next(steps)
        session.close("client gone")
        finish(steps)
        assert session.principal.user is CALLS
        assert bench.hub.authenticated == 1

    def test_a_session_that_cannot_be_moved_ends_and_the_others_are_moved(self, bench):
        broken, _ = bench.login("calls")
        fine, _ = bench.login("calls")

        class Broken(UserTable):
            def successor(self, before, certificate):
                if fine.principal.user is before and broken.state not in OVER:
                    raise RuntimeError
                return super().successor(before, certificate)

        bench.hub.adopt(Broken([replace(CALLS, read=privilege.ALL)]))
        assert broken.state in OVER
        assert fine.principal.user.read == privilege.ALL
        assert bench.hub.stats.closes == {"fault": 1}


class TestHistory:
    SERVERS = Configured(("pbx1", "pbx2"), True, "")
    BOARD = replace(CALLS, name="board", history=True, servers=("pbx1",))
    REPAIRED = replace(CALLS, name="repaired", upstream_lost="repair", servers=("pbx2",))
    OTHER = replace(CALLS, servers=("pbx1", "pbx2"))

    def kept(self, bench):
        return {
            server.name: (server.journal and server.journal.bounds, server.state is not None)
            for server in bench.hub.servers
        }

    def test_nothing_is_kept_while_no_user_needs_it(self):
        bench = Bench(self.OTHER, replace(self.BOARD, disabled=True), servers=self.SERVERS)
        assert self.kept(bench) == {"pbx1": (None, False), "pbx2": (None, False)}

    def test_the_past_and_present_are_kept_of_servers_of_users_with_history(self):
        bench = Bench(self.BOARD, self.OTHER, servers=self.SERVERS)
        assert self.kept(bench) == {"pbx1": (HistoryBounds(), True), "pbx2": (None, False)}

    def test_the_present_is_kept_of_servers_of_users_whose_sessions_are_repaired(self):
        bench = Bench(self.REPAIRED, servers=self.SERVERS)
        assert self.kept(bench) == {"pbx1": (None, False), "pbx2": (None, True)}

    def test_the_default_for_a_lost_link_counts_for_users_without_a_setting(self):
        bench = Bench(self.OTHER, servers=self.SERVERS)
        bench.hub.adopt_history(HistoryBounds(), "repair")
        assert self.kept(bench) == {"pbx1": (None, True), "pbx2": (None, True)}
        assert bench.hub.link_loss.by_default == "repair"

    def test_other_bounds_are_adopted(self):
        bench = Bench(self.BOARD, servers=self.SERVERS)
        bounds = HistoryBounds(1 << 20, 60.0)
        bench.hub.adopt_history(bounds, "auto")
        assert self.kept(bench) == {"pbx1": (bounds, True), "pbx2": (None, False)}

    def test_while_a_table_is_adopted_everything_is_kept_that_either_table_needs(self):
        bench = Bench(self.BOARD, servers=self.SERVERS)
        steps = bench.hub.adopting(UserTable([self.REPAIRED]))
        between = [self.kept(bench) for _ in steps]
        assert all(kept["pbx1"][0] is not None for kept in between)
        assert all(kept["pbx2"][1] for kept in between)
        assert self.kept(bench) == {"pbx1": (None, False), "pbx2": (None, True)}

    def test_a_server_that_is_added_is_kept_like_the_others(self):
        bench = Bench(self.BOARD, servers=self.SERVERS)
        bench.hub.add_servers(["pbx3"])
        more = Configured(("pbx1", "pbx2", "pbx3"), True, "")
        bench.hub.adopt(UserTable([replace(self.BOARD, servers=("pbx3",))]), more)
        assert self.kept(bench)["pbx3"] == (HistoryBounds(), True)
