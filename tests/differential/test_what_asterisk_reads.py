"""Asterisk reads exactly the actions that were judged, whatever a client sends, or we have refused them.

A differential test: the proxy's framing, parsing and serialising on one side, a
statement-by-statement model of Asterisk's reader on the other.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from amiproxy.ami.errors import ProtocolError
from amiproxy.ami.framing import ActionFramer
from amiproxy.ami.message import MAX_HEADERS, Action, parse_action
from amiproxy.ami.privilege import ALL
from amiproxy.core.model.users import User
from amiproxy.tools.simulator.reading import RequestReader
from tests.differential.asterisk_reader import AsteriskReader, Read
from tests.differential.client_bytes import CUTS, STREAMS, pieces
from tests.support.core_doubles import Bench

_RELAY_ID = b"0123456789abcdef0123456789abcdef"


def judged(data: bytes, cuts: list[int]) -> tuple[list[Action], bool]:
    """The actions up to the first refusal, and whether there was one."""
    framer = ActionFramer()
    actions: list[Action] = []
    try:
        for piece in pieces(data, cuts):
            actions += map(parse_action, framer.feed(piece))
    except ProtocolError:
        return actions, True
    return actions, False


def wire_form(action: Action) -> bytes | None:
    try:
        return action.serialise(_RELAY_ID)
    except ProtocolError:
        return None


def reads_as_judged(read: Read, action: Action) -> None:
    assert not read.refused
    assert len(read.headers) <= MAX_HEADERS
    assert read.action == action.name
    assert read.variables == action.get_all(b"variable")
    # Asterisk copies every line of a UserEvent, so lines that are not headers are sent as well.
    assert action.key == b"userevent" or all(b":" in header for header in read.headers)
    # Headers other than ours are the judged ones: as many, in order, none hidden in another's value.
    written = [header.partition(b":")[0] for header in read.headers]
    expected = [name for name, _ in action.headers]
    if not any(name.lower() == b"actionid" for name in expected):
        expected.append(b"ActionID")
    assert written == expected
    if action.key == b"userevent":
        frame = (b"action", b"actionid")
        payload = [line for line in action.lines() if line.partition(b":")[0].lower() not in frame]
        assert [h for h in read.headers if h.partition(b":")[0].lower() not in frame] == payload
    for name, _ in action.headers:
        if name.lower() not in {b"action", b"actionid"}:
            assert read.get(name) == action.get(name.lower())


@given(STREAMS, CUTS)
@settings(max_examples=400)
def test_asterisk_reads_each_sent_action_as_it_was_judged(data: bytes, cuts: list[int]) -> None:
    actions, _ = judged(data, cuts)
    reader = AsteriskReader()
    for action in actions:
        wire = wire_form(action)
        if wire is None:
            continue
        read = reader.feed(wire)
        assert len(read) == 1
        assert reader.idle, "no part of it remains to be joined with the next message"
        assert read[0].get(b"ActionID") == _RELAY_ID
        reads_as_judged(read[0], action)


@given(STREAMS, CUTS)
@settings(max_examples=400)
def test_where_nothing_is_refused_proxy_and_asterisk_read_the_bytes_alike(
    data: bytes, cuts: list[int]
) -> None:
    """So a client is judged by what Asterisk would have understood, not by our own interpretation."""
    # With an end; otherwise a NUL in an unfinished message would not have been seen yet.
    data += b"\r\n\r\n"
    actions, refused = judged(data, cuts)
    reads = AsteriskReader().feed(data)
    if not refused:
        assert len(reads) == len(actions)
    # Before the first refusal nothing may differ; where the model refuses, we must have refused too.
    for action, read in zip(actions, reads, strict=False):
        assert not read.refused
        assert read.action == action.name
        assert read.get(b"ActionID") == action.action_id
        assert read.variables == action.get_all(b"variable")
        for name, _ in action.headers:
            if name.lower() != b"action":
                assert read.get(name) == action.get(name.lower())


@given(STREAMS, CUTS)
@settings(max_examples=200)
def test_the_simulator_reads_like_the_model(data: bytes, cuts: list[int]) -> None:
    """It replaces Asterisk in every other test: it must make the same mistakes."""
    reader = RequestReader()
    requests = [request for piece in pieces(data, cuts) for request in reader.feed(piece)]
    reads = AsteriskReader().feed(data)
    assert [request.lines for request in requests] == [read.headers for read in reads]
    assert [request.problem is not None for request in requests] == [read.refused for read in reads]
    assert [request.action for request in requests] == [read.action for read in reads]


@given(STREAMS, st.sampled_from(["boss", "clerk"]))
@settings(max_examples=200)
def test_a_whole_session_sends_asterisk_only_judged_actions(data: bytes, name: str) -> None:
    """The same through session and hub: raw bytes in, and the model reads the bytes that reach the link."""
    bench = Bench(
        User("boss", ALL, ALL, "plain:x"),
        User("clerk", secret="plain:x"),
    )
    seen: list[Action] = []

    def watched(user: User, action: Action, table: object) -> object:
        decision = decide(user, action, table)  # type: ignore[arg-type]
        seen.append(getattr(decision, "action", action))
        return decision

    bench.link_up()
    session, _ = bench.login(name)
    (place,) = session.route.places
    decide = place.judge
    place.judge = watched
    session.receive(data)
    reader = AsteriskReader()
    while sent := bench.upstream.take():
        for message in sent:
            read = reader.feed(message.raw)
            assert len(read) == 1
            assert reader.idle
            assert not read[0].refused
            assert read[0].action in {action.name for action in seen} | {b"Ping"}
            bench.answer(message, b"")


def test_the_model_makes_asterisks_known_mistakes() -> None:
    """Recorded on Asterisk 16 and 22: a line of 1,023 bytes, or one that begins with NUL, ends a message."""
    hidden = b"Action: Command\r\nCommand: core show version\r\n\r\n"
    long_line = AsteriskReader().feed(b"Action: Ping\r\nX: " + b"y" * 1020 + b"\r\n" + hidden)
    assert [(read.refused, read.action) for read in long_line] == [(True, b"Ping"), (False, b"Command")]
    nul = AsteriskReader().feed(b"Action: Ping\r\n\0\r\n" + hidden)
    assert [(read.refused, read.action) for read in nul] == [(False, b"Ping"), (False, b"Command")]
    fits = AsteriskReader().feed(b"Action: Ping\r\nX: " + b"y" * 1019 + b"\r\n\r\n")
    assert [(read.refused, len(read.headers)) for read in fits] == [(False, 2)]
