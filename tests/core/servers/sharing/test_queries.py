"""List queries of several clients are asked once; each client gets a whole answer of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami import privilege
from amiproxy.ami.message import MAX_LINE, Message
from amiproxy.core.clients.session import Session
from amiproxy.core.hub import Hub
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.users import User, UserTable
from amiproxy.core.servers.known.lengths import LONG_BYTES
from tests.core.servers.test_side import Opener
from tests.support.answer_writers import EndWriter
from tests.support.core_doubles import Bench, ListTransport, ListUpstream, event
from tests.support.examples import examples

BOSS = User("boss", read=privilege.ALL & ~privilege.SECURITY, write=privilege.ALL, secret="plain:x")
OTHER = User("other", read=privilege.ALL & ~privilege.SECURITY, write=privilege.ALL, secret="plain:x")
ASTERISK_SECONDS = 0.02


class Client:
    """A session, and what it was sent."""

    def __init__(self, bench: Bench, name: str = "boss", by: ListTransport | None = None) -> None:
        self.session: Session
        self.got: ListTransport
        self.session, self.got = bench.login(name, by=by)

    def ask(self, action_id: str = "", what: str = "CoreShowChannels") -> None:
        line = f"ActionID: {action_id}\r\n" if action_id else ""
        self.session.receive(f"Action: {what}\r\n{line}\r\n".encode())


def listed(action_id: bytes, *channels: str, name: str = "CoreShowChannel") -> list[bytes]:
    """A list's messages, with this ActionID; none if it is empty."""
    line = b"ActionID: %b\r\n" % action_id if action_id else b""
    first = b"Response: Success\r\n" + line + b"EventList: start\r\nMessage: Will follow\r\n\r\n"
    items = [f"Event: {name}\r\n".encode() + line + f"Channel: {c}\r\n\r\n".encode() for c in channels]
    end = f"EventList: Complete\r\nListItems: {len(channels)}\r\n\r\n".encode()
    return [first, *items, f"Event: {name}sComplete\r\n".encode() + line + end]


def own(action_id: str, *channels: str) -> bytes:
    return b"".join(listed(action_id.encode(), *channels))


def answer(bench: Bench, asked: Message, *channels: str) -> None:
    """Asterisk's whole answer, which has taken some time."""
    bench.clock.advance(ASTERISK_SECONDS)
    bench.feed(*listed(asked.get(b"actionid"), *channels))


@pytest.fixture
def bench() -> Bench:
    bench = Bench(BOSS, OTHER)
    bench.link_up()
    return bench


def departed(bench: Bench, count: int = 3, by: ListTransport | None = None) -> tuple[list[Client], Message]:
    """Clients that share one answer, with ids 1, 2, …, and their action at Asterisk.

    ``by`` is the transport of the first one.
    """
    first = Client(bench)
    first.ask("first")
    (asked,) = bench.upstream.take()
    clients = [Client(bench, "boss", by)]
    clients += [Client(bench, ("boss", "other")[number % 2]) for number in range(1, count)]
    for number, client in enumerate(clients, 1):
        client.ask(str(number))
    answer(bench, asked, "old")
    assert first.got.take() == own("first", "old")
    bench.clock.advance(1)
    (asked,) = bench.upstream.take()
    return clients, asked


class TestJoining:
    def test_those_that_come_while_one_is_under_way_share_the_next(self, bench):
        clients, asked = departed(bench)
        assert not bench.upstream.take()
        answer(bench, asked, "a", "b")
        bench.clock.advance(0)
        for number, client in enumerate(clients, 1):
            assert client.got.take() == own(str(number), "a", "b")
        assert bench.hub.servers.first.counts.actions_joined == 2
        assert bench.hub.servers.first.in_flight == 0

    def test_one_client_alone_is_sent_each_item_as_it_comes(self, bench):
        client = Client(bench)
        client.ask("1")
        (asked,) = bench.upstream.take()
        bench.feed(listed(asked.get(b"actionid"), "a")[0])
        assert client.got.take() == listed(b"1")[0]

    def test_the_next_waits_for_a_multiple_of_the_last_ones_time(self, bench):
        one, two = Client(bench), Client(bench)
        one.ask("1")
        (asked,) = bench.upstream.take()
        answer(bench, asked)
        two.ask("2")
        bench.clock.advance(4.9 * ASTERISK_SECONDS)
        assert not bench.upstream.take()
        bench.clock.advance(0.2 * ASTERISK_SECONDS)
        assert len(bench.upstream.take()) == 1

    def test_the_next_waits_half_a_second_at_most(self, bench):
        one, two = Client(bench), Client(bench)
        one.ask("1")
        (asked,) = bench.upstream.take()
        bench.clock.advance(3)
        answer(bench, asked)
        two.ask("2")
        bench.clock.advance(0.49)
        assert not bench.upstream.take()
        bench.clock.advance(0.02)
        assert len(bench.upstream.take()) == 1

    def test_it_is_sent_at_once_if_the_last_one_was_long_ago(self, bench):
        client = Client(bench)
        for number in range(3):
            client.ask(str(number))
            (asked,) = bench.upstream.take()
            answer(bench, asked)
            bench.clock.advance(10 * ASTERISK_SECONDS)
            bench.hub.tick(bench.clock.now())

    def test_other_arguments_make_another_query(self, bench):
        for number, queue in enumerate(("a", "b", "a")):
            Client(bench).ask(str(number), f"QueueStatus\r\nQueue: {queue}")
        assert [asked.get(b"queue") for asked in bench.upstream.take()] == [b"a", b"b"]

    def test_an_action_that_may_change_something_is_never_shared(self, bench):
        for number in range(3):
            Client(bench).ask(str(number), "Getvar\r\nVariable: X")
        assert len(bench.upstream.take()) == 3

    def test_a_status_of_one_channel_is_not_shared(self, bench):
        for number in range(3):
            Client(bench).ask(str(number), "Status\r\nChannel: PJSIP/1-1")
        assert len(bench.upstream.take()) == 3

    def test_those_in_the_links_queue_are_taken_along(self, bench):
        # A fenced action is alone on the link, so the others wait for a place.
        Client(bench).ask("f", "IAXnetstats")
        clients = [Client(bench) for _ in range(3)]
        clients[0].ask("1")
        clients[1].ask("", "CoreStatus")
        clients[2].ask("3")
        _, ping = bench.upstream.take()
        bench.answer(ping, b"Ping: Pong\r\n")
        channels, status = bench.upstream.take()
        answer(bench, channels, "a")
        bench.answer(status, b"X: y\r\n")
        bench.clock.advance(0)
        assert clients[0].got.take() == own("1", "a")
        assert clients[1].got.take() == b"Response: Success\r\nX: y\r\n\r\n"
        assert clients[2].got.take() == own("3", "a")

    def test_one_that_is_denied_joins_nothing(self):
        nobody = User("nobody", read=privilege.ALL, write=0, secret="plain:x")
        bench = Bench(BOSS, nobody)
        bench.link_up()
        Client(bench).ask("1")
        denied = Client(bench, "nobody")
        denied.ask("2")
        assert denied.got.take().startswith(b"Response: Error\r\nActionID: 2\r\nMessage: Permission denied")

    def test_each_users_action_is_counted(self, bench):
        _, asked = departed(bench, 2)
        answer(bench, asked)
        bench.clock.advance(0)
        results = bench.hub.stats.actions.results
        assert results[b"CoreShowChannels", "boss", "success"] == 2
        assert results[b"CoreShowChannels", "other", "success"] == 1


class TestIds:
    @pytest.mark.parametrize("action_id", ["", "x", "x" * 900, "ActionID: 1", "päng", "1"])
    def test_each_has_its_own(self, bench, action_id):
        (one, two, three), asked = departed(bench)
        answer(bench, asked)
        bench.clock.advance(0)
        for client in (one, two, three):
            client.got.take()
        one.ask("1")
        (asked,) = (bench.clock.advance(1), bench.upstream.take())[1]
        two.ask(action_id)
        three.ask("3")
        answer(bench, asked)
        bench.clock.advance(1)
        (asked,) = bench.upstream.take()
        answer(bench, asked, "a", "b")
        bench.clock.advance(0)
        assert two.got.take() == own(action_id, "a", "b")
        assert three.got.take() == own("3", "a", "b")

    def test_what_a_caller_wrote_is_made_harmless_for_all(self, bench):
        (one, two), asked = departed(bench, 2)
        first, item, last = listed(asked.get(b"actionid"), "a")
        bench.feed(first, item.replace(b"Channel: a\r\n", b"Channel: a\r\nActionID: 1\r\nName: b\r\n"), last)
        bench.clock.advance(0)
        for client, action_id in ((one, "1"), (two, "2")):
            assert client.got.take() == own(action_id, "a").replace(b": a\r\n", b": a\r\nName: b\r\n")

    def test_items_without_an_action_id_have_none(self, bench):
        clients = [Client(bench) for _ in range(3)]
        for number, client in enumerate(clients):
            client.ask(str(number), "IAXpeers")
        (asked,) = bench.upstream.take()
        bench.answer(asked, b"", b"Error")
        bench.clock.advance(0)
        (asked,) = bench.upstream.take()
        relay_id = asked.get(b"actionid")
        bench.feed(
            b"Response: Success\r\nActionID: %b\r\nEventList: start\r\n\r\n" % relay_id,
            b"Event: PeerEntry\r\nObjectName: x\r\n\r\n",
            b"Event: PeerlistComplete\r\nActionID: %b\r\nEventList: Complete\r\n\r\n" % relay_id,
        )
        bench.clock.advance(0)
        assert b"Event: PeerEntry\r\nObjectName: x\r\n\r\n" in clients[1].got.take()


class TestEvents:
    def test_they_wait_until_the_answer_is_complete(self, bench):
        (one, _two), asked = departed(bench, 2)
        messages = listed(asked.get(b"actionid"), "a")
        bench.feed(*messages[:2])
        bench.feed(event("Hangup", Channel="a"))
        bench.clock.advance(1)
        assert b"Hangup" not in one.got.take()
        bench.feed(messages[2])
        bench.clock.advance(0)
        got = one.got.take()
        assert 0 <= got.index(b"EventList: Complete") < got.index(b"Event: Hangup")

    def test_the_next_action_of_a_client_waits_for_its_answer(self, bench):
        (one, _two), asked = departed(bench, 2)
        one.ask("p", "Ping")
        answer(bench, asked, "a")
        bench.clock.advance(0)
        assert one.got.take().startswith(own("1", "a") + b"Response: Success\r\nActionID: p\r\n")


class TestFaults:
    def test_the_link_is_lost_before_it_is_sent(self, bench):
        Client(bench).ask("1")
        waits = Client(bench)
        waits.ask("2")
        bench.hub.servers.first.link_down("gone")
        assert b"ActionID: 2\r\nMessage: Upstream not connected\r\n" in waits.got.take()
        assert bench.hub.servers.first.in_flight == 0

    def test_the_link_is_lost_before_the_answer(self, bench):
        clients, _asked = departed(bench)
        bench.hub.servers.first.link_down("gone")
        bench.clock.advance(0)
        for number, client in enumerate(clients, 1):
            assert b"Response: Error\r\nActionID: %d\r\n" % number in (got := client.got.take())
            assert b"outcome unknown" in got

    def test_the_link_is_lost_in_the_middle(self, bench):
        clients, asked = departed(bench)
        bench.feed(*listed(asked.get(b"actionid"), "a")[:2])
        bench.hub.servers.first.link_down("gone")
        bench.clock.advance(0)
        for number, client in enumerate(clients, 1):
            got = client.got.take()
            assert got.startswith(b"".join(listed(b"%d" % number, "a")[:2]))
            end = b"Event: CoreShowChannelsComplete\r\nActionID: %d\r\nEventList: Cancelled\r\n" % number
            assert got.count(end) == 1

    def test_one_that_cannot_be_sent_is_an_error_for_each_and_the_next_is_sent(self, bench):
        # The proxy writes a blank after the colon, with which the line is too long for Asterisk.
        for number, queue in enumerate(("Queue:" + "q" * (MAX_LINE - len("Queue:")), "Queue: q")):
            Client(bench).ask("f", "IAXnetstats")
            clients = [Client(bench) for _ in range(2)]
            for client in clients:
                client.ask(str(number), f"QueueStatus\r\n{queue}")
            _, ping = bench.upstream.take()
            bench.answer(ping, b"Ping: Pong\r\n")
            bench.clock.advance(0)
            if number == 0:
                assert not bench.upstream.take()
                for client in clients:
                    assert client.got.take().startswith(b"Response: Error\r\nActionID: 0\r\n")
                    assert client.session.is_idle
        assert [asked.get(b"queue") for asked in bench.upstream.take()] == [b"q"]

    def test_asterisk_refuses(self, bench):
        clients, asked = departed(bench)
        bench.answer(asked, b"Message: Permission denied\r\n", b"Error")
        bench.clock.advance(0)
        for number, client in enumerate(clients, 1):
            assert client.got.take() == (
                b"Response: Error\r\nActionID: %d\r\nMessage: Permission denied\r\n\r\n" % number
            )
        results = bench.hub.stats.actions.results
        assert results[b"CoreShowChannels", "other", "error"] == 1

    def test_each_has_its_own_deadline_while_it_waits(self, bench):
        Client(bench).ask("1")
        early = Client(bench)
        early.ask("2")
        bench.clock.advance(10)
        later = Client(bench)
        later.ask("3")
        bench.clock.advance(6)
        bench.hub.tick(bench.clock.now())
        assert b"ActionID: 2\r\nMessage: Timeout" in early.got.take()
        assert not later.got.take()
        assert bench.hub.servers.first.exchange.waiting == 1

    def test_asterisk_does_not_answer(self, bench):
        clients, _asked = departed(bench)
        before = bench.hub.servers.first.counts.action_timeouts
        bench.clock.advance(20)
        bench.hub.tick(bench.clock.now())
        bench.clock.advance(0)
        for number, client in enumerate(clients, 1):
            assert b"ActionID: %d\r\nMessage: Timeout" % number in client.got.take()
            assert client.session.is_idle
        assert bench.hub.servers.first.counts.action_timeouts == before + 3

    def test_the_list_has_too_many_items(self):
        bench = Bench(BOSS, OTHER, limits=Limits(list_items=2))
        bench.link_up()
        clients, asked = departed(bench)
        answer(bench, asked, "a", "b", "c", "d")
        bench.clock.advance(0)
        for client in clients:
            got = client.got.take()
            assert got.count(b"Event: CoreShowChannel\r\n") == 3
            assert got.count(b"EventList: Cancelled") == 1
        assert bench.hub.stats.limits["list_items"] == 3

    @pytest.mark.parametrize("when", ["waiting", "before", "middle"])
    @pytest.mark.parametrize("how", ["lost", "logoff", "kicked"])
    def test_one_that_leaves_disturbs_no_other(self, bench, when, how):
        if when == "waiting":
            Client(bench).ask("first")
            (asked,) = bench.upstream.take()
            clients = [Client(bench) for _ in range(3)]
            for number, client in enumerate(clients, 1):
                client.ask(str(number))
        else:
            clients, asked = departed(bench)
            if when == "middle":
                bench.feed(*listed(asked.get(b"actionid"), "a")[:2])
        leaves = clients[1]
        if how == "lost":
            leaves.session.lost("reset")
        elif how == "kicked":
            leaves.session.dismiss("kicked")
            got = leaves.got.take()
            if when == "middle":
                assert b"".join(listed(b"2", "a")[:2]) + b"Event: CoreShowChannelsComplete" in got
            else:
                assert b"Response: Error\r\nActionID: 2\r\nMessage: Session closed" in got
        else:
            leaves.ask("bye", "Logoff")
        if when == "middle":
            bench.feed(*listed(asked.get(b"actionid"), "a")[2:])
        else:
            answer(bench, asked, "a")
        bench.clock.advance(1)
        if when == "waiting":
            (asked,) = bench.upstream.take()
            answer(bench, asked, "a")
            bench.clock.advance(0)
        for number in (1, 3):
            assert clients[number - 1].got.take() == own(str(number), "a")
        if how == "logoff":
            assert leaves.got.take().startswith(own("2", "a") + b"Response: Goodbye")
        assert bench.hub.servers.first.in_flight == 0
        assert bench.hub.limit_state.backlog.size == 0

    @pytest.mark.parametrize("middle", [True, False])
    def test_all_leave(self, bench, middle):
        clients, asked = departed(bench)
        messages = listed(asked.get(b"actionid"), "a")
        if middle:
            bench.feed(*messages[:2])
            messages = messages[2:]
        for client in clients:
            client.session.lost("reset")
        bench.feed(*messages)
        bench.clock.advance(1)
        assert bench.hub.servers.first.in_flight == 0
        assert bench.hub.limit_state.backlog.size == 0

    def test_one_that_is_closed_gets_all_there_is(self, bench):
        clients, asked = departed(bench)
        answer(bench, asked, "a")
        clients[0].session.dismiss("kicked")
        assert clients[0].got.take().endswith(own("1", "a"))

    def test_a_fault_of_one_disturbs_no_other(self, bench):
        clients, asked = departed(bench)

        def broken(_data: bytes) -> int:
            raise RuntimeError

        clients[0].got.send = broken
        answer(bench, asked, "a")
        bench.clock.advance(0)
        assert bench.hub.stats.faults == 1
        assert clients[1].got.take() == own("2", "a")
        assert bench.hub.servers.first.in_flight == 0

    def test_a_fault_at_the_end_disturbs_no_other(self, bench):
        class BreaksAtTheSecond(EndWriter):
            answers = 0

            def ended(self) -> bytes:
                self.answers += 1
                if self.answers == 2:  # the first one is that of its login
                    raise RuntimeError
                return b""

        transport = ListTransport()
        transport.writer = BreaksAtTheSecond()
        clients, asked = departed(bench, by=transport)
        answer(bench, asked, "a")
        bench.clock.advance(0)
        assert bench.hub.stats.faults == 1
        assert clients[1].session.is_idle

    def test_a_list_whose_end_is_not_marked_ends_with_the_pong(self, bench):
        clients, asked = departed(bench, 2)
        first, *items, _ = listed(asked.get(b"actionid"), *["a", "c" * 70_000])
        bench.feed(first.replace(b"EventList: start\r\nMessage: Will", b"Message: Channels will"), *items)
        (ping,) = bench.upstream.take()
        bench.clock.advance(0)
        bench.answer(ping, b"Ping: Pong\r\n")
        bench.clock.advance(0)
        assert all(client.session.is_idle for client in clients)
        assert clients[0].got.take().count(b"ActionID: 1\r\n") == 3


class TestReload:
    """The users change while list queries wait."""

    SAME = User("other", read=BOSS.read, write=privilege.REPORTING, secret="plain:x")
    LESS = User("other", read=BOSS.read, write=0, secret="plain:x")

    def waiting(self, bench: Bench) -> tuple[Message, Client, Client]:
        """An action at Asterisk, and a client of each user that waits."""
        Client(bench).ask("first")
        (asked,) = bench.upstream.take()
        boss, other = Client(bench), Client(bench, "other")
        boss.ask("1")
        other.ask("2")
        return asked, boss, other

    def test_a_client_that_has_lost_the_right_gets_no_list(self, bench):
        asked, boss, other = self.waiting(bench)
        bench.hub.adopt(UserTable([BOSS, self.LESS]))
        assert other.got.take().startswith(b"Response: Error\r\nActionID: 2\r\nMessage: Permission denied")
        assert other.session.is_idle
        assert bench.hub.stats.actions.results[b"CoreShowChannels", "other", "denied"] == 1
        answer(bench, asked, "old")
        bench.clock.advance(1)
        (asked,) = bench.upstream.take()
        answer(bench, asked, "new")
        bench.clock.advance(0)
        assert boss.got.take() == own("1", "new")
        assert other.got.take() == b""
        assert bench.hub.servers.first.counts.actions_joined == 0

    def test_it_gets_none_if_its_action_waits_for_a_place_on_the_link(self, bench):
        Client(bench).ask("f", "IAXnetstats")
        boss, other = Client(bench), Client(bench, "other")
        boss.ask("1")
        other.ask("2")
        bench.hub.adopt(UserTable([BOSS, self.LESS]))
        assert other.got.take().startswith(b"Response: Error\r\nActionID: 2\r\nMessage: Permission denied")
        _, ping = bench.upstream.take()
        bench.answer(ping, b"Ping: Pong\r\n")
        (asked,) = bench.upstream.take()
        answer(bench, asked, "a")
        assert boss.got.take() == own("1", "a")

    def test_it_gets_none_if_its_action_waits_for_the_link_for_lists(self, bench):
        bench.hub.servers.first.lists.opener = Opener()
        now = bench.clock.now()
        for name in ("boss", "other"):
            bench.hub.servers.first.lengths.note(name, b"coreshowchannels", LONG_BYTES + 1, 0.0, now)
        boss, other = Client(bench), Client(bench, "other")
        boss.ask("1")
        other.ask("2")
        bench.hub.adopt(UserTable([BOSS, self.LESS]))
        assert other.got.take().startswith(b"Response: Error\r\nActionID: 2\r\nMessage: Permission denied")
        lists = ListUpstream()
        bench.hub.servers.first.lists.link_up(lists, b"")
        assert len(lists.take()) == 1

    def test_a_client_that_keeps_the_right_gets_its_list(self, bench):
        asked, boss, other = self.waiting(bench)
        bench.hub.adopt(UserTable([BOSS, self.SAME]))
        answer(bench, asked, "old")
        bench.clock.advance(1)
        (asked,) = bench.upstream.take()
        answer(bench, asked, "new")
        bench.clock.advance(0)
        assert boss.got.take() == own("1", "new")
        assert other.got.take() == own("2", "new")

    def test_a_client_whose_action_is_at_asterisk_gets_its_list(self, bench):
        """As with any action that was permitted when it was sent."""
        clients, asked = departed(bench)
        bench.hub.adopt(UserTable([BOSS, self.LESS]))
        answer(bench, asked, "a")
        bench.clock.advance(0)
        for number, client in enumerate(clients, 1):
            assert client.got.take() == own(str(number), "a")
        clients[1].ask("x")
        assert (
            clients[1].got.take().startswith(b"Response: Error\r\nActionID: x\r\nMessage: Permission denied")
        )

    def test_a_client_whose_user_is_removed_is_closed(self, bench):
        clients, asked = departed(bench)
        bench.hub.adopt(UserTable([BOSS]))
        assert b"ActionID: 2\r\nMessage: Session closed: user removed" in clients[1].got.take()
        answer(bench, asked, "a")
        bench.clock.advance(0)
        assert clients[0].got.take() == own("1", "a")
        assert clients[2].got.take() == own("3", "a")


class TestDrain:
    def test_those_that_wait_get_their_answer_before_the_end(self, bench):
        first = Client(bench)
        first.ask("first")
        (asked,) = bench.upstream.take()
        clients = [Client(bench) for _ in range(3)]
        for number, client in enumerate(clients, 1):
            client.ask(str(number))
        bench.hub.servers.first.drain()
        first.got.take()
        answer(bench, asked, "old")
        first.ask("late")
        assert b"ActionID: late\r\nMessage: " in first.got.take()
        assert bench.hub.servers.first.in_flight == 3
        bench.clock.advance(1)
        (asked,) = bench.upstream.take()
        answer(bench, asked, "new")
        bench.clock.advance(0)
        for number, client in enumerate(clients, 1):
            assert client.got.take() == own(str(number), "new")
        assert bench.hub.servers.first.in_flight == 0

    def test_those_that_read_slowly_count_until_they_have_all(self, bench):
        clients, asked = departed(bench)
        clients[0].got.room = 0
        bench.hub.servers.first.drain()
        answer(bench, asked, *["c" * 1000 for _ in range(200)])
        for _ in range(10):
            bench.clock.advance(0)
        assert bench.hub.servers.first.in_flight == 1
        clients[0].got.room = None
        for _ in range(10):
            clients[0].session.writable()
            bench.clock.advance(0)
        assert bench.hub.servers.first.in_flight == 0


class TestSlowClients:
    def filled(self, bench: Bench, room: int = 0) -> tuple[list[Client], Message]:
        clients, asked = departed(bench)
        clients[0].got.room = room
        return clients, asked

    def test_others_do_not_wait_and_the_bytes_are_kept_once(self, bench):
        clients, asked = self.filled(bench)
        clients[2].got.room = 0
        long = ["c" * 1000 for _ in range(1000)]
        answer(bench, asked, *long)
        bench.clock.advance(0)
        bench.clock.advance(0)
        assert clients[1].got.take() == own("2", *long)
        size = len(own("2", *long))
        waiting = bench.hub.limit_state.backlog.size
        assert size < waiting < size * 1.4
        assert clients[0].session.bytes_waiting > 0.9 * size
        assert not clients[0].session.is_idle
        for number in (1, 3):
            client = clients[number - 1]
            client.got.room = None
            for _ in range(40):
                while client.session.writable():
                    pass
                bench.clock.advance(0)
            assert client.got.take() == own(str(number), *long)
            assert client.session.is_idle
        assert bench.hub.limit_state.backlog.size == 0

    def test_one_past_its_own_limit_is_closed(self):
        bench = Bench(BOSS, OTHER, limits=Limits(outbox_hard=200_000, outbox_soft=100_000))
        bench.link_up()
        clients, asked = self.filled(bench)
        answer(bench, asked, *["c" * 1000 for _ in range(150)])
        bench.clock.advance(0)
        assert not clients[0].got.closed, "all of this fits"
        answered = clients[1].got.take()
        assert answered.count(b"EventList: Complete") == 1
        for client in clients[1:]:
            client.ask("x")

    def test_one_past_its_limit_while_the_answer_comes_is_closed(self):
        bench = Bench(BOSS, OTHER, limits=Limits(outbox_hard=200_000, outbox_soft=100_000))
        bench.link_up()
        clients, asked = self.filled(bench)
        messages = listed(asked.get(b"actionid"), *["c" * 1000 for _ in range(400)])
        for number in range(0, len(messages), 50):
            bench.feed(*messages[number : number + 50])
            bench.clock.advance(0)
        assert clients[0].got.closed == "abort"
        bench.clock.advance(0)
        assert clients[1].got.take().count(b"EventList: Complete") == 1
        assert bench.hub.limit_state.backlog.size == 0

    def test_too_much_in_all_closes_those_that_keep_it(self):
        bench = Bench(BOSS, OTHER, limits=Limits(outbox_total=1_000_000, outbox_hard=900_000))
        bench.link_up()
        clients, asked = self.filled(bench)
        clients[0].session.outbox.limit = 1 << 40
        messages = listed(asked.get(b"actionid"), *["c" * 1000 for _ in range(1500)])
        for number in range(0, len(messages), 50):
            bench.feed(*messages[number : number + 50])
            bench.clock.advance(0)
        assert clients[0].got.closed == "abort"
        assert clients[2].got.take().count(b"EventList: Complete") == 1
        assert bench.hub.limit_state.backlog.size == 0

    def test_deliveries_are_sliced(self, bench, monkeypatch):
        clients, asked = departed(bench, 10)

        def slow(data: bytes) -> int:
            bench.clock.time += 0.0003
            return len(data)

        for client in clients:
            client.got.send = slow
        turns: list[float] = []
        monkeypatch.setattr(Hub, "delivered", lambda _hub, _user, seconds: turns.append(seconds))
        answer(bench, asked, "a")
        bench.clock.advance(0)
        assert len(turns) == 2
        for _ in range(5):
            bench.clock.advance(0)
        assert len(turns) == 10
        assert all(client.session.is_idle for client in clients)


class TestLinks:
    @pytest.fixture
    def wide(self, bench: Bench) -> Bench:
        """A bench on which a list was long, so that the next uses the link for lists."""
        bench.hub.servers.first.lists.opener = Opener()
        client = Client(bench)
        client.ask("1")
        (asked,) = bench.upstream.take()
        answer(bench, asked, *["x" * 1000] * (LONG_BYTES // 500))
        bench.clock.advance(1)
        return bench

    def test_long_ones_share_the_link_for_lists(self, wide):
        clients = [Client(wide, name) for name in ("boss", "other", "boss")]
        for number, client in enumerate(clients):
            client.ask(str(number))
        assert not wide.upstream.take()
        lists = ListUpstream()
        side = wide.hub.servers.first.lists
        side.link_up(lists, b"")
        (asked,) = lists.take()
        assert side.load + side.exchange.held == 3
        side.from_upstream(listed(asked.get(b"actionid"), "a"))
        wide.clock.advance(1)
        (asked,) = lists.take()
        side.from_upstream(listed(asked.get(b"actionid"), "b"))
        wide.clock.advance(0)
        assert clients[0].got.take() == own("0", "a")
        assert [client.got.take() for client in clients[1:]] == [own("1", "b"), own("2", "b")]

    def test_what_one_user_learns_all_that_share_learn(self, bench):
        _, asked = departed(bench, 2)
        answer(bench, asked, *["x" * 1000] * (LONG_BYTES // 500))
        bench.clock.advance(0)
        now = bench.clock.now()
        for name in ("boss", "other"):
            assert bench.hub.servers.first.lengths.is_long(name, b"coreshowchannels", now)

    def test_a_side_link_that_is_lost_fails_those_that_wait_for_it(self, wide):
        clients = [Client(wide) for _ in range(3)]
        for number, client in enumerate(clients):
            client.ask(str(number))
        wide.hub.servers.first.lists.link_up(ListUpstream(), b"")
        wide.hub.servers.first.lists.link_down("reset")
        wide.clock.advance(0)
        assert b"outcome unknown" in clients[0].got.take()
        for client in clients[1:]:
            assert b"Upstream not connected" in client.got.take()


@examples(0.6)
@given(st.data())
def test_in_any_interleaving_each_gets_exactly_its_own_and_nothing_older_than_its_question(data):
    """Asterisk's state is a number that grows; an answer shows what it was when Asterisk got the question."""
    bench = Bench(BOSS, OTHER, limits=Limits())
    bench.link_up()
    clients = [Client(bench, data.draw(st.sampled_from(["boss", "other"]))) for _ in range(5)]
    queries = ("CoreShowChannels", "QueueStatus\r\nQueue: a", "QueueStatus\r\nQueue: b")
    #: By client: the question's text, its id, and the state when it was asked.
    open_: dict[int, tuple[str, str, int]] = {}
    at_asterisk: list[tuple[bytes, str, int, list[bytes]]] = []
    alive = set(range(5))
    state = answered = 0

    def look() -> None:
        nonlocal answered
        for asked in bench.upstream.take():
            what = asked.get(b"action").decode()
            if queue := asked.get(b"queue").decode():
                what += f"\r\nQueue: {queue}"
            assert what not in [one[1] for one in at_asterisk], "at most one under way"
            items = [f"{state}-{number}" for number in range(state % 3 + 1)]
            name = "CoreShowChannel" if what == queries[0] else "QueueStatu"
            at_asterisk.append((asked.get(b"actionid"), what, state, listed(b"ID", *items, name=name)))
        for who in list(open_):
            got = b"".join(clients[who].got.sent)
            if got.endswith(b"\r\n\r\n") and b"EventList: Complete" in got:
                what, action_id, since = open_.pop(who)
                clients[who].got.take()
                then = int(got.split(b"Channel: ")[1].split(b"-")[0])
                assert then >= since, "older than the question"
                items = [f"{then}-{number}" for number in range(then % 3 + 1)]
                name = "CoreShowChannel" if what == queries[0] else "QueueStatu"
                assert got == b"".join(listed(action_id.encode(), *items, name=name))
                answered += 1

    for serial in range(data.draw(st.integers(1, 40))):
        state += 1
        step = data.draw(st.sampled_from(["ask", "ask", "ask", "answer", "answer", "wait", "leave"]))
        if step == "ask" and (free := sorted(alive - set(open_))):
            who = data.draw(st.sampled_from(free))
            what = data.draw(st.sampled_from(queries))
            action_id = data.draw(st.sampled_from(["", "same", str(serial)]))
            open_[who] = (what, action_id, state)
            clients[who].ask(action_id, what)
        elif step == "answer" and at_asterisk:
            relay_id, what, then, messages = at_asterisk[0]
            count = data.draw(st.integers(1, len(messages)))
            bench.feed(
                *[each.replace(b"ActionID: ID", b"ActionID: " + relay_id) for each in messages[:count]]
            )
            if count == len(messages):
                at_asterisk.pop(0)
            else:
                at_asterisk[0] = relay_id, what, then, messages[count:]
        elif step == "wait":
            bench.clock.advance(data.draw(st.sampled_from([0.0, 0.01, 0.3])))
        elif step == "leave" and len(alive) > 1:
            who = data.draw(st.sampled_from(sorted(alive)))
            clients[who].session.lost("reset")
            alive.discard(who)
            open_.pop(who, None)
        look()
    for _ in range(20):  # until all are answered
        while at_asterisk:
            relay_id, _, _, messages = at_asterisk.pop(0)
            bench.feed(*[each.replace(b"ActionID: ID", b"ActionID: " + relay_id) for each in messages])
        bench.clock.advance(0.6)
        look()
    assert not open_
    assert bench.hub.servers.first.in_flight == 0
    assert bench.hub.limit_state.backlog.size == 0
    assert bench.hub.servers.first.counts.unsolicited_responses == 0
