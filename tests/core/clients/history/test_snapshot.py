"""ProxySnapshot: what exists now, and then exactly the events since."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from amiproxy.ami import privilege
from amiproxy.core.clients.history.asking import Asking
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.state import State as Doing
from amiproxy.core.model.users import User, UserTable
from tests.core.clients.history.keeping import (
    TWO,
    Client,
    Kept,
    channels,
    hangup,
    headers,
    names,
    newchannel,
)
from tests.support.core_doubles import HandClock, PlainSealer, event

READ = privilege.ALL & ~privilege.SECURITY
BOARD = User("board", read=READ, write=0, secret="plain:x", history=True, servers=("pbx1",))
OTHER = replace(BOARD, name="other")
CALLS = replace(BOARD, name="calls", read=privilege.CALL)
PLAIN = replace(BOARD, name="plain", history=False)
WIDE = replace(BOARD, name="wide", servers=("pbx1", "pbx2"))
COMPLETE = "ProxySnapshotComplete"


def last_of(answer: list[bytes]) -> dict[str, str]:
    """The headers of the event that ends a snapshot."""
    (last,) = [headers(raw) for raw in answer if raw.startswith(b"Event: ProxySnapshotComplete")]
    return last


@pytest.fixture
def kept() -> Kept:
    kept = Kept(BOARD, OTHER, CALLS, PLAIN)
    kept.feed(newchannel("1"), newchannel("2"))
    return kept


class TestTheAnswer:
    def test_a_client_gets_what_exists_in_the_form_of_the_native_list(self, kept: Kept) -> None:
        answer = kept.login().snapshot(Kinds="channels", ActionID="7")
        assert answer[0] == (
            b"Response: Success\r\nActionID: 7\r\nEventList: start\r\nMessage: Snapshot will follow\r\n\r\n"
        )
        assert names(answer[1:]) == ["CoreShowChannel", "CoreShowChannel", COMPLETE]
        assert answer[1].startswith(
            b"Event: CoreShowChannel\r\nActionID: 7\r\nChannel: PJSIP/100-00000001\r\n"
        )
        last = last_of(answer)
        sequence = last.pop("Sequence")
        assert last == {
            "Event": COMPLETE,
            "ActionID": "7",
            "EventList": "Complete",
            "ListItems": "2",
            "Kinds": "channels",
        }
        journal = kept.bench.server().journal
        assert journal is not None
        assert sequence.encode() == journal.token(journal.last)

    def test_without_an_actionid_no_message_has_one(self, kept: Kept) -> None:
        answer = kept.login().snapshot()
        assert channels(answer) == ["1", "2"]
        assert not any(b"ActionID" in raw for raw in answer)

    def test_all_kinds_are_shown_unless_the_client_names_some(self, kept: Kept) -> None:
        board = kept.login()
        everything = last_of(board.snapshot())["Kinds"].split(", ")
        assert {"channels", "bridges"} <= set(everything)
        kept.turn(1)
        assert last_of(board.snapshot(Kinds="BRIDGES , channels,,"))["Kinds"] == "channels, bridges"
        kept.turn(1)
        assert last_of(board.snapshot(Kinds=""))["Kinds"].split(", ") == everything

    def test_an_unknown_kind_is_an_error_that_names_the_kinds(self, kept: Kept) -> None:
        (answer,) = kept.login().snapshot(Kinds="channels, chanels", ActionID="7")
        found = headers(answer)
        assert (found["Response"], found["ActionID"]) == ("Error", "7")
        assert "No such kind: chanels" in found["Message"]
        assert "bridges" in found["Message"]

    def test_a_user_without_the_right_is_refused(self, kept: Kept) -> None:
        (answer,) = kept.login("plain").snapshot()
        assert headers(answer)["Message"] == "Permission denied"
        assert kept.bench.hub.stats.actions_denied == 1

    def test_without_a_journal_it_has_no_position(self, kept: Kept) -> None:
        kept.bench.server().keep(None, present=True)
        assert "Sequence" not in last_of(kept.login().snapshot())

    def test_a_kind_that_asterisk_does_not_have_is_missing(self, kept: Kept) -> None:
        kept.forget()
        kept.know(refused="BridgeList")
        last = last_of(kept.login().snapshot(Kinds="channels,bridges"))
        assert (last["Kinds"], last["KindsMissing"]) == ("channels", "bridges")
        assert kept.bench.hub.stats.history_of("pbx1").snapshots == {"partial": 1}

    def test_a_kind_that_the_client_may_not_see_is_missing_whether_it_is_known_or_not(
        self, kept: Kept
    ) -> None:
        kept.bench.hub.adopt(UserTable([replace(BOARD, read=privilege.AGENT)]))
        board = kept.login()
        first = board.snapshot(Kinds="channels")
        kept.forget()
        kept.turn(1)
        second = board.snapshot(Kinds="channels")
        assert channels(first) == channels(second) == []
        assert last_of(first)["KindsMissing"] == last_of(second)["KindsMissing"] == "channels"

    def test_only_what_the_client_reads_is_shown(self, kept: Kept) -> None:
        kept.feed(event("Newexten", "dialplan", **headers(newchannel("1")), Application="Dial", AppData="x"))
        whole = kept.login().snapshot(Kinds="channels")
        kept.turn(1)
        part = kept.login("calls").snapshot(Kinds="channels")
        assert b"Application: Dial" in whole[1]
        assert b"Application" not in part[1]
        assert channels(part) == ["1", "2"]

    def test_the_event_mask_narrows_no_snapshot_and_filters_do(self) -> None:
        kept = Kept(replace(BOARD, write=privilege.SYSTEM))
        kept.feed(newchannel("1"), newchannel("2"))
        board = kept.login()
        board.send("Events", EventMask="off")
        assert channels(board.snapshot()) == ["1", "2"]
        board.send("Filter", Operation="Add", Filter="!Channel: PJSIP/100-00000001")
        assert headers(board.take()[0])["Response"] == "Success"
        kept.turn(1)
        assert channels(board.snapshot()) == ["2"]

    def test_a_user_with_a_scope_sees_its_own_calls(self) -> None:
        own = replace(BOARD, rules=Rules(scope=Scope(channels=("PJSIP/200",))))
        kept = Kept(own)
        kept.feed(newchannel("1"), newchannel("2", "PJSIP/200"), newchannel("3", Linkedid="2"))
        assert channels(kept.login().snapshot()) == ["2", "3"]


class TestTheOrder:
    def test_earlier_events_come_before_the_answer_and_later_ones_behind_it(self, kept: Kept) -> None:
        board = kept.login()
        kept.bench.pacing.shortest = kept.bench.pacing.longest = 10.0
        kept.feed(newchannel("3"))
        kept.feed(hangup("3"), newchannel("4"))
        board.ask()
        kept.feed(hangup("1"))
        kept.turn()
        kept.feed(newchannel("5"))
        kept.turn(30)
        got = board.take()
        answered = names(got).index("Success")
        ended = names(got).index(COMPLETE)
        assert names(got[:answered]) == ["Newchannel", "Hangup", "Newchannel", "Hangup"]
        assert channels(got[answered:ended]) == ["2", "4"]
        assert names(got[ended + 1 :]) == ["Newchannel"]

    def test_events_are_held_back_from_the_moment_that_the_snapshot_shows(self, kept: Kept) -> None:
        board = kept.login()
        board.ask()
        kept.feed(hangup("1"))
        assert names(board.take()) == ["Hangup"]  # nobody has looked at the state yet
        kept.bench.clock.step()
        kept.bench.clock.step()
        assert board.session.outbox.holding
        kept.feed(hangup("2"))
        assert board.take() == []
        kept.turn()
        answer = board.take()
        assert channels(answer) == ["2"]
        assert names(answer)[-2:] == [COMPLETE, "Hangup"]

    def test_later_actions_wait_for_the_end(self, kept: Kept) -> None:
        board = kept.login()
        board.ask(ActionID="1")
        board.send("Ping", ActionID="2")
        assert board.session.state is Doing.BUSY
        assert not board.session.is_idle
        kept.turn()
        got = board.take()
        assert headers(got[-1])["ActionID"] == "2"
        assert last_of(got[:-1])["ActionID"] == "1"
        assert board.session.state is Doing.READY

    @pytest.mark.parametrize("begun", [False, True])
    def test_too_many_events_meanwhile_cancel_the_snapshot(self, begun: bool) -> None:
        kept = Kept(BOARD, limits=Limits(outbox_soft=1024, outbox_hard=4096))
        kept.feed(*[newchannel(str(number)) for number in range(500)])
        board = kept.login()
        board.ask(ActionID="7")
        while not (board.transport.sent if begun else board.session.outbox.holding):
            kept.bench.clock.step()
        events = [newchannel(str(number), "PJSIP/200") for number in range(40)]
        kept.feed(*events)
        kept.bench.hub.flush()
        kept.turn()
        answer = board.take()
        if begun:
            last = last_of(answer)
            assert (last["EventList"], last["ActionID"]) == ("Cancelled", "7")
            assert "Sequence" not in last
        else:
            assert headers(answer[-1]) == {
                "Response": "Error",
                "ActionID": "7",
                "Message": "Too many events meanwhile",
            }
        assert [raw for raw in answer if raw.startswith(b"Event: Newchannel")] == events
        assert kept.bench.hub.stats.history_of("pbx1").snapshots == {"failed": 1}
        assert board.session.state is Doing.READY


class TestWaiting:
    @pytest.fixture
    def slow(self, kept: Kept) -> Kept:
        """Lists that are not answered yet."""
        kept.forget()
        return kept

    def test_a_snapshot_waits_until_the_kinds_are_known(self, slow: Kept) -> None:
        board = slow.login()
        board.ask()
        slow.turn(3)
        slow.feed(newchannel("3"))
        slow.turn(1)
        assert names(board.take()) == ["Newchannel"]
        slow.know()
        slow.turn()
        answer = board.take()
        assert channels(answer) == []  # the list is ahead of the events
        assert "KindsMissing" not in last_of(answer)

    def test_it_does_not_wait_for_kinds_that_were_not_asked_for(self, slow: Kept) -> None:
        board = slow.login()
        board.ask(Kinds="channels")
        slow.know(most=1)
        slow.turn()
        assert last_of(board.take())["Kinds"] == "channels"

    def test_after_five_seconds_it_is_answered_without_them(self, slow: Kept) -> None:
        board = slow.login()
        board.ask()
        slow.turn(4.9)
        assert board.take() == []
        slow.turn(0.2)
        last = last_of(board.take())
        assert set(last["KindsMissing"].split(", ")) >= {"channels", "bridges"}
        assert last["ListItems"] == "0"

    def test_each_client_waits_for_its_own_time(self, slow: Kept) -> None:
        first, second = slow.login(), slow.login()
        first.ask()
        slow.turn(3)
        second.ask()
        slow.turn(2.1)
        assert COMPLETE in names(first.take())
        assert second.take() == []
        slow.know()
        slow.turn()
        assert "KindsMissing" not in last_of(second.take())

    def test_a_server_that_is_away_is_an_error(self, slow: Kept) -> None:
        board = slow.login()
        slow.bench.server().link_down("lost")
        (answer,) = [raw for raw in board.snapshot(ActionID="7") if raw.startswith(b"Response")]
        assert headers(answer)["Response"] == "Error"
        assert headers(answer)["ActionID"] == "7"

    def test_so_is_one_that_is_lost_meanwhile(self, slow: Kept) -> None:
        board = slow.login()
        board.ask()
        slow.turn(1)
        slow.bench.server().link_down("lost")
        slow.turn(5)
        assert [headers(raw)["Response"] for raw in board.take() if raw.startswith(b"Response")] == ["Error"]

    def test_a_client_that_leaves_is_forgotten(self, slow: Kept) -> None:
        board = slow.login()
        board.ask()
        slow.turn(1)
        board.session.lost("reset")
        slow.know()
        slow.turn(10)
        assert board.transport.closed == "abort"
        assert slow.bench.hub.stats.history_of("pbx1").snapshots == {"failed": 1}

    def test_others_with_the_same_question_are_still_answered(self, slow: Kept) -> None:
        board, other = slow.login(), slow.login()
        board.ask()
        other.ask()
        slow.turn(1)
        board.session.lost("reset")
        slow.know()
        slow.turn()
        assert COMPLETE in names(other.take())

    def test_a_client_may_leave_just_before_it_is_answered(self, kept: Kept) -> None:
        board = kept.login()
        board.ask()
        kept.bench.clock.step()
        board.session.lost("reset")
        kept.turn()
        assert board.take() == []
        assert COMPLETE in names(kept.login().snapshot())

    def test_a_client_that_is_closed_gets_an_error_first(self, slow: Kept) -> None:
        board = slow.login()
        board.ask(ActionID="7")
        slow.turn(1)
        board.session.close("drain")
        (answer,) = board.take()
        assert headers(answer)["ActionID"] == "7"
        assert headers(answer)["Message"] == "Session closed: drain"
        slow.turn(10)
        assert slow.bench.hub.stats.history_of("pbx1").snapshots == {"failed": 1}


class BrokenSealer(PlainSealer):
    """Fails while it ``breaks``."""

    breaks = False

    def seal(self, epoch: int, sequence: int) -> bytes:
        if self.breaks:
            raise RuntimeError
        return super().seal(epoch, sequence)


class BrokenClock(HandClock):
    """Fails once when it is read, if it ``breaks``."""

    breaks = False

    def clock(self) -> float:
        if self.breaks:
            self.breaks = False
            raise RuntimeError
        return super().clock()


class TestFaults:
    """A fault of ours ends the answers that it concerns, and no others."""

    def test_one_before_the_answer_is_an_error(self) -> None:
        sealer = BrokenSealer()
        kept = Kept(BOARD, sealer=sealer)
        kept.feed(newchannel("1"), newchannel("2"))
        board = kept.login()
        sealer.breaks = True
        (answer,) = board.snapshot(ActionID="7")
        sealer.breaks = False
        assert (headers(answer)["Response"], headers(answer)["ActionID"]) == ("Error", "7")
        assert kept.bench.hub.stats.faults == 1
        kept.turn(1)
        assert channels(board.snapshot()) == ["1", "2"]

    def test_one_in_the_middle_cancels_it(self) -> None:
        clock = BrokenClock()
        kept = Kept(BOARD, clock=clock)
        kept.feed(*[newchannel(str(number)) for number in range(1, 1000)])
        board = kept.login()
        board.ask(ActionID="7")
        while not board.transport.sent:
            kept.bench.clock.step()
        clock.breaks = True
        kept.turn()
        last = last_of(board.take())
        assert (last["EventList"], last["ActionID"]) == ("Cancelled", "7")
        assert kept.bench.hub.limit_state.backlog.size == 0
        kept.turn(1)
        assert len(channels(board.snapshot())) == 999

    def test_a_limit_is_reported_as_the_clients(self, kept: Kept) -> None:
        board = kept.login()
        board.ask()
        task = board.session.underway
        assert isinstance(task, Asking)
        task.limit_reached("outbox_hard")
        assert kept.bench.hub.stats.limits["outbox_hard"] == 1


class TestSharing:
    def test_clients_of_the_same_view_share_one_answer(self, kept: Kept) -> None:
        clients = [kept.login("board"), kept.login("other"), kept.login("board")]
        for number, client in enumerate(clients):
            client.take()
            client.ask(ActionID=str(number))
        kept.turn()
        answers = [client.take() for client in clients]
        for number, answer in enumerate(answers):
            assert {headers(raw)["ActionID"] for raw in answer} == {str(number)}
            assert [raw.replace(b"ActionID: %d" % number, b"ActionID: 0") for raw in answer] == answers[0]
        counts = kept.bench.hub.stats.history_of("pbx1")
        assert (counts.snapshots["complete"], counts.snapshots_shared) == (3, 2)

    def test_clients_of_other_views_have_their_own(self, kept: Kept) -> None:
        board, calls = kept.login(), kept.login("calls")
        board.ask()
        calls.ask()
        kept.turn()
        assert channels(board.take()) == channels(calls.take()) == ["1", "2"]
        assert kept.bench.hub.stats.history_of("pbx1").snapshots_shared == 0

    def test_rounds_leave_others_most_of_the_time(self, kept: Kept) -> None:
        clock = kept.bench.clock
        kept.feed(*[newchannel(str(number)) for number in range(3, 100)])
        first, second = kept.login(), kept.login("calls")
        first.ask()
        clock.step()
        second.ask()  # it must not get an answer that is older than its question
        with pytest.MonkeyPatch.context() as costly:
            costly.setattr(clock, "clock", _costly(clock))
            while COMPLETE not in names(first.take()):
                clock.step()
        kept.turn(0.05)
        assert second.take() == []
        kept.turn(1)
        assert COMPLETE in names(second.take())

    def test_one_that_asks_when_a_round_ends_without_an_answer_is_answered(self, kept: Kept) -> None:
        board = kept.login()
        kept.bench.server().link_down("lost")
        board.ask(ActionID="1")
        kept.bench.clock.step()
        other = kept.login("calls")
        other.ask(ActionID="2")
        kept.turn()
        for client in (board, other):
            assert "Error" in names(client.take())

    def test_a_client_that_asks_later_gets_a_later_answer(self, kept: Kept) -> None:
        board = kept.login()
        assert channels(board.snapshot()) == ["1", "2"]
        kept.feed(hangup("1"))
        kept.turn(1)
        assert channels(board.snapshot()) == ["2"]

    def test_the_bytes_are_in_memory_once(self, kept: Kept) -> None:
        kept.feed(*[newchannel(str(number)) for number in range(3, 2001)])
        clients = [kept.login() for _ in range(4)]
        for client in clients[:3]:
            client.transport.room = 0
        for client in clients:
            client.take()
            client.ask()
        kept.turn()
        size = sum(map(len, clients.pop().take()))
        assert size > 500_000
        assert size < kept.bench.hub.limit_state.backlog.size < 1.5 * size
        assert all(0.9 * size < client.session.bytes_waiting < 1.3 * size for client in clients)
        for client in clients:
            client.transport.room = None
            while client.session.writable():
                pass
        kept.turn()
        assert kept.bench.hub.limit_state.backlog.size == 0
        assert all(len(channels(client.take())) == 2000 for client in clients)


def _costly(clock: HandClock) -> Callable[[], float]:
    """A clock to read whose reading takes 5 ms."""
    read = 0

    def costly() -> float:
        nonlocal read
        read += 1
        return clock.time + read / 200

    return costly


class TestSlowClients:
    @pytest.fixture
    def many(self) -> Kept:
        kept = Kept(BOARD)
        kept.feed(*[newchannel(str(number)) for number in range(2000)])
        return kept

    def test_a_slow_client_gets_all_of_it_and_holds_up_no_other(self, many: Kept) -> None:
        slow, fast = many.login(), many.login()
        slow.transport.room = 1000
        slow.ask()
        fast.ask()
        many.turn()
        assert last_of(fast.take())["ListItems"] == "2000"
        rounds = 0
        while slow.session.state is Doing.BUSY or slow.session.outbox.size:
            slow.transport.room = 100_000
            slow.session.writable()
            many.turn()
            rounds += 1
        answer = slow.take()
        assert last_of(answer)["ListItems"] == "2000"
        assert len(channels(answer)) == 2000
        assert rounds > 3

    def test_fast_clients_get_it_piece_by_piece(self, many: Kept) -> None:
        clients = [many.login(), many.login()]
        for client in clients:
            client.ask()
        many.turn()
        assert [last_of(client.take())["ListItems"] for client in clients] == ["2000", "2000"]

    def test_a_slow_client_goes_on_while_the_next_round_waits(self, many: Kept) -> None:
        slow, fast = many.login(), many.login()
        slow.transport.room = 1000
        slow.ask()
        with pytest.MonkeyPatch.context() as costly:
            costly.setattr(many.bench.clock, "clock", _costly(many.bench.clock))
            many.turn()
        fast.ask()
        many.turn()
        slow.transport.room = 200_000
        slow.session.writable()
        many.turn()
        assert fast.take() == []
        assert len(slow.transport.take()) > 100_000
        many.turn(2)
        assert last_of(fast.take())["ListItems"] == "2000"

    def test_a_slow_client_alone_is_written_for_as_it_reads(self, many: Kept) -> None:
        slow = many.login()
        slow.transport.room = 1000
        slow.ask()
        many.turn()
        assert many.bench.hub.limit_state.backlog.size < 200_000
        slow.session.lost("reset")
        many.turn(1)
        assert many.bench.hub.limit_state.backlog.size == 0
        assert many.bench.hub.stats.history_of("pbx1").snapshots == {"failed": 1}

    def test_a_slow_client_that_is_closed_is_told_that_the_list_is_cancelled(self, many: Kept) -> None:
        slow = many.login()
        slow.transport.room = 1000
        slow.ask(ActionID="7")
        many.turn()
        slow.session.close("drain")
        slow.transport.room = None
        while slow.session.writable():
            pass
        last = last_of(slow.take())
        assert (last["EventList"], last["ActionID"]) == ("Cancelled", "7")
        assert many.bench.hub.limit_state.backlog.size == 0
        assert many.bench.hub.stats.history_of("pbx1").snapshots == {"failed": 1}

    def test_one_that_is_closed_when_all_is_written_gets_all_of_it(self, kept: Kept) -> None:
        slow = kept.login()
        slow.transport.room = 0
        slow.ask()
        kept.turn()
        slow.session.close("drain")
        slow.transport.room = None
        while slow.session.writable():
            pass
        assert last_of(slow.take())["EventList"] == "Complete"

    def test_one_that_is_closed_gets_what_was_written_for_others(self, many: Kept) -> None:
        slow, fast = many.login(), many.login()
        slow.transport.room = 1000
        slow.ask()
        fast.ask()
        many.turn()
        slow.session.close("drain")
        slow.transport.room = None
        while slow.session.writable():
            pass
        assert last_of(slow.take())["ListItems"] == "2000"
        assert many.bench.hub.stats.history_of("pbx1").snapshots == {"complete": 2}
        assert many.bench.hub.limit_state.backlog.size == 0

    def test_events_that_come_meanwhile_follow_it(self, many: Kept) -> None:
        slow = many.login()
        slow.transport.room = 1000
        slow.ask()
        many.turn()
        many.feed(hangup("7"), newchannel("x"))
        while slow.session.state is Doing.BUSY or slow.session.outbox.size:
            slow.transport.room = 1_000_000
            slow.session.writable()
            many.turn()
        answer = slow.take()
        assert names(answer)[-3:] == [COMPLETE, "Hangup", "Newchannel"]
        assert len(channels(answer)) == 2000


class TestReloads:
    @pytest.fixture
    def waiting(self, kept: Kept) -> tuple[Kept, Client]:
        """A client that waits for its snapshot."""
        kept.forget()
        board = kept.login()
        board.ask(ActionID="7")
        kept.turn(1)
        return kept, board

    def test_a_reload_that_changes_nothing_changes_nothing(self, waiting: tuple[Kept, Client]) -> None:
        kept, board = waiting
        kept.bench.hub.adopt(UserTable([BOARD, OTHER]))
        kept.know()
        kept.turn()
        assert "channels" in last_of(board.take())["Kinds"]

    def test_a_client_that_waits_is_answered_by_its_new_rights(self, waiting: tuple[Kept, Client]) -> None:
        kept, board = waiting
        kept.bench.hub.adopt(UserTable([replace(BOARD, read=privilege.CONFIG)]))
        kept.turn()
        assert "channels" in last_of(board.take())["KindsMissing"]

    def test_a_client_that_may_not_ask_any_more_is_refused(self, waiting: tuple[Kept, Client]) -> None:
        kept, board = waiting
        kept.bench.hub.adopt(UserTable([PLAIN, replace(BOARD, history=False)]))
        (answer,) = board.take()
        assert headers(answer) == {"Response": "Error", "ActionID": "7", "Message": "Permission denied"}
        assert kept.bench.hub.stats.actions_denied == 1
        assert board.session.state is Doing.READY

    def test_one_that_is_about_to_be_answered_is_shown_a_later_moment(self, kept: Kept) -> None:
        board = kept.login()
        board.ask()
        while not board.session.outbox.holding:
            kept.bench.clock.step()
        kept.feed(hangup("1"))
        kept.bench.hub.flush()
        assert board.take() == []
        kept.bench.hub.adopt(UserTable([replace(BOARD, read=privilege.CALL)]))
        kept.turn()
        answer = board.take()
        assert names(answer[:1]) == ["Hangup"]
        assert channels(answer) == ["2"]

    @pytest.mark.parametrize("after", [replace(BOARD, read=privilege.AGENT), replace(BOARD, history=False)])
    def test_a_list_that_has_begun_is_cancelled(self, after: User) -> None:
        kept = Kept(BOARD)
        kept.feed(*[newchannel(str(number)) for number in range(2000)])
        board = kept.login()
        board.transport.room = 70_000
        board.ask()
        kept.turn()
        kept.bench.hub.adopt(UserTable([after]))
        board.transport.room = None
        while board.session.writable():
            pass
        kept.turn()
        assert last_of(board.take())["EventList"] == "Cancelled"
        assert board.session.state is Doing.READY


class TestResuming:
    """A client may ask for a snapshot while it is still sent what it has missed."""

    @pytest.fixture
    def resuming(self, kept: Kept) -> tuple[Kept, Client]:
        board = kept.login()
        position = last_of(board.snapshot())["Sequence"]
        board.send("Logoff")
        for number in range(1000, 2000):
            kept.feed(newchannel(str(number)), hangup(str(number)))
        kept.feed(newchannel("3"))
        again = kept.login()
        again.send("Events", EventMask="off")
        again.take()
        again.transport.room = 200
        again.send("ProxyResume", From=position)
        again.ask(ActionID="7")
        kept.turn(1)
        assert again.session.cursor is not None
        return kept, again

    @staticmethod
    def read_all(kept: Kept, board: Client) -> list[bytes]:
        board.transport.room = None
        while board.session.cursor is not None or board.session.underway is not None:
            board.session.writable()
            kept.turn(0.1)
        return board.take()

    def test_it_is_sent_first_what_it_has_missed(self, resuming: tuple[Kept, Client]) -> None:
        kept, board = resuming
        kept.feed(hangup("1"))
        kept.bench.hub.flush()
        got = self.read_all(kept, board)
        begun = [headers(raw).get("ActionID") for raw in got].index("7")
        missed = names(got[:begun])
        assert missed.count("Newchannel") == 1001
        assert missed[-2:] == ["Newchannel", "Hangup"]
        assert channels(got[begun:]) == ["2", "3"]
        kept.feed(hangup("2"))
        kept.turn(1)
        assert names(board.take()) == ["Hangup"]

    def test_a_reload_meanwhile_changes_what_it_is_shown(self, resuming: tuple[Kept, Client]) -> None:
        kept, board = resuming
        kept.bench.hub.adopt(UserTable([CALLS, replace(BOARD, read=privilege.CALL)]))
        got = self.read_all(kept, board)
        assert channels(got) == ["1", "2", "3"]
        assert not any(b"Application" in raw for raw in got)

    def test_it_may_be_closed_meanwhile(self, resuming: tuple[Kept, Client]) -> None:
        kept, board = resuming
        board.session.close("drain")
        board.transport.room = None
        while board.session.writable():
            pass
        assert headers(board.take()[-1]) == {
            "Response": "Error",
            "ActionID": "7",
            "Message": "Session closed: drain",
        }
        kept.turn(1)
        assert board.take() == []


class TestSeveralServers:
    @pytest.fixture
    def two(self) -> Kept:
        kept = Kept(WIDE, replace(BOARD, name="bound"), servers=TWO)
        kept.feed(newchannel("1"))
        kept.feed(newchannel("2"), newchannel("3"), at="pbx2")
        return kept

    def test_one_list_has_what_exists_at_all_of_them(self, two: Kept) -> None:
        answer = two.login("wide").snapshot(Kinds="channels", ActionID="7")
        assert "Server" not in headers(answer[0])
        assert [headers(raw)["Server"] for raw in answer[1:-1]] == ["pbx1", "pbx2", "pbx2"]
        assert channels(answer) == ["1", "2", "3"]
        assert all(raw.endswith(b"Server: pbx1\r\n\r\n") for raw in answer[1:2])
        last = last_of(answer)
        assert (last["Servers"], last["ListItems"], last["Kinds"]) == ("pbx1, pbx2", "3", "channels")
        assert "ServersMissing" not in last
        journals = [two.bench.server(name).journal for name in ("pbx1", "pbx2")]
        tokens = [journal.token(journal.last) for journal in journals if journal is not None]
        assert last["Sequence"].encode() == b".".join(tokens)
        for name in ("pbx1", "pbx2"):
            assert two.bench.hub.stats.history_of(name).snapshots == {"complete": 1}

    def test_a_client_may_ask_about_one(self, two: Kept) -> None:
        answer = two.login("wide").snapshot(Kinds="channels", Server="PBX2", ActionID="7")
        assert {headers(raw)["Server"] for raw in answer} == {"pbx2"}
        assert channels(answer) == ["2", "3"]
        last = last_of(answer)
        assert not {"Servers", "ServersMissing"} & set(last)
        journal = two.bench.server("pbx2").journal
        assert journal is not None
        assert last["Sequence"].encode() == journal.token(journal.last)

    def test_a_bound_client_sees_no_names(self, two: Kept) -> None:
        answer = two.login("bound").snapshot()
        assert channels(answer) == ["1"]
        assert not any("Server" in key for raw in answer for key in headers(raw))

    def test_a_server_that_it_may_not_use_is_an_error(self, two: Kept) -> None:
        (answer,) = two.login("bound").snapshot(Server="pbx2")
        assert headers(answer)["Message"] == "No such server"

    def test_a_server_that_is_away_is_missing(self, two: Kept) -> None:
        two.bench.server("pbx2").link_down("lost")
        wide = two.login("wide")
        answer = wide.snapshot(Kinds="channels")
        assert channels(answer) == ["1"]
        last = last_of(answer)
        assert (last["Servers"], last["ServersMissing"]) == ("pbx1", "pbx2")
        assert "." not in last["Sequence"]
        two.turn(1)
        (answer_,) = wide.snapshot(Server="pbx2", ActionID="7")
        found = headers(answer_)
        assert (found["Message"], found["Server"]) == ("Server pbx2 is not connected", "pbx2")
        two.bench.server("pbx1").link_down("lost")
        two.turn(1)
        wide.take()
        (answer_,) = wide.snapshot()
        assert headers(answer_)["Response"] == "Error"

    def test_a_server_at_which_it_lacks_the_right_is_missing(self) -> None:
        narrowed = replace(WIDE, narrowed={"pbx2": replace(WIDE, history=False)})
        kept = Kept(narrowed, servers=TWO)
        kept.feed(newchannel("1"))
        kept.feed(newchannel("2"), at="pbx2")
        wide = kept.login("wide")
        answer = wide.snapshot(Kinds="channels")
        assert channels(answer) == ["1"]
        assert last_of(answer)["ServersMissing"] == "pbx2"
        kept.turn(1)
        (refused,) = wide.snapshot(Server="pbx2")
        assert headers(refused)["Message"] == "Permission denied"

    def test_a_client_with_the_right_nowhere_is_refused(self) -> None:
        none = replace(WIDE, history=False)
        kept = Kept(replace(WIDE, narrowed={"pbx1": none, "pbx2": none}), servers=TWO)
        (refused,) = kept.login("wide").snapshot()
        assert headers(refused)["Message"] == "Permission denied"

    def test_a_server_that_is_taken_away_meanwhile_is_not_in_it(self, two: Kept) -> None:
        two.forget("pbx1")
        two.forget("pbx2")
        wide = two.login("wide")
        wide.ask(Kinds="channels")
        two.turn(1)
        two.bench.hub.adopt(UserTable([replace(WIDE, servers=("pbx1",))]))
        two.know("pbx1")
        two.turn()
        last = last_of(wide.take())
        assert last["Servers"] == "pbx1"
        assert "pbx2" not in last.get("ServersMissing", "")
