"""One judgement, one join, the same bytes for all; each member exactly its own part."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.ami.eventfilter import FilterSet, compile_legacy
from proxy.ami.privilege import CALL, SYSTEM
from proxy.core.outbox import Outbox
from proxy.core.subscription import Subscription
from tests.support.core_doubles import ListTransport


class Listener:
    def __init__(self) -> None:
        self.seen = 0
        self.got: list[bytes] = []
        self.outbox = Outbox(ListTransport(), 100)
        self.outbox.hold()  # so that all comes by ``deliver``

    def deliver(self, data: bytes) -> None:
        self.got.append(data)


def test_members_share_the_same_bytes_object():
    subscription = Subscription("k", CALL, None)
    first, second = Listener(), Listener()
    subscription.join(first)
    subscription.join(second)
    subscription.pending += [b"a", b"b"]
    subscription.flush()
    assert first.got == second.got == [b"ab"]
    assert first.got[0] is second.got[0]
    assert subscription.pending == []


def test_what_was_pending_before_is_not_for_a_newcomer():
    subscription = Subscription("k", CALL, None)
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
    subscription = Subscription("k", CALL, None)
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
    subscription = Subscription("k", CALL, None)
    gone = Listener()
    subscription.join(gone)
    subscription.leave(gone)
    subscription.leave(gone)
    subscription.pending.append(b"a")
    subscription.flush()
    assert gone.got == []


def test_judgement():
    plain = Subscription("k", CALL, None)
    assert plain.may_read(CALL)
    assert not plain.may_read(CALL | SYSTEM)
    assert plain.admits is None
    filtered = Subscription("k", CALL, FilterSet((compile_legacy(b"Hold"),)))
    assert filtered.admits is not None
    assert filtered.admits(b"Event: Hold\r\n")
    assert not filtered.admits(b"Event: Other\r\n")


@given(st.lists(st.tuples(st.sampled_from(["event", "take", "flush", "join"]), st.integers(0, 3))))
def test_whatever_the_order_nobody_misses_or_repeats_an_event(steps):
    subscription = Subscription("k", CALL, None)
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


def test_who_takes_all_gets_it_past_everything_of_ours():
    subscription = Subscription("k", CALL, None)
    ready, full = Connected(), Connected()
    full.transport.room = 1
    for member in (ready, full):
        subscription.join(member)
    subscription.pending += [b"a", b"b"]
    assert subscription.flush() == 4
    assert (ready.got, ready.transport.take(), ready.outbox.sent) == ([], b"ab", 2)
    assert (full.got, full.transport.take(), full.outbox.size) == ([b"ab"], b"a", 1)


def test_more_than_a_record_is_written_by_who_knows_how():
    subscription = Subscription("k", CALL, None)
    member = Connected()
    member.transport.room = 30000
    subscription.join(member)
    subscription.pending.append(b"x" * 40000)
    subscription.flush()
    assert (len(member.transport.take()), member.outbox.sent, member.outbox.size) == (30000, 30000, 10000)
