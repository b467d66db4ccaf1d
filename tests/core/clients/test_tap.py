"""A tap shows the messages to and from one user, and costs nothing while no watcher is attached."""

from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami import privilege
from amiproxy.core.clients.session import Session
from amiproxy.core.clients.tap import Tap
from amiproxy.core.model.encoding import Encoding
from amiproxy.core.model.users import User
from tests.support.answer_writers import WholeWriter
from tests.support.core_doubles import Bench, ListTransport, event

USERS = (
    User("wall", read=privilege.ALL, write=privilege.ALL, secret="plain:x"),
    User("other", read=privilege.ALL, secret="plain:x"),
)


class RecordingWatcher:
    """A Watcher that remembers all that it is shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes]] = []
        self.sessions: set[Session] = set()

    def saw(self, session: Session, sent: bool, message: bytes) -> None:
        self.seen.append((">" if sent else "<", message))
        self.sessions.add(session)


def bench() -> Bench:
    made = Bench(*USERS)
    made.link_up()
    return made


def test_traffic_is_shown_message_by_message_in_both_directions() -> None:
    made = bench()
    session, transport = made.login("wall")
    watcher = RecordingWatcher()
    made.hub.taps.watch("WALL", [session], watcher)
    session.receive(b"Action: Ping\r\nActionID: 1\r\n\r\nAction: Events\r\nEventMask: on\r\n\r\n")
    made.feed(event("Hangup", Channel="x"))
    kinds = [(way, message.split(b"\r\n")[0]) for way, message in watcher.seen]
    assert kinds == [
        ("<", b"Action: Ping"),
        ("<", b"Action: Events"),
        (">", b"Response: Success"),
        (">", b"Response: Success"),
        (">", b"Event: Hangup"),
    ]
    assert b"".join(message for way, message in watcher.seen if way == ">") == transport.take()


def test_other_users_are_not_shown() -> None:
    made = bench()
    watcher = RecordingWatcher()
    made.hub.taps.watch("wall", [], watcher)
    made.login("other")
    assert watcher.seen == []


def test_new_sessions_are_shown_from_their_login_on() -> None:
    made = bench()
    watcher = RecordingWatcher()
    made.hub.taps.watch("wall", [], watcher)
    session, _ = made.login("wall")
    assert watcher.sessions == {session}
    assert b"Authentication accepted" in watcher.seen[0][1]
    assert all(b"plain" not in message and b"Secret" not in message for _, message in watcher.seen)


def test_the_original_wires_are_restored_when_the_last_watcher_leaves() -> None:
    made = bench()
    session, _ = made.login("wall")
    streams = session.streams
    first, second = RecordingWatcher(), RecordingWatcher()
    made.hub.taps.watch("wall", [session], first)
    made.hub.taps.watch("wall", [session], second)
    assert isinstance(session.streams[0], Tap)
    session.receive(b"Action: Ping\r\n\r\n")
    made.hub.taps.unwatch("wall", first)
    session.receive(b"Action: Ping\r\n\r\n")
    assert (len(first.seen), len(second.seen)) == (2, 4)
    made.hub.taps.unwatch("wall", second)
    assert session.streams == streams
    session.receive(b"Action: Ping\r\n\r\n")
    assert len(second.seen) == 4


def test_the_end_of_a_session_is_shown_and_then_it_is_forgotten() -> None:
    made = bench()
    session, _ = made.login("wall")
    watcher = RecordingWatcher()
    made.hub.taps.watch("wall", [session], watcher)
    session.receive(b"Action: Logoff\r\n\r\n")
    assert watcher.seen[-1][1].startswith(b"Response: Goodbye")
    made.hub.taps.unwatch("wall", watcher)


def test_a_watcher_of_two_users_can_leave_one_of_them() -> None:
    made = bench()
    wall, _ = made.login("wall")
    other, _ = made.login("other")
    watcher, beside = RecordingWatcher(), RecordingWatcher()
    made.hub.taps.watch("wall", [wall], watcher)
    made.hub.taps.watch("other", [other], beside)
    made.hub.taps.unwatch("wall", watcher)
    other.receive(b"Action: Ping\r\n\r\n")
    assert len(beside.seen) == 2


@given(cuts=st.lists(st.integers(1, 40), max_size=30), room=st.integers(0, 200))
def test_however_the_bytes_are_cut_the_same_messages_are_shown(cuts: list[int], room: int) -> None:
    made = bench()
    session, transport = made.login("wall")
    watcher = RecordingWatcher()
    made.hub.taps.watch("wall", [session], watcher)
    messages = [event("Hangup", Channel=f"x{number}", Secret="hunter2") for number in range(4)]
    transport.room = room
    made.feed(*messages)
    for cut in [*cuts, 10_000]:
        transport.room = cut
        session.writable()
    hidden = [message.replace(b"hunter2", b"***") for message in messages]
    assert [message for _, message in watcher.seen] == hidden


def test_an_endless_message_is_shown_in_pieces_without_splitting_a_secret() -> None:
    made = bench()
    session, _ = made.login("wall")
    watcher = RecordingWatcher()
    made.hub.taps.watch("wall", [session], watcher)
    sender = session.streams[1]
    rows = b"".join(b"Row: %05d secret=hunter2\r\n" % number for number in range(5000))
    for start in range(0, len(rows), 1000):
        sender.send(rows[start : start + 1000])
    sender.send(b"y" * 200_000)
    sender.send(b"\r\n\r\n")
    shown = b"".join(message for _, message in watcher.seen)
    assert b"hunter2" not in shown
    assert shown.count(b"Row: ") == 5000
    assert b"yyy" not in shown, "a line without end is not kept"


def test_a_user_of_a_similar_name_is_not_shown() -> None:
    made = Bench(User("Änne", read=privilege.ALL, secret="plain:x"), User("änne", secret="plain:x"))
    made.link_up()
    watcher = RecordingWatcher()
    made.hub.taps.watch("Änne", [], watcher)
    session, _ = made.login("änne")
    session.receive(b"Action: Ping\r\n\r\n")
    assert session not in watcher.sessions
    made.hub.taps.unwatch("Änne", watcher)


class Written(ListTransport):
    """A transport with a form of its own, in which nobody can find anything."""

    def __init__(self) -> None:
        super().__init__(encoding=Encoding("own", lambda _: b"<event>"))
        self.writer = WholeWriter()


def test_a_door_with_a_form_of_its_own_is_shown_as_ami_without_events() -> None:
    made = bench()
    session, transport = made.connect(by=Written())
    session.receive(b"Action: Login\r\nUsername: wall\r\nSecret: x\r\n\r\n")
    transport.take()
    watcher = RecordingWatcher()
    made.hub.taps.watch("wall", [session], watcher)
    session.receive(b"Action: Setvar\r\nVariable: secret\r\nValue: hidden\r\nSecret: hidden\r\n\r\n")
    made.feed(event("Hangup", Channel="x"))
    made.answer(*made.pong(), b"Secret: hidden\r\n")
    shown = b"".join(message for _, message in watcher.seen)
    assert [(way, message.split(b"\r\n")[0]) for way, message in watcher.seen] == [
        ("<", b"Action: Setvar"),
        (">", b"Response: Success"),
    ]
    assert b"Secret: hidden" not in shown
    assert b"<event>" in transport.take()
    made.hub.taps.unwatch("wall", watcher)
    session.receive(b"Action: Ping\r\n\r\n")
    assert len(watcher.seen) == 2
    assert transport.take().startswith(b"[Response: Success\r\nPing: Pong")


def test_the_banner_and_the_end_of_such_a_door_are_its_own() -> None:
    made = bench()
    session, transport = made.login("wall", by=Written())
    tap = Tap(session)
    assert session.writer is not None
    assert session.writer.banner(b"Asterisk\r\n") == b""
    session.close("idle")
    assert transport.take().endswith(b"<idle>")
    tap.remove()
