"""One judgement, one join, the same bytes for all; each member gets exactly its own part."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.eventfilter import FilterSet, compile_legacy
from amiproxy.ami.privilege import CALL
from amiproxy.core.fanout.eventview import Sight, bound_view
from amiproxy.core.fanout.outbox import Outbox
from amiproxy.core.fanout.subscription import AT_ONCE, Subscription
from amiproxy.core.model.encoding import AMI, Encoding
from tests.support.core_doubles import ListTransport

ALL_CALLS = Sight("asterisk", CALL, None)
VIEW = bound_view(None, ALL_CALLS)


class Listener:
    view = VIEW
    encoding = AMI
    payer = "listener"

    def __init__(self) -> None:
        self.subscription = None
        self.got: list[bytes] = []
        self.outbox = Outbox(ListTransport(), 100)
        self.outbox.hold()  # so that everything arrives through ``deliver``

    def deliver(self, data: bytes) -> None:
        self.got.append(data)

    def fall_behind(self, data: bytes, taken: int) -> None:
        self.outbox.keep(data, taken)


def test_members_share_the_same_bytes_object():
    subscription = Subscription(VIEW)
    first, second = Listener(), Listener()
    subscription.join(first)
    subscription.join(second)
    subscription.pending += [b"a", b"b"]
    subscription.flush()
    assert first.got == second.got == [b"ab"]
    assert first.got[0] is second.got[0]
    assert subscription.pending == []


class TestEncoding:
    @staticmethod
    def rendering() -> tuple[Encoding, list[bytes]]:
        """An encoding with a letter before each event, and the events that were rendered."""
        rendered: list[bytes] = []

        def render(event: bytes) -> bytes:
            rendered.append(event)
            return b">" + event

        return Encoding("test", render), rendered

    def test_a_flush_renders_each_event_once_for_all_members(self):
        encoding, rendered = self.rendering()
        subscription = Subscription(VIEW, encoding)
        first, second = Listener(), Listener()
        subscription.join(first)
        subscription.join(second)
        subscription.pending += [b"a", b"b"]
        subscription.flush()
        assert first.got == [b">a>b"]
        assert first.got[0] is second.got[0]
        assert rendered == [b"a", b"b"]

    def test_an_event_that_is_taken_early_is_rendered_too(self):
        subscription = Subscription(VIEW, self.rendering()[0])
        hasty, other = Listener(), Listener()
        subscription.join(hasty)
        subscription.join(other)
        subscription.pending.append(b"a")
        assert subscription.take(hasty) == b">a"
        subscription.pending.append(b"b")
        subscription.flush()
        assert (hasty.got, other.got) == ([b">b"], [b">a>b"])

    def test_an_event_is_rendered_once_however_many_members_take_it(self):
        encoding, rendered = self.rendering()
        subscription = Subscription(VIEW, encoding)
        members = [Listener() for _ in range(4)]
        for member in members:
            subscription.join(member)
        subscription.pending.append(b"a")
        assert [subscription.take(member) for member in members[:2]] == [b">a", b">a"]
        subscription.pending.append(b"b")
        assert [subscription.take(member) for member in members[1:3]] == [b">b", b">a>b"]
        subscription.flush()
        assert rendered == [b"a", b"b"]
        assert [member.got for member in members] == [[b">b"], [], [], [b">a>b"]]

    @given(
        st.lists(st.tuples(st.sampled_from(["event", "take", "part", "join", "leave"]), st.integers(0, 12)))
    )
    def test_in_any_order_each_event_is_rendered_once_and_no_member_misses_it(self, steps):
        encoding, rendered = self.rendering()
        subscription = Subscription(VIEW, encoding)
        members = [Listener() for _ in range(13)]
        expected: dict[int, bytes] = {}
        made: list[bytes] = []
        for step, who in steps:
            if step == "join" and who not in expected:
                subscription.join(members[who])
                expected[who] = b""
            elif step == "event":
                made.append(b"%d," % len(made))
                subscription.pending.append(made[-1])
                expected = {w: got + b">" + made[-1] for w, got in expected.items()}
            elif step == "take" and who in expected:
                members[who].got.append(subscription.take(members[who]))
            elif step == "leave" and who in expected:
                members[who].got.append(subscription.take(members[who]))
                subscription.leave(members[who])
                assert b"".join(members[who].got) == expected.pop(who)
                members[who].got.clear()
            elif step == "part":
                subscription.flush(Patience(1))
        subscription.flush()
        assert {who: b"".join(members[who].got) for who in expected} == expected
        assert len(rendered) == len(set(rendered))

    def test_every_part_of_a_divided_flush_is_rendered(self):
        subscription = Subscription(VIEW, self.rendering()[0])
        members = [Listener() for _ in range(AT_ONCE + 2)]
        for member in members:
            subscription.join(member)
        subscription.pending.append(b"a")
        subscription.take(members[-1])
        subscription.pending.append(b"b")
        subscription.flush(Patience(1))
        assert subscription.divided
        subscription.flush()
        assert [member.got for member in members] == [[b">a>b"]] * (AT_ONCE + 1) + [[b">b"]]


def test_events_pending_before_a_member_joined_are_not_for_it():
    subscription = Subscription(VIEW)
    old, new = Listener(), Listener()
    subscription.join(old)
    subscription.pending.append(b"a")
    subscription.join(new)
    subscription.flush()
    assert (old.got, new.got) == ([b"a"], [])
    subscription.pending.append(b"b")
    subscription.flush()
    assert new.got == [b"b"]


def test_take_gives_one_member_its_part_early():
    subscription = Subscription(VIEW)
    hasty, other = Listener(), Listener()
    subscription.join(hasty)
    subscription.join(other)
    subscription.pending.append(b"a")
    assert subscription.take(hasty) == b"a"
    assert subscription.take(hasty) == b""
    subscription.pending.append(b"b")
    subscription.flush()
    assert (hasty.got, other.got) == ([b"b"], [b"ab"])


def test_a_member_that_left_gets_nothing():
    subscription = Subscription(VIEW)
    gone = Listener()
    subscription.join(gone)
    subscription.leave(gone)
    subscription.leave(gone)
    subscription.pending.append(b"a")
    subscription.flush()
    assert gone.got == []


def test_filters_decide_what_is_admitted():
    assert Subscription(VIEW).admits is None
    filtered = Subscription(bound_view(FilterSet((compile_legacy(b"Hold"),)), ALL_CALLS))
    assert filtered.admits is not None
    assert filtered.admits(b"Event: Hold\r\n")
    assert not filtered.admits(b"Event: Other\r\n")


@given(st.lists(st.tuples(st.sampled_from(["event", "take", "flush", "join"]), st.integers(0, 3))))
def test_in_any_order_no_member_misses_or_repeats_an_event(steps):
    subscription = Subscription(VIEW)
    members = [Listener() for _ in range(4)]
    expected: dict[int, bytes] = {}
    for step, who in steps:
        if step == "join" and who not in expected:
            subscription.join(members[who])
            expected[who] = b""
        elif step == "event":
            event = bytes([65 + len(subscription.pending) % 26])
            subscription.pending.append(event)
            expected = {w: got + event for w, got in expected.items()}
        elif step == "take" and who in expected:
            members[who].got.append(subscription.take(members[who]))
        elif step == "flush":
            subscription.flush()
    subscription.flush()
    assert {who: b"".join(members[who].got) for who in expected} == expected


class Connected(Listener):
    def __init__(self) -> None:
        super().__init__()
        self.transport = ListTransport()
        self.outbox = Outbox(self.transport, 1 << 20)

    def deliver(self, data: bytes) -> None:
        super().deliver(data)
        self.outbox.push(data)


def test_a_member_that_takes_all_is_written_to_directly():
    subscription = Subscription(VIEW)
    ready, full = Connected(), Connected()
    full.transport.room = 1
    for member in (ready, full):
        subscription.join(member)
    subscription.pending += [b"a", b"b"]
    assert subscription.flush() == 4
    assert (ready.got, ready.transport.take(), ready.outbox.sent) == ([], b"ab", 2)
    assert (full.got, full.transport.take(), full.outbox.size) == ([b"ab"], b"a", 1)


def test_more_than_a_record_goes_through_the_outbox():
    subscription = Subscription(VIEW)
    member = Connected()
    member.transport.room = 30000
    subscription.join(member)
    subscription.pending.append(b"x" * 40000)
    subscription.flush()
    assert (len(member.transport.take()), member.outbox.sent, member.outbox.size) == (30000, 30000, 10000)


class Partial(ListTransport):
    """Accepts the part of a write for which there is room."""

    def write(self, data: bytes) -> int:
        return self.send(data)


@pytest.mark.parametrize("size", [100, 40000])
@pytest.mark.parametrize("divided", [False, True])
def test_a_write_that_is_accepted_in_part_is_completed_by_the_outbox(size, divided):
    subscription = Subscription(VIEW)
    members = [Connected() for _ in range(AT_ONCE + 2)]
    for member in members:
        subscription.join(member)
    last = members[-1]
    last.transport = Partial()
    last.outbox.through(last.transport)
    last.transport.room = size - 30
    event = bytes(range(100)) * (size // 100)
    subscription.pending.append(event)
    if divided:
        subscription.flush(Patience(1))
        assert subscription.divided
    subscription.flush()
    assert (last.transport.take(), last.outbox.size) == (event[:-30], 30)
    last.transport.room = None
    last.outbox.drain()
    assert last.transport.take() == event[-30:]
    assert all(member.transport.take() == event for member in members[:-1])


class Ending(Listener):
    """Ends the session of another member when it is sent something."""

    def __init__(self, subscription: Subscription, other: Listener) -> None:
        super().__init__()
        self._leave = lambda: subscription.leave(other)

    def deliver(self, data: bytes) -> None:
        super().deliver(data)
        self._leave()


def test_a_member_whose_session_ends_during_a_flush_is_sent_nothing():
    subscription = Subscription(VIEW)
    other = Listener()
    ending = Ending(subscription, other)
    for member in (ending, other):
        subscription.join(member)
    subscription.pending.append(b"a")
    subscription.flush()
    assert (ending.got, other.got) == ([b"a"], [])


def test_nothing_is_kept_for_a_member_whose_session_ends_during_a_flush():
    subscription = Subscription(VIEW)
    other = Connected()
    other.transport = Partial()
    other.outbox.through(other.transport)
    other.transport.room = 1
    ending = Ending(subscription, other)
    for member in (ending, other):
        subscription.join(member)
    subscription.pending.append(b"ab")
    subscription.flush()
    assert ending.got == [b"ab"]
    assert (other.transport.take(), other.outbox.size) == (b"a", 0)


def test_bytes_that_a_slow_member_did_not_take_are_not_copied():
    subscription = Subscription(VIEW)
    members = [Connected() for _ in range(3)]
    for member in members:
        member.transport.room = 20000
        subscription.join(member)
    subscription.pending.append(b"x" * 60000)
    subscription.flush()
    kept = [member.outbox._chunks[0] for member in members]
    assert [len(rest) for rest in kept] == [40000] * 3
    assert all(isinstance(rest, memoryview) for rest in kept)
    assert kept[0].obj is kept[1].obj is kept[2].obj


class Patience:
    """Reports no more time after this many calls; records how many members were served in between."""

    def __init__(self, asked: int, room: int = AT_ONCE) -> None:
        self._left = asked
        self._room = room
        self.served: list[int] = []

    def __call__(self, served: int) -> int:
        self._left -= served > 0
        self.served.append(served)
        return self._room if self._left > 0 else 0


class TestDivided:
    """Events of 100 kB: a flush delivers two before it reads the clock."""

    SIZE = 100_000

    @classmethod
    def event(cls, number: int) -> bytes:
        return b"%04d" % number + b"." * (cls.SIZE - 4)

    @classmethod
    def numbers(cls, got: list[bytes]) -> list[int]:
        data = b"".join(got)
        assert len(data) % cls.SIZE == 0
        return [int(data[at : at + 4]) for at in range(0, len(data), cls.SIZE)]

    def test_a_divided_flush_resumes_where_it_was_and_new_events_come_after(self):
        subscription = Subscription(VIEW)
        members = [Listener() for _ in range(5)]
        for member in members:
            subscription.join(member)
        subscription.pending.append(self.event(0))
        assert subscription.flush(Patience(1)) == 2 * self.SIZE
        assert subscription.divided
        subscription.pending.append(self.event(1))
        assert [len(member.got) for member in members] == [1, 1, 0, 0, 0]
        assert subscription.flush(Patience(1)) == 2 * self.SIZE
        assert subscription.divided
        assert subscription.flush(Patience(9)) == self.SIZE
        assert not subscription.divided
        assert [self.numbers(member.got) for member in members] == [[0]] * 5
        assert members[0].got[0] is members[4].got[0]
        subscription.flush()
        assert [self.numbers(member.got) for member in members] == [[0, 1]] * 5

    def test_a_member_that_leaves_meanwhile_takes_its_part(self):
        subscription = Subscription(VIEW)
        members = [Listener() for _ in range(4)]
        for member in members:
            subscription.join(member)
        subscription.pending.append(self.event(0))
        subscription.flush(Patience(1))
        subscription.pending.append(self.event(1))
        taken = [self.numbers([subscription.take(member)]) for member in members]
        assert taken == [[1], [1], [0, 1], [0, 1]]
        for member in members:
            subscription.leave(member)
        subscription.join(members[3])
        subscription.pending.append(self.event(2))
        subscription.flush()
        subscription.flush()
        assert [self.numbers(member.got) for member in members] == [[0], [0], [], [2]]

    def test_a_flush_to_a_large_audience_is_divided_by_members_too(self):
        subscription = Subscription(VIEW)
        members = [Listener() for _ in range(AT_ONCE + 1)]
        for member in members:
            subscription.join(member)
        subscription.pending.append(b"a")
        assert subscription.flush(Patience(1)) == AT_ONCE
        assert subscription.divided
        assert subscription.flush() == 1
        assert [member.got for member in members] == [[b"a"]] * (AT_ONCE + 1)

    def test_the_time_is_checked_again_when_the_allowance_is_used_up(self):
        subscription = Subscription(VIEW)
        members = [Listener() for _ in range(AT_ONCE + 30)]
        for member in members:
            subscription.join(member)
        subscription.pending.append(b"a")
        first, second = Patience(3, 10), Patience(2, 9)
        assert subscription.flush(first) == 30
        assert first.served == [0, 10, 10, 10]
        assert subscription.flush(second) == AT_ONCE
        assert second.served == [0]
        assert [member.got for member in members] == [[b"a"]] * (AT_ONCE + 30)

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["event", "take", "leave", "join", "join", "flush", "turn", "turn"]),
                st.integers(0, 6),
            ),
            max_size=40,
        )
    )
    def test_no_event_is_lost_or_repeated_whatever_happens_meanwhile(self, steps):
        subscription = Subscription(VIEW)
        members = [Listener() for _ in range(7)]
        for member in members[:5]:
            subscription.join(member)
        expected: dict[int, list[int]] = {who: [] for who in range(7)}
        count = 0
        for step, who in steps:
            member = members[who]
            match step:
                case "event":
                    subscription.pending.append(self.event(count))
                    for other in subscription.members:
                        expected[members.index(other)].append(count)
                    count += 1
                case "join" if member not in subscription.members:
                    subscription.join(member)
                case "take" | "leave" if member in subscription.members:
                    member.got.append(subscription.take(member))
                    if step == "leave":
                        subscription.leave(member)
                case "turn" if subscription.pending:
                    subscription.flush(Patience(1 + who % 3, 1 + who % 2))
                case "flush":
                    subscription.flush()
        subscription.flush()
        subscription.flush()
        assert {who: self.numbers(members[who].got) for who in range(7)} == expected


class TestManyEvents:
    MANY = tuple(b"%d," % number for number in range(4000))

    @pytest.fixture
    def subscription(self) -> Subscription:
        subscription = Subscription(VIEW)
        subscription.pending += self.MANY
        return subscription

    @pytest.fixture
    def members(self, subscription: Subscription) -> list[Listener]:
        members = [Listener() for _ in range(3)]
        for member in members:
            subscription.join(member)
            member.outbox.seen = 0
        return members

    def test_they_are_delivered_in_parts(self, subscription: Subscription, members: list[Listener]) -> None:
        calls, size = 1, subscription.flush(lambda _: 8)
        assert subscription.divided
        while subscription.divided:
            before = [len(member.got) for member in members]
            size += subscription.flush(lambda _: 8)
            assert [len(member.got) for member in members] == [count + 1 for count in before]
            calls += 1
        assert calls > 2
        assert size == 3 * len(b"".join(self.MANY))
        assert subscription.pending == []
        for member in members:
            assert b"".join(member.got) == b"".join(self.MANY)

    def test_what_arrives_meanwhile_is_left_for_the_next_flush(
        self, subscription: Subscription, members: list[Listener]
    ) -> None:
        subscription.flush(lambda _: 8)
        while subscription.divided:
            subscription.pending.append(b"later")
            subscription.flush(lambda _: 8)
        assert set(subscription.pending) == {b"later"}
        assert b"".join(members[0].got) == b"".join(self.MANY)

    def test_each_member_gets_its_own_whatever_it_does_meanwhile(
        self, subscription: Subscription, members: list[Listener]
    ) -> None:
        one, taking, leaving = members
        joining = Listener()
        one.outbox.seen = 2400  # it has had more than the first part
        subscription.flush(lambda served: 0 if served else 1)
        taking.deliver(subscription.take(taking))
        subscription.leave(leaving)
        subscription.join(joining)
        subscription.pending.append(b"later")
        while subscription.divided:
            subscription.flush(lambda served: 0 if served else 1)
        subscription.flush()
        assert b"".join(one.got) == b"".join(self.MANY[2400:]) + b"later"
        assert b"".join(taking.got) == b"".join(self.MANY) + b"later"
        assert b"".join(joining.got) == b"later"

    def test_a_flush_that_cannot_wait_delivers_every_part(
        self, subscription: Subscription, members: list[Listener]
    ) -> None:
        subscription.flush(lambda _: 8)
        subscription.flush()
        assert not subscription.divided
        for member in members:
            assert b"".join(member.got) == b"".join(self.MANY)
