"""Actions out, answers back: to the asker, whole, once; whatever happens to the link."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami import privilege
from amiproxy.ami.message import Action
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User
from amiproxy.core.servers.outgoing import WINDOW
from tests.support.core_doubles import Bench, event
from tests.support.examples import examples

BOSS = User("boss", read=privilege.ALL & ~privilege.SECURITY, write=privilege.ALL, secret="plain:x")
DEAF = User("deaf", read=0, write=privilege.ALL, secret="plain:x")
SETTER = User(
    "setter", read=0, write=privilege.ALL, secret="plain:x", setvar=((b"ACCOUNT", b"me"), (b"X", b"1"))
)


@pytest.fixture
def bench() -> Bench:
    bench = Bench(BOSS, DEAF, SETTER)
    bench.link_up()
    return bench


def send(session, text: str) -> None:
    session.receive(text.replace("\n", "\r\n").encode() + b"\r\n\r\n")


class Listener:
    """An asker that only records."""

    payer = "boss"

    def __init__(self) -> None:
        self.heard = b""
        self.finished_times = 0

    def reply(self, data: bytes) -> None:
        self.heard += data

    def finished(self) -> None:
        self.finished_times += 1

    def failed(self, data: bytes, reason: bytes) -> None:
        self.reply(data)
        self.finished()

    def limit_reached(self, limit: str, **fields: object) -> None:
        raise AssertionError(limit)


def item(asked, name: str, *rest: str) -> bytes:
    lines = [f"Event: {name}", f"ActionID: {asked.get(b'actionid').decode()}", *rest]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class TestIds:
    def test_relay_ids_are_random_short_and_single_use(self, bench):
        session, _ = bench.login("boss")
        seen = set()
        for _ in range(3):
            send(session, "Action: QueueRule\nActionID: same")
            (asked,) = bench.upstream.take()
            seen.add(asked.get(b"actionid"))
            bench.answer(asked, b"")
        assert len(seen) == 3
        assert all(len(i) == 48 for i in seen), "Asterisk cuts long ones (ami-facts.md §1.2)"
        assert len({i[16:] for i in seen}) == 3, "the mark is the same, the rest is not"

    def test_two_clients_may_use_the_same_action_id(self, bench):
        (one, one_got), (two, two_got) = bench.login("boss"), bench.login("deaf")
        send(one, "Action: QueueRule\nActionID: 1")
        send(two, "Action: ModuleCheck\nActionID: 1")
        first, second = bench.upstream.take()
        bench.answer(first, b"X: one\r\n")
        bench.answer(second, b"X: two\r\n")
        assert one_got.take() == b"Response: Success\r\nActionID: 1\r\nX: one\r\n\r\n"
        assert two_got.take() == b"Response: Success\r\nActionID: 1\r\nX: two\r\n\r\n"

    def test_an_answer_to_an_action_without_id_has_none(self, bench):
        session, got = bench.login("boss")
        send(session, "Action: QueueRule")
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"X: 1\r\n")
        assert got.take() == b"Response: Success\r\nX: 1\r\n\r\n"

    def test_answers_with_unknown_or_missing_ids_reach_no_client(self, bench):
        _, got = bench.login("boss")
        bench.feed(
            b"Response: Success\r\nActionID: made-up\r\n\r\n", b"Response: Error\r\n\r\n", b"rows\r\n\r\n"
        )
        assert got.take() == b""
        assert (
            bench.hub.servers.first.counts.unsolicited_responses,
            bench.hub.servers.first.counts.strays,
        ) == (2, 1)

    def test_the_answer_for_a_lost_client_reaches_no_other(self, bench):
        (one, _), (_, got) = bench.login("boss"), bench.login("boss")
        send(one, "Action: QueueRule\nActionID: 1")
        (asked,) = bench.upstream.take()
        one.lost("reset")
        bench.answer(asked, b"")
        assert got.take() == b""
        assert bench.hub.servers.first.counts.unsolicited_responses == 0
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_an_action_of_a_client_lost_while_it_waits_is_not_sent(self, bench):
        sessions = [bench.login("boss")[0] for _ in range(3)]
        bench.feed()
        for session in sessions:
            send(session, "Action: IAXnetstats")
        assert bench.hub.servers.first.exchange.waiting == 2
        sessions[1].lost("reset")
        assert bench.hub.servers.first.exchange.waiting == 1

    def test_suppressevents_is_not_passed_on(self, bench):
        session, _ = bench.login("boss")
        send(session, "Action: QueueRule\nSuppressEvents: yes")
        (asked,) = bench.upstream.take()
        assert asked.get(b"suppressevents") == b""


class TestOrder:
    def test_a_session_has_one_action_in_flight_at_a_time(self, bench):
        session, got = bench.login("boss")
        send(
            session,
            "Action: QueueRule\nActionID: 1\n\nAction: Ping\nActionID: 2\n\nAction: ModuleCheck\nActionID: 3",
        )
        (asked,) = bench.upstream.take()
        assert got.take() == b""
        bench.answer(asked, b"")
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"")
        sent = got.take()
        assert [sent.index(b"ActionID: " + n) for n in (b"1", b"2", b"3")] == sorted(
            sent.index(b"ActionID: " + n) for n in (b"1", b"2", b"3")
        )

    def test_answers_are_sent_after_the_events_before_them(self):
        bench = Bench(BOSS, interval=0.01)
        bench.link_up()
        session, got = bench.login("boss")
        bench.feed(event("A"))  # the first leaves at once, the next waits
        send(session, "Action: QueueRule\nActionID: 1")
        (asked,) = bench.upstream.take()
        relay_id = asked.get(b"actionid")
        bench.feed(event("B"), b"Response: Success\r\nActionID: " + relay_id + b"\r\n\r\n", event("C"))
        assert got.take() == event("A") + event("B") + b"Response: Success\r\nActionID: 1\r\n\r\n"
        bench.clock.advance(0.02)
        assert got.take() == event("C")

    def test_the_link_takes_a_window_of_actions_and_sessions_take_turns(self, bench):
        sessions = [bench.login("boss")[0] for _ in range(30)]
        more = [bench.login("deaf")[0] for _ in range(10)]
        for session in sessions + more:
            send(session, "Action: QueueRule\n\nAction: ModuleCheck")
        first = bench.upstream.take()
        assert len(first) == WINDOW
        assert bench.hub.servers.first.exchange.waiting == 40 - WINDOW
        bench.answer(first[0], b"")
        (following,) = bench.upstream.take()
        assert following.get(b"action") == b"QueueRule", "the others' first before this one's second"


class TestLists:
    def ask(self, bench, name="boss", action="Action: CoreShowChannels\nActionID: L"):
        session, got = bench.login(name)
        send(session, action)
        (asked,) = bench.upstream.take()
        return session, got, asked

    def test_a_list_goes_to_its_asker_only_whatever_it_may_read(self, bench):
        _, other = bench.login("boss")
        _, got, asked = self.ask(bench, "deaf")
        bench.answer(asked, b"EventList: start\r\nMessage: Channels will follow\r\n")
        bench.feed(item(asked, "CoreShowChannel", "Channel: a"))
        bench.feed(item(asked, "CoreShowChannelsComplete", "EventList: Complete", "ListItems: 1"))
        assert got.take() == (
            b"Response: Success\r\nActionID: L\r\nEventList: start\r\nMessage: Channels will follow\r\n\r\n"
            b"Event: CoreShowChannel\r\nActionID: L\r\nChannel: a\r\n\r\n"
            b"Event: CoreShowChannelsComplete\r\nActionID: L\r\nEventList: Complete\r\nListItems: 1\r\n\r\n"
        )
        assert other.take() == b""
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_items_of_a_lost_asker_reach_no_client(self, bench):
        _, other = bench.login("boss")
        session, got, asked = self.ask(bench)
        bench.answer(asked, b"EventList: start\r\nMessage: Channels will follow\r\n")
        bench.feed(item(asked, "CoreShowChannel", "Channel: a"))
        got.take()
        session.lost("gone")
        bench.feed(*(item(asked, "CoreShowChannel", f"Channel: {n}") for n in range(4)))
        bench.feed(item(asked, "CoreShowChannelsComplete", "EventList: Complete", "ListItems: 5"))
        assert got.take() + other.take() == b""
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_items_without_an_id_belong_to_the_open_list(self, bench):
        _, got, asked = self.ask(bench, action="Action: IAXpeers")
        bench.answer(asked, b"EventList: start\r\n")
        bench.feed(b"Event: PeerEntry\r\nObjectName: a\r\n\r\n", event("Hold"))
        sent = got.take()
        assert b"Event: PeerEntry\r\nObjectName: a\r\n\r\n" in sent
        assert event("Hold") in sent

    def test_headers_of_an_item_without_an_id_do_not_change_the_list(self, bench):
        _, got, asked = self.ask(bench, action="Action: IAXpeers\nActionID: L")
        bench.answer(asked, b"EventList: start\r\n")
        got.take()
        bench.feed(
            b"Event: PeerEntry\r\nActionID: L\r\nEventList: Complete\r\nObjectName: a\r\n\tactionid : L\r\n"
            b"Description: x\r\n eventlist: Complete\r\nListItems: 0\r\n\r\n"
        )
        assert got.take() == (b"Event: PeerEntry\r\nObjectName: a\r\nDescription: x\r\nListItems: 0\r\n\r\n")

    @pytest.mark.parametrize("name", ["CoreShowChannel", "Forged", "Hangup", ""])
    def test_no_other_message_without_an_id_is_an_item(self, bench, name):
        _, got, asked = self.ask(bench)
        bench.answer(asked, b"EventList: start\r\n")
        got.take()
        bench.feed(b"Event: %b\r\nChannel: x\r\n\r\n" % name.encode(), b"Channel: x\r\n\r\n")
        assert got.take() == b""
        assert bench.hub.servers.first.exchange.in_flight == 1

    @given(
        st.lists(
            st.sampled_from(
                [
                    "ActionID: L",
                    "actionid: other",
                    "EventList: Complete",
                    "\tEVENTLIST : Cancelled",
                    "Event: CoreShowChannelsComplete",
                    "Response: Error",
                    " Privilege: x",
                    "Plain: 1",
                    " plain",
                ]
            ),
            max_size=6,
        ),
        st.booleans(),
    )
    def test_an_item_keeps_one_frame_whatever_its_values_contain(self, forged, id_is_last):
        bench = Bench(BOSS)
        bench.link_up()
        _, got, asked = self.ask(bench, action="Action: Status\nActionID: L")
        bench.answer(asked, b"EventList: start\r\n")
        got.take()
        own = f"ActionID: {asked.get(b'actionid').decode()}"
        head, tail = ([], [own]) if id_is_last else ([own], [])
        lines = ["Event: Status", "Privilege: Call", *head, "Variable: x", *forged, *tail, "", ""]
        bench.feed("\r\n".join(lines).encode())
        kept = [line for line in forged if line.strip().lower().startswith("plain")]
        mine = ["ActionID: L"]
        head, tail = ([], mine) if id_is_last else (mine, [])
        expected = ["Event: Status", "Privilege: Call", *head, "Variable: x", *kept, *tail, "", ""]
        assert got.take() == "\r\n".join(expected).encode()
        assert bench.hub.servers.first.exchange.in_flight == 1

    def test_a_value_in_a_response_starts_no_list(self, bench):
        session, got, asked = self.ask(bench, action="Action: Getvar\nVariable: X\nActionID: L")
        bench.answer(asked, b"Variable: X\r\nValue: a\r\nEventList: start\r\nMessage: x will follow\r\n")
        assert got.take() == (
            b"Response: Success\r\nActionID: L\r\nVariable: X\r\nValue: a\r\nMessage: x will follow\r\n\r\n"
        )
        assert bench.hub.servers.first.exchange.in_flight == 0
        send(session, "Action: Ping")
        assert b"Pong" in got.take()

    def test_items_of_one_kind_are_each_repaired_and_counted(self, bench):
        session, got = bench.login("boss")
        send(session, "Action: CoreShowChannels\nActionID: 1")
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"EventList: start\r\nMessage: Channels will follow\r\n")
        got.take()
        bench.feed(item(asked, "CoreShowChannel", "A: 1"), item(asked, "CoreShowChannel", "A: 2\rX\0"))
        bench.feed(item(asked, "Other"), item(asked, "CoreShowChannel"))
        bench.feed(
            item(asked, "CoreShowChannelsComplete", "EventList: Complete"), item(asked, "CoreShowChannel")
        )
        assert got.take() == (
            b"Event: CoreShowChannel\r\nActionID: 1\r\nA: 1\r\n\r\n"
            b"Event: CoreShowChannel\r\nActionID: 1\r\nA: 2?X?\r\n\r\n"
            b"Event: Other\r\nActionID: 1\r\n\r\nEvent: CoreShowChannel\r\nActionID: 1\r\n\r\n"
            b"Event: CoreShowChannelsComplete\r\nActionID: 1\r\nEventList: Complete\r\n\r\n"
        ), "and nothing after its end"
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_an_item_may_be_named_like_an_end_and_the_end_like_an_item(self, bench):
        session, got = bench.login("boss")
        send(session, "Action: SorceryMemoryCacheExpire")  # one whose list is in no table
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"EventList: start\r\nMessage: Channels will follow\r\n")
        bench.feed(item(asked, "HalfComplete"), item(asked, "HalfComplete", "EventList: Complete"))
        bench.pong()
        assert bench.hub.servers.first.exchange.in_flight == 0
        assert got.take().endswith(b"Event: HalfComplete\r\nEventList: Complete\r\n\r\n")

    def test_broadcast_events_in_between_are_not_items(self, bench):
        _, got, asked = self.ask(bench, "deaf")
        bench.answer(asked, b"EventList: start\r\n")
        got.take()
        bench.feed(event("Hold"), event("Hold")[:-2] + b"no colon\r\n\r\n")
        assert got.take() == b""

    def test_items_may_have_a_privilege_header(self, bench):
        _, got, asked = self.ask(bench, "deaf", "Action: Status\nActionID: s")
        bench.answer(asked, b"EventList: start\r\n")
        got.take()
        relay_id = asked.get(b"actionid")
        bench.feed(b"Event: Status\r\nPrivilege: Call\r\nChannel: a\r\nActionID: " + relay_id + b"\r\n\r\n")
        assert got.take() == b"Event: Status\r\nPrivilege: Call\r\nChannel: a\r\nActionID: s\r\n\r\n"

    def test_old_lists_end_by_the_name_of_their_last_event(self, bench):
        session, got, asked = self.ask(bench, action="Action: Status\nActionID: s")
        bench.answer(asked, b"Message: Channel status will follow\r\n")
        bench.feed(item(asked, "StatusComplete"))
        got.take()
        send(session, "Action: Ping")
        assert b"Pong" in got.take()

    @pytest.mark.parametrize(
        "forged",
        [
            b"Response: Success\r\nActionID: guess\r\nMessage: forged\r\n\r\n",
            b"Response: Error\r\n\r\n",
            b"Event: CoreShowChannelsComplete\r\nEventList: Complete\r\nListItems: 9\r\n\r\n",
            b"Event: CoreShowChannel\r\nActionID: %b\r\nApplicationData: x\r\nEventList: Complete\r\n\r\n",
            b"Event: CoreShowChannelsComplete\r\nX: 1\r\nActionID: %b\r\nEventList: Complete\r\n\r\n",
            b"Event: StatusComplete\r\nActionID: %b\r\nEventList: Complete\r\n\r\n",
            b"Event: PeerEntry\r\nObjectName: foreign\r\n\r\n",
        ],
    )
    def test_text_from_callers_does_not_end_a_list(self, bench, forged):
        _, got, asked = self.ask(bench)
        bench.answer(asked, b"EventList: start\r\n")
        bench.feed(forged.replace(b"%b", asked.get(b"actionid")))
        bench.feed(item(asked, "CoreShowChannel", "Channel: real"))
        bench.feed(item(asked, "CoreShowChannelsComplete", "EventList: Complete", "ListItems: 1"))
        assert got.take().endswith(
            b"Event: CoreShowChannel\r\nActionID: L\r\nChannel: real\r\n\r\n"
            b"Event: CoreShowChannelsComplete\r\nActionID: L\r\nEventList: Complete\r\nListItems: 1\r\n\r\n"
        )
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_an_error_after_the_start_ends_a_list(self, bench):
        session, got, asked = self.ask(bench)
        bench.answer(asked, b"EventList: start\r\n")
        bench.answer(asked, b"Message: failed\r\n", b"Error")
        assert got.take().endswith(b"Response: Error\r\nActionID: L\r\nMessage: failed\r\n\r\n")
        send(session, "Action: Ping")
        assert b"Pong" in got.take()

    def test_the_next_response_shows_that_a_list_was_cut_short(self, bench):
        _, got, asked = self.ask(bench)
        other, _ = bench.login("deaf")
        send(other, "Action: QueueRule")
        (status,) = bench.upstream.take()
        bench.answer(asked, b"EventList: start\r\n")
        bench.feed(item(asked, "CoreShowChannel"))
        got.take()
        bench.answer(status, b"")
        assert got.take() == (
            b"Event: CoreShowChannelsComplete\r\nActionID: L\r\nEventList: Cancelled\r\nListItems: 1\r\n\r\n"
        )
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_a_list_may_be_cancelled_by_asterisk(self, bench):
        session, got, asked = self.ask(bench)
        bench.answer(asked, b"EventList: start\r\n")
        bench.feed(item(asked, "CoreShowChannelsComplete", "EventList: cancelled"))
        got.take()
        send(session, "Action: Ping")
        assert b"Pong" in got.take()

    def test_a_plain_error_starts_no_list(self, bench):
        session, got, asked = self.ask(bench)
        bench.answer(asked, b"Message: No active conferences.\r\n", b"Error")
        send(session, "Action: Ping")
        assert b"Pong" in got.take()

    def test_a_list_that_stalls_between_items_is_ended(self, bench):
        _, got, asked = self.ask(bench, action="Action: CoreShowChannels")
        bench.answer(asked, b"EventList: start\r\n")
        got.take()
        for _ in range(2):
            bench.clock.advance(14)
            bench.feed(item(asked, "CoreShowChannel"))
            bench.hub.tick(bench.clock.now())
        got.take()
        bench.clock.advance(16)
        bench.hub.tick(bench.clock.now())
        assert got.take() == (
            b"Event: CoreShowChannelsComplete\r\nEventList: Cancelled\r\nListItems: 2\r\n\r\n"
        )
        bench.feed(item(asked, "CoreShowChannel"), b"Event: NoId\r\n\r\n")
        assert got.take() == b"", "late items are dropped"
        bench.feed(item(asked, "CoreShowChannelsComplete", "EventList: Complete"))
        bench.pong()
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_one_event_may_follow_the_response(self, bench):
        session, got, asked = self.ask(bench, "deaf", "Action: FAXStats\nActionID: f")
        bench.answer(asked, b"Message: FAXStats event will follow\r\n")
        bench.feed(item(asked, "FAXStats", "CurrentSessions: 0"))
        send(session, "Action: Ping\nActionID: p")
        sent = got.take()
        assert (
            b"Event: FAXStats\r\nActionID: f\r\nCurrentSessions: 0\r\n\r\nResponse: Success\r\nActionID: p"
            in sent
        )

    def test_a_refusal_has_no_event(self, bench):
        session, got, asked = self.ask(bench, "deaf", "Action: FAXSession\nActionID: f")
        bench.answer(asked, b"Message: no\r\n", b"Error")
        send(session, "Action: Ping")
        assert b"Pong" in got.take()


class TestFence:
    def test_several_responses_before_the_fence_belong_to_the_action(self, bench):
        session, got = bench.login("boss")
        send(session, "Action: ModuleLoad\nActionID: m\nModule: app_x.so\nLoadType: reload")
        load, ping = bench.upstream.take()
        assert ping.get(b"action") == b"Ping"
        bench.answer(load, b"Message: one\r\n", b"Error")
        bench.answer(load, b"Message: two\r\n", b"Error")
        bench.answer(ping, b"Ping: Pong\r\n")
        assert got.take() == (
            b"Response: Error\r\nActionID: m\r\nMessage: one\r\n\r\n"
            b"Response: Error\r\nActionID: m\r\nMessage: two\r\n\r\n"
        )

    def test_rows_before_the_fence_belong_to_the_action(self, bench):
        session, got = bench.login("boss")
        send(session, "Action: IAXnetstats\nActionID: i\n\nAction: Ping\nActionID: p")
        _, ping = bench.upstream.take()
        bench.feed(b"IAX2/a 12 34\r\n\r\n", b"Response: Odd\r\n\r\n", b"Event: Odd\r\n\r\n", event("Hold"))
        bench.answer(ping, b"Ping: Pong\r\n")
        sent = got.take()
        assert sent.startswith(b"IAX2/a 12 34\r\n\r\nResponse: Odd\r\n\r\nEvent: Odd\r\n\r\n")
        assert (
            sent.endswith(b"ActionID: p\r\nPing: Pong\r\nTimestamp: 1700001000.000000\r\n\r\n")
            or event("Hold") in sent
        )

    def test_an_action_without_any_answer_gets_an_error(self, bench):
        session, got = bench.login("boss")
        send(session, "Action: IAXnetstats\nActionID: i")
        _, ping = bench.upstream.take()
        bench.answer(ping, b"Ping: Pong\r\n")
        assert got.take() == b"Response: Error\r\nActionID: i\r\nMessage: No answer from Asterisk\r\n\r\n"

    def test_a_fenced_action_runs_alone(self, bench):
        (one, _), (two, _), (three, _) = (bench.login("boss") for _ in range(3))
        send(one, "Action: QueueRule")
        send(two, "Action: IAXnetstats")
        send(three, "Action: QueueRule")
        (status,) = bench.upstream.take()
        bench.answer(status, b"")
        stats, ping = bench.upstream.take()
        assert stats.get(b"action") == b"IAXnetstats"
        bench.answer(ping, b"")
        (last,) = bench.upstream.take()
        assert last.get(b"action") == b"QueueRule"

    def test_a_lost_answer_before_it_delays_no_client(self, bench):
        clients = [bench.login("boss") for _ in range(3)]
        for (session, _), name in zip(clients, ("GetConfigJSON", "IAXnetstats", "QueueRule"), strict=True):
            send(session, f"Action: {name}\nFilename: x.conf\nActionID: {name}")
        (_,) = bench.upstream.take()
        bench.clock.advance(14)
        bench.hub.tick(bench.clock.now())
        (late, got) = bench.login("boss")
        send(late, "Action: ModuleCheck\nActionID: late")
        for _ in range(5):
            bench.clock.advance(1)
            bench.hub.tick(bench.clock.now())
        for (_, answered), name in zip(clients, ("GetConfigJSON", "IAXnetstats", "QueueRule"), strict=True):
            expected = f"Response: Error\r\nActionID: {name}\r\nMessage: Timeout waiting for Asterisk\r\n"
            assert expected.encode() in answered.take()
        assert bench.hub.servers.first.counts.action_timeouts == 3
        asked, *_ = bench.pong()  # the others were not sent
        assert asked.get(b"actionid"), "the last one is not delayed by the one that had to run alone"
        bench.answer(asked, b"")
        assert got.take() == b"Response: Success\r\nActionID: late\r\n\r\n"

    def test_it_waits_for_overdue_answers_only_until_the_pong(self, bench):
        (one, _), (two, two_got) = bench.login("boss"), bench.login("boss")
        send(one, "Action: QueueRule")
        (lost,) = bench.upstream.take()
        bench.clock.advance(14)
        bench.hub.tick(bench.clock.now())
        send(two, "Action: IAXnetstats\nActionID: i")
        for _ in range(5):
            bench.clock.advance(1)
            bench.hub.tick(bench.clock.now())
        (ping,) = bench.upstream.take()  # one Ping, however often the timer ticks
        assert ping.get(b"action") == b"Ping"
        bench.answer(ping, b"Ping: Pong\r\n")
        fenced, fence = bench.upstream.take()
        assert fenced.get(b"action") == b"IAXnetstats"
        bench.feed(b"IAX2/a 12 34\r\n\r\n")
        bench.answer(fence, b"Ping: Pong\r\n")
        assert two_got.take() == b"IAX2/a 12 34\r\n\r\n"
        assert lost.get(b"action") == b"QueueRule"

    def test_rows_for_a_lost_asker_are_dropped(self, bench):
        (one, _), (two, _) = bench.login("boss"), bench.login("boss")
        send(one, "Action: IAXnetstats")
        _, ping = bench.upstream.take()
        one.lost("reset")
        bench.feed(b"rows\r\n\r\n")
        bench.answer(ping, b"")
        send(two, "Action: QueueRule")
        assert len(bench.upstream.take()) == 1

    def test_an_action_too_long_with_our_id_is_refused(self, bench):
        asker = Listener()
        bench.hub.servers.first.exchange.submit(
            asker, Action([(b"Action", b"IAXnetstats"), *[(b"H", b"1")] * 127])
        )
        assert b"Too many lines in message" in asker.heard
        assert asker.finished_times == 1
        assert bench.upstream.take() == []


class TestOriginate:
    CALL = "Action: Originate\nChannel: Local/a@b\nApplication: Wait\nData: 1\nActionID: o"

    def response(self, asked, outcome: bytes) -> bytes:
        return (
            b"Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: "
            + asked.get(b"actionid")
            + b"\r\nResponse: "
            + outcome
            + b"\r\nChannel: Local/a@b\r\nReason: 4\r\n\r\n"
        )

    @pytest.mark.parametrize(
        ("outcome", "answer"),
        [
            (
                b"Success",
                b"Response: Success\r\nActionID: o\r\nMessage: Originate successfully queued\r\n\r\n",
            ),
            (b"Failure", b"Response: Error\r\nActionID: o\r\nMessage: Originate failed\r\n\r\n"),
        ],
    )
    def test_a_synchronous_originate_is_sent_asynchronously_without_visible_effect(
        self, bench, outcome, answer
    ):
        _, watcher = bench.login("boss")
        session, got = bench.login("boss")
        send(session, self.CALL + "\n\nAction: QueueRule")
        (asked,) = bench.upstream.take()
        assert asked.get(b"async") == b"true"
        bench.answer(asked, b"Message: Originate successfully queued\r\n")
        assert got.take() == b""
        assert bench.hub.servers.first.exchange.in_flight == 0, "the link is free while the phone rings"
        bench.feed(event("Newchannel"))
        assert got.take() == b"", "events wait for the answer, as in Asterisk"
        assert watcher.take() == event("Newchannel")
        bench.feed(self.response(asked, outcome))
        assert got.take() == answer + event("Newchannel")
        assert watcher.take() == b"", "the synchronous form has no such event"
        assert bench.upstream.take()[0].get(b"action") == b"QueueRule"

    def test_an_originate_refused_at_once_is_answered_at_once(self, bench):
        session, got = bench.login("boss")
        send(session, self.CALL)
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"Message: Channel not specified\r\n", b"Error")
        assert got.take() == b"Response: Error\r\nActionID: o\r\nMessage: Channel not specified\r\n\r\n"

    def test_an_outcome_before_its_response_is_the_answer(self, bench):
        session, got = bench.login("boss")
        send(session, self.CALL)
        (asked,) = bench.upstream.take()
        bench.feed(self.response(asked, b"Success"))
        assert b"successfully queued" in got.take()
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_an_originate_without_application_and_priority_is_sent_unchanged(self, bench):
        session, _ = bench.login("boss")
        send(session, "Action: Originate\nChannel: Local/a@b\nContext: c\nExten: 1")
        (asked,) = bench.upstream.take()
        assert asked.get(b"async") == b""

    def test_an_asynchronous_originate_is_answered_at_once_and_its_event_has_the_id(self, bench):
        _, watcher = bench.login("boss")
        session, got = bench.login("boss")
        send(session, self.CALL + "\nAsync: true")
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"Message: Originate successfully queued\r\n")
        assert b"successfully queued" in got.take()
        bench.feed(self.response(asked, b"Success"))
        expected = (
            b"Event: OriginateResponse\r\nPrivilege: call,all\r\nActionID: o\r\nResponse: Success\r\n"
            b"Channel: Local/a@b\r\nReason: 4\r\n\r\n"
        )
        assert (got.take(), watcher.take()) == (expected, expected)

    def test_the_event_of_an_originate_without_id_has_none(self, bench):
        session, got = bench.login("boss")
        send(session, self.CALL.replace("\nActionID: o", "") + "\nAsync: true")
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"")
        got.take()
        bench.feed(self.response(asked, b"Success"))
        assert b"ActionID" not in got.take()

    def test_setvar_variables_come_after_the_clients(self, bench):
        session, _ = bench.login("setter")
        send(session, self.CALL + "\nVariable: X=mine")
        (asked,) = bench.upstream.take()
        variables = [value for name, value in asked.headers if name == b"Variable"]
        assert variables == [b"X=mine", b"ACCOUNT=me", b"X=1"]

    def test_an_originate_without_an_outcome_ends_after_its_timeout(self, bench):
        session, got = bench.login("boss")
        send(session, self.CALL + "\nTimeout: 0")
        (asked,) = bench.upstream.take()
        assert asked.get(b"timeout") == b"300000"
        bench.answer(asked, b"")
        bench.clock.advance(304)
        bench.hub.tick(bench.clock.now())
        assert got.take() == b""
        bench.clock.advance(2)
        bench.hub.tick(bench.clock.now())
        assert b"Originate failed" in got.take()
        bench.feed(self.response(asked, b"Success"))
        assert got.take() == b""

    def test_entries_of_lost_askers_are_removed_after_a_while(self, bench):
        session, _ = bench.login("boss")
        send(session, self.CALL)
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"")
        session.lost("reset")
        for _ in range(3):
            bench.clock.advance(50)
            bench.hub.tick(bench.clock.now())
        assert bench.hub.servers.first.exchange.echoed(asked.get(b"actionid")) is None

    def test_entries_of_lost_askers_stay_while_an_answer_is_due(self, bench):
        session, _ = bench.login("boss")
        send(session, self.CALL)
        (asked,) = bench.upstream.take()
        for _ in range(4):
            bench.clock.advance(50)
            bench.hub.tick(bench.clock.now())
        bench.answer(asked, b"")
        bench.pong()
        assert bench.hub.servers.first.exchange.in_flight == 0
        assert bench.hub.servers.first.counts.unsolicited_responses == 0


class TestUserEventEchoes:
    def test_an_echo_that_never_comes_is_forgotten(self, bench):
        session, _ = bench.login("boss")
        send(session, "Action: UserEvent\nUserEvent: X\nActionID: 1")
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"Message: Event Sent\r\n")
        assert bench.hub.servers.first.exchange.remembered == 1
        bench.clock.advance(61)
        bench.hub.tick(bench.clock.now())
        assert bench.hub.servers.first.exchange.remembered == 0

    def test_a_userevent_carries_its_senders_id_to_all_readers(self, bench):
        _, watcher = bench.login("boss")
        session, got = bench.login("deaf")
        send(session, "Action: UserEvent\nActionID: u\nUserEvent: Alarm\nX: 1")
        (asked,) = bench.upstream.take()
        relay_id = asked.get(b"actionid")
        bench.answer(asked, b"Message: Event Sent\r\n")
        raw = (
            b"Event: UserEvent\r\nPrivilege: user,all\r\nActionID: "
            + relay_id
            + b"\r\nUserEvent: Alarm\r\nX: 1\r\n\r\n"
        )
        bench.feed(raw)
        assert watcher.take() == raw.replace(relay_id, b"u")
        assert got.take() == b"Response: Success\r\nActionID: u\r\nMessage: Event Sent\r\n\r\n"
        bench.clock.advance(120)
        bench.hub.tick(bench.clock.now())
        bench.feed(raw)
        assert b"ActionID" not in watcher.take()

    def test_an_echo_may_come_before_its_response(self, bench):
        _, watcher = bench.login("boss")
        session, _ = bench.login("deaf")
        send(session, "Action: UserEvent\nUserEvent: Alarm")
        (asked,) = bench.upstream.take()
        bench.feed(
            b"Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: Alarm\r\nActionID: "
            + asked.get(b"actionid")
            + b"\r\n\r\n"
        )
        assert watcher.take() == b"Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: Alarm\r\n\r\n"

    def test_an_action_id_that_is_not_ours_is_removed(self, bench):
        _, watcher = bench.login("boss")
        bench.feed(event("UserEvent", "user", ActionID="login1"))
        assert watcher.take() == event("UserEvent", "user")


class TestTime:
    def test_an_answer_that_does_not_come_becomes_a_timeout_error(self, bench):
        session, got = bench.login("boss")
        send(session, "Action: QueueRule\nActionID: 1")
        (asked,) = bench.upstream.take()
        bench.clock.advance(16)
        bench.hub.tick(bench.clock.now())
        assert (
            got.take() == b"Response: Error\r\nActionID: 1\r\nMessage: Timeout waiting for Asterisk\r\n\r\n"
        )
        bench.answer(asked, b"")
        assert got.take() == b""
        bench.pong()
        assert bench.hub.servers.first.exchange.in_flight == 0

    def test_a_lost_answer_takes_no_place_on_the_link(self, bench):
        # The link skips a message over its size limit: such an answer never comes.
        session, got = bench.login("boss")
        for _ in range(WINDOW):
            send(session, "Action: QueueRule")
            bench.clock.advance(16)
            bench.hub.tick(bench.clock.now())
        assert bench.hub.servers.first.exchange.in_flight == WINDOW, "with the Pings that ask for them"
        send(session, "Action: ModuleCheck\nActionID: 1")
        got.take()
        *_, ping = bench.upstream.take()
        assert ping.get(b"action") == b"Ping"
        bench.answer(ping, b"Ping: Pong\r\n")
        (asked,) = bench.upstream.take()
        assert asked.get(b"action") == b"ModuleCheck"
        assert bench.hub.servers.first.exchange.in_flight == 1
        bench.answer(asked, b"")
        assert got.take() == b"Response: Success\r\nActionID: 1\r\n\r\n"

    def test_an_action_that_cannot_be_sent_makes_no_other_be_sent_twice(self, bench):
        # Its session ends with it, and the queue is rebuilt while it is being processed.
        for _ in range(WINDOW):
            send(bench.login("deaf")[0], "Action: QueueRule")
        on_link = bench.upstream.take()
        setter, _ = bench.login("setter")
        long = "Action: Originate\nChannel: Local/1@x\nApplication: Wait\nData: 1\n"
        send(setter, long + "\n".join(f"Variable: X{n}=1" for n in range(123)))
        setter.ended()
        for number in range(3):
            send(bench.login("boss")[0], f"Action: QueueStatus\nActionID: {number}\nQueue: {number}")
        for asked in on_link:
            bench.answer(asked, b"")
        assert [asked.get(b"queue") for asked in bench.upstream.take()] == [b"0", b"1", b"2"]

    def test_any_number_of_unsendable_actions_are_refused_and_affect_no_other(self):
        bench = Bench(DEAF, limits=Limits(sessions_per_user=1000))
        bench.link_up()
        for _ in range(WINDOW):
            send(bench.login("deaf")[0], "Action: QueueRule")
        on_link = bench.upstream.take()
        asked = [bench.login("deaf") for _ in range(400)]
        too_long = ("Action: UserEvent" + "".join(f"\nH{n}: 1" for n in range(127))).replace("\n", "\r\n")
        for session, _ in asked:
            session.receive(2 * (too_long.encode() + b"\r\n\r\n"))
        bench.answer(on_link[0], b"")
        assert {got.take().count(b"Too many lines in message") for _, got in asked} == {2}
        assert bench.hub.stats.faults == 0

    def test_a_second_answer_to_an_undecided_call_gives_up_no_other_action(self, bench):
        (caller, _), (other, got) = bench.login("boss"), bench.login("deaf")
        send(caller, TestOriginate.CALL)
        (call,) = bench.upstream.take()
        bench.answer(call, b"Message: Originate successfully queued\r\n")
        send(other, "Action: QueueRule")
        (asked,) = bench.upstream.take()
        bench.clock.advance(16)
        bench.hub.tick(bench.clock.now())
        got.take()
        bench.answer(call, b"Message: Originate successfully queued\r\n")
        assert bench.hub.servers.first.exchange.in_flight == 2, "a Ping asks for the other's answer"
        bench.answer(asked, b"")
        bench.pong()
        assert bench.hub.servers.first.exchange.in_flight == 0
        assert bench.hub.servers.first.counts.unsolicited_responses == 0

    def test_a_call_that_waits_for_a_place_is_answered_when_its_session_ends(self, bench):
        for _ in range(WINDOW):
            send(bench.login("deaf")[0], "Action: QueueRule")
        session, got = bench.login("boss")
        send(session, TestOriginate.CALL)
        bench.feed(event("Newchannel"))
        session.close("shutdown")
        answer, _, held = got.take().partition(b"\r\n\r\n")
        assert answer.startswith(b"Response: Error\r\n")
        assert b"Session closed: shutdown" in answer
        assert held == event("Newchannel"), "bytes held in its outbox are sent, too"

    def test_commands_have_a_longer_timeout(self, bench):
        session, got = bench.login("boss")
        send(session, "Action: Command\nCommand: core show uptime")
        assert bench.upstream.take()
        bench.clock.advance(59)
        bench.hub.tick(bench.clock.now())
        assert got.take() == b""
        bench.clock.advance(3)
        bench.hub.tick(bench.clock.now())
        assert b"Timeout waiting" in got.take()


class TestLinkLoss:
    def test_every_open_action_is_answered_when_the_link_is_lost(self, bench):
        clients = [bench.login("deaf") for _ in range(5)]
        asks = [
            TestOriginate.CALL,
            "Action: CoreShowChannels\nActionID: 2",
            "Action: QueueRule\nActionID: 1",
            "Action: QueueRule\nActionID: 4",
            "Action: IAXnetstats\nActionID: 5",
        ]
        for (session, _), text in zip(clients, asks, strict=True):
            send(session, text)
        asked = bench.upstream.take()
        bench.answer(asked[0], b"")
        bench.answer(asked[1], b"EventList: start\r\n")
        clients[1][1].take()
        bench.hub.servers.first.link_down("gone")
        lost = (
            b"Response: Error\r\nActionID: %d\r\nMessage: Upstream connection lost (outcome unknown)\r\n\r\n"
        )
        assert [got.take() for _, got in clients] == [
            b"Response: Error\r\nActionID: o\r\nMessage: Originate failed\r\n\r\n",
            b"Event: CoreShowChannelsComplete\r\nActionID: 2\r\nEventList: Cancelled\r\nListItems: 0\r\n\r\n",
            lost % 1,
            lost % 4,
            b"Response: Error\r\nActionID: 5\r\nMessage: Upstream not connected\r\n\r\n",
        ]

    def test_actions_are_refused_while_the_link_is_down_and_not_sent_later(self, bench):
        session, got = bench.login("deaf")
        send(session, "Action: QueueRule\nActionID: 1\n\nAction: QueueRule\nActionID: 2")
        bench.upstream.take()
        bench.hub.servers.first.link_down("gone")
        assert got.take() == (
            b"Response: Error\r\nActionID: 1\r\nMessage: Upstream connection lost (outcome unknown)\r\n\r\n"
            b"Response: Error\r\nActionID: 2\r\nMessage: Upstream not connected\r\n\r\n"
        )
        bench.link_up()
        assert bench.upstream.take() == []


@examples(0.6)
@given(st.data())
def test_in_any_interleaving_each_client_gets_exactly_its_own(data):
    """N sessions, each with its own actions, plain and lists; some leave.  Asterisk answers in order."""
    bench = Bench(BOSS, DEAF, limits=Limits())
    bench.link_up()
    count = data.draw(st.integers(1, 5))
    clients = [bench.login(data.draw(st.sampled_from(["boss", "deaf"]))) for _ in range(count)]
    expected = [b""] * count
    alive = set(range(count))
    to_answer: list[tuple[object, int, bytes]] = []
    serial = 0
    for _ in range(data.draw(st.integers(1, 25))):
        step = data.draw(st.sampled_from(["ask", "ask", "answer", "answer", "vanish"]))
        if step == "ask" and alive:
            who = data.draw(st.sampled_from(sorted(alive)))
            if any(w == who for _, w, _ in to_answer):
                continue
            serial += 1
            listed = data.draw(st.booleans())
            client_id = data.draw(st.sampled_from([b"same", b"", b"%d" % serial]))
            line = b"ActionID: " + client_id + b"\r\n" if client_id else b""
            name = b"BridgeTechnologyList" if listed else b"QueueRule"
            clients[who][0].receive(b"Action: " + name + b"\r\n" + line + b"\r\n")
            (asked,) = bench.upstream.take()
            to_answer.append((asked, who, line))
        elif step == "answer" and to_answer:
            asked, who, line = to_answer.pop(0)
            payload = b"Serial: %d\r\n" % data.draw(st.integers(0, 9))
            if asked.get(b"action") == b"QueueRule":
                bench.answer(asked, payload)
                told = b"Response: Success\r\n" + line + payload + b"\r\n"
            else:
                bench.answer(asked, b"EventList: start\r\n")
                bench.feed(item(asked, "BridgeTechnologyList", payload.decode().strip()))
                bench.feed(item(asked, "BridgeTechnologyListComplete", "EventList: Complete"))
                told = (
                    b"Response: Success\r\n" + line + b"EventList: start\r\n\r\n"
                    b"Event: BridgeTechnologyList\r\n" + line + payload + b"\r\n"
                    b"Event: BridgeTechnologyListComplete\r\n" + line + b"EventList: Complete\r\n\r\n"
                )
            if who in alive:
                expected[who] += told
        elif step == "vanish" and alive:
            who = data.draw(st.sampled_from(sorted(alive)))
            clients[who][0].lost("reset")
            alive.discard(who)
    for who in range(count):
        assert clients[who][1].take() == expected[who]
    assert bench.hub.servers.first.counts.unsolicited_responses == 0
    assert bench.hub.servers.first.exchange.in_flight == len(to_answer)


@pytest.mark.parametrize("action", ["ModuleLoad\nModule: app_x.so\nLoadType: reload", "FAXStats"])
@pytest.mark.parametrize("end", ["link", "time", "close"])
def test_an_answered_action_is_not_answered_again(bench, action, end):
    session, got = bench.login("boss")
    send(session, f"Action: {action}\nActionID: 7")
    asked = bench.upstream.take()[0]
    bench.answer(asked, b"")
    got.take()
    if end == "link":
        bench.hub.servers.first.link_down("gone")
    elif end == "time":
        bench.clock.advance(100)
        bench.hub.tick(bench.clock.now())
    else:
        session.close("kicked")
        bench.hub.servers.first.link_down("gone")
    assert b"ActionID: 7" not in got.take()
    assert session.is_idle or end == "close"


@pytest.mark.parametrize("answered_first", [True, False])
def test_nothing_is_remembered_of_user_events_that_came_back(bench, answered_first):
    session, got = bench.login("boss")
    for number in range(5):
        send(session, f"Action: UserEvent\nUserEvent: x\nActionID: u{number}")
        (asked,) = bench.upstream.take()
        echo = b"Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: x\r\nActionID: %b\r\n\r\n"
        if answered_first:
            bench.answer(asked, b"")
        bench.feed(echo % asked.get(b"actionid"))
        if not answered_first:
            bench.answer(asked, b"")
        assert b"Event: UserEvent\r\n" in (sent := got.take())
        assert sent.count(b"ActionID: u%d" % number) == 2
    assert not bench.hub.servers.first.exchange.remembered
