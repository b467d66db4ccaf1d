"""One list of several servers' answers: what the client is sent, whatever comes when."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami import message
from amiproxy.ami.message import Action, Message
from amiproxy.ami.stamp import stamp_of, stamped_all
from amiproxy.core.clients.routes.merge import Merge, Part

QUERY = Action([(b"Action", b"CoreShowChannels"), (b"ActionID", b"7")])
STARTED = b"Response: Success\r\nActionID: 7\r\nEventList: start\r\nMessage: Channels will follow\r\n\r\n"
COMPLETE = b"CoreShowChannelsComplete"


class Client:
    """The session: what it was sent, message by message."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.ends = 0
        self.limits: list[str] = []

    def reply(self, data: bytes) -> None:
        assert not self.ends, "sent after the end"
        assert data.endswith(b"\r\n\r\n")
        self.sent += [Message(part + b"\r\n\r\n") for part in data.split(b"\r\n\r\n")[:-1]]

    def finished(self) -> None:
        self.ends += 1

    def limit_reached(self, limit: str, **_fields: object) -> None:
        self.limits.append(limit)

    @property
    def items(self) -> list[tuple[bytes, bytes]]:
        """(server, channel) of each item."""
        return [
            (one.get(b"server"), one.get(b"channel"))
            for one in self.sent
            if one.get(b"event") == b"CoreShowChannel"
        ]


def merge_of(
    *names: bytes, query: Action = QUERY, complete: bytes = COMPLETE, most: int = 100
) -> tuple[Client, list[Part], list[bytes]]:
    client, left = Client(), []
    merge = Merge(client, query, complete, most)

    def stamp(name: bytes) -> Callable[[bytes], bytes]:
        return lambda data: stamped_all(data, stamp_of(name))

    def leave(name: bytes) -> Callable[[], None]:
        return lambda: left.append(name)

    return client, [merge.add(name, stamp(name), leave(name)) for name in names], left


def item(channel: str) -> bytes:
    return message.event(b"CoreShowChannel", (b"ActionID", b"7"), (b"Channel", channel.encode()))


def last(items: int, *more: tuple[bytes, bytes], name: bytes = COMPLETE) -> bytes:
    counted = (b"ListItems", str(items).encode())
    return message.event(name, (b"ActionID", b"7"), (b"EventList", b"Complete"), counted, *more)


def error(text: str) -> bytes:
    return message.error(b"7", text.encode())


def lists(part: Part, *channels: str) -> None:
    """The server answers with a whole list."""
    for raw in (STARTED, *map(item, channels), last(len(channels))):
        part.reply(raw)
    part.finished()


def test_two_lists_become_one() -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2")
    two.reply(STARTED)
    two.reply(item("SIP/b1"))
    one.reply(STARTED)
    one.reply(item("SIP/a1"))
    two.reply(item("SIP/b2"))
    two.reply(last(2))
    two.finished()
    assert not client.ends
    one.reply(last(1))
    one.finished()
    assert client.ends == 1
    response, *items, end = client.sent
    assert response.raw == STARTED
    assert [(m.get(b"server"), m.get(b"channel")) for m in items] == [
        (b"pbx2", b"SIP/b1"),
        (b"pbx1", b"SIP/a1"),
        (b"pbx2", b"SIP/b2"),
    ]
    assert all(m.raw.endswith(b"Server: " + m.get(b"server") + b"\r\n\r\n") for m in items)
    assert end.raw == (
        b"Event: CoreShowChannelsComplete\r\nActionID: 7\r\nEventList: Complete\r\nListItems: 3\r\n"
        b"Servers: pbx1, pbx2\r\n\r\n"
    )


def test_without_an_action_id_no_message_has_one() -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2", query=Action([(b"Action", b"CoreShowChannels")]))
    for part in (one, two):
        part.reply(b"Response: Success\r\nEventList: start\r\n\r\n")
        part.reply(message.event(COMPLETE, (b"EventList", b"Complete"), (b"ListItems", b"0")))
        part.finished()
    assert all(not one.get(b"actionid") for one in client.sent)
    assert client.sent[-1].get(b"listitems") == b"0"


def test_counts_are_added_up_and_other_headers_are_those_of_the_first_server() -> None:
    client, (one, two, three), _ = merge_of(b"pbx1", b"pbx2", b"pbx3", complete=b"ParkedCallsComplete")
    for part, total, other in ((three, b"4", b"c"), (one, b"2", b"a"), (two, b"1", b"b")):
        part.reply(STARTED)
        part.reply(last(int(total), (b"Total", total), (b"Other", other), name=b"ParkedCallsComplete"))
        part.finished()
    assert client.sent[-1].raw == (
        b"Event: ParkedCallsComplete\r\nActionID: 7\r\nEventList: Complete\r\nListItems: 7\r\n"
        b"Total: 7\r\nOther: a\r\nServers: pbx1, pbx2, pbx3\r\n\r\n"
    )


def test_a_server_that_fails_is_named_as_missing() -> None:
    client, (one, two, three), _ = merge_of(b"pbx1", b"pbx2", b"pbx3")
    one.failed(error("Server pbx1 is not connected"), b"Upstream not connected")
    three.reply(error("Invalid/unknown command"))
    three.finished()
    assert not client.sent
    lists(two, "SIP/b")
    assert client.items == [(b"pbx2", b"SIP/b")]
    assert client.sent[-1].get(b"servers") == b"pbx2"
    assert client.sent[-1].get(b"serversmissing") == b"pbx1, pbx3"
    assert len(client.sent) == 3


def test_a_list_that_is_cut_off_counts_with_the_items_that_were_sent() -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2")
    one.reply(STARTED)
    one.reply(item("SIP/a1"))
    one.reply(item("SIP/a2"))
    cancelled = message.event(COMPLETE, (b"ActionID", b"7"), (b"EventList", b"Cancelled"))
    one.failed(cancelled, b"Upstream connection lost (outcome unknown)")
    lists(two, "SIP/b1")
    assert len(client.items) == 3
    end = client.sent[-1]
    assert (end.get(b"eventlist"), end.get(b"listitems")) == (b"Complete", b"3")
    assert (end.get(b"servers"), end.get(b"serversmissing")) == (b"pbx2", b"pbx1")


def test_a_list_that_ends_with_an_error_is_missing() -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2")
    one.reply(STARTED)
    one.reply(error("Could not get channel snapshot"))
    one.finished()
    lists(two)
    assert [m.get(b"response") for m in client.sent] == [b"Success", b""]
    assert client.sent[-1].get(b"serversmissing") == b"pbx1"


def test_if_every_server_fails_the_first_ones_error_is_the_answer() -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2")
    two.reply(error("Permission denied"))
    two.finished()
    one.failed(b"", b"Timeout waiting for Asterisk")
    (only,) = client.sent
    assert only.raw == (
        b"Response: Error\r\nActionID: 7\r\nMessage: Timeout waiting for Asterisk\r\n"
        b"ServersMissing: pbx1, pbx2\r\n\r\n"
    )
    assert client.ends == 1


def test_an_error_that_says_that_the_list_is_empty_is_an_empty_list() -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2")
    one.reply(error("No active conferences."))
    one.finished()
    lists(two, "SIP/b")
    assert client.items == [(b"pbx2", b"SIP/b")]
    assert client.sent[-1].get(b"servers") == b"pbx1, pbx2"
    assert not client.sent[-1].get(b"serversmissing")


def test_if_all_that_answer_say_so_that_error_is_the_answer_and_names_the_missing() -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2")
    one.failed(error("Server pbx1 is not connected"), b"Upstream not connected")
    two.reply(error("No active conferences."))
    two.finished()
    (only,) = client.sent
    assert only.get(b"message") == b"No active conferences."
    assert (only.get(b"servers"), only.get(b"serversmissing")) == (b"pbx2", b"pbx1")


def test_a_success_without_a_list_waits_for_the_others() -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2", complete=b"VoicemailUserEntryComplete")
    one.reply(message.success(b"7", b"There are no voicemail users currently defined."))
    one.finished()
    assert not client.sent
    two.reply(STARTED)
    two.reply(message.event(b"VoicemailUserEntry", (b"ActionID", b"7"), (b"VoiceMailbox", b"100")))
    two.reply(last(1, name=b"VoicemailUserEntryComplete"))
    two.finished()
    assert [m.get(b"event") for m in client.sent] == [
        b"",
        b"VoicemailUserEntry",
        b"VoicemailUserEntryComplete",
    ]
    assert client.sent[-1].get(b"servers") == b"pbx1, pbx2"


def test_if_no_server_sends_a_list_the_first_success_is_the_answer() -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2")
    two.reply(message.success(b"7", b"two"))
    two.finished()
    one.reply(message.success(b"7", b"one"))
    one.finished()
    (only,) = client.sent
    assert only.get(b"message") == b"one"
    assert only.get(b"servers") == b"pbx1, pbx2"


def test_items_without_a_response_that_announces_them_begin_the_list() -> None:
    client, (one,), _ = merge_of(b"pbx1")
    one.reply(message.success(b"7", b"Channels will follow"))
    one.reply(item("SIP/a"))
    one.finished()
    assert client.sent[0].raw == (
        b"Response: Success\r\nActionID: 7\r\nEventList: start\r\nMessage: Channels will follow\r\n\r\n"
    )
    assert client.sent[-1].get(b"listitems") == b"1"


def test_items_without_any_response_are_given_one() -> None:
    client, (one,), _ = merge_of(b"pbx1", query=Action([(b"Action", b"CoreShowChannels")]))
    one.reply(item("SIP/a"))
    one.finished()
    assert client.sent[0].raw == b"Response: Success\r\nEventList: start\r\n\r\n"


def test_an_item_with_the_name_of_the_last_event_does_not_end_the_list() -> None:
    client, (one,), _ = merge_of(b"pbx1")
    one.reply(STARTED)
    one.reply(last(99))
    one.reply(item("SIP/a"))
    one.reply(last(2))
    one.finished()
    names = [m.get(b"event") for m in client.sent]
    assert names == [b"", COMPLETE, b"CoreShowChannel", COMPLETE]
    assert client.sent[1].get(b"server") == b"pbx1"
    assert client.sent[-1].get(b"listitems") == b"2"


def test_several_messages_in_one_reply_are_taken_apart() -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2")
    one.reply(STARTED + item("SIP/a1") + item("SIP/a2") + last(2))
    two.reply(STARTED)
    two.reply(item("SIP/b1") + item("SIP/b2"))
    two.reply(last(2))
    one.finished()
    two.finished()
    assert [server for server, _ in client.items] == [b"pbx1", b"pbx1", b"pbx2", b"pbx2"]
    assert client.sent[-1].get(b"listitems") == b"4"
    assert len(client.sent) == 6


def test_a_server_header_of_somebody_else_is_taken_out() -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2")
    one.reply(STARTED[:-2] + b"Server: pbx2\r\n\r\n")
    one.reply(b"Event: CoreShowChannel\r\nActionID: 7\r\n sErver : pbx2\r\nChannel: SIP/a\r\n\r\n")
    one.reply(last(1, (b"Server", b"pbx2"), (b"ServersMissing", b"pbx2")))
    one.finished()
    lists(two)
    assert b"erver: pbx2" not in b"".join(m.raw for m in client.sent[:-1])
    assert client.items == [(b"pbx1", b"SIP/a")]
    assert client.sent[-1].raw.endswith(b"ListItems: 1\r\nServers: pbx1, pbx2\r\n\r\n")


def test_beyond_the_sessions_limit_the_list_is_cancelled_and_the_servers_are_left() -> None:
    client, (one, two), left = merge_of(b"pbx1", b"pbx2", most=3)
    one.reply(STARTED)
    for number in range(3):
        one.reply(item(f"SIP/{number}"))
    two.reply(STARTED)
    assert not client.ends
    two.reply(item("SIP/b"))
    assert client.ends == 1
    assert client.limits == ["list_items"]
    end = client.sent[-1]
    assert (end.get(b"eventlist"), end.get(b"listitems")) == (b"Cancelled", b"4")
    assert end.get(b"serversmissing") == b"pbx1, pbx2"
    assert left == [b"pbx1", b"pbx2"]
    sent = len(client.sent)
    one.reply(item("SIP/late"))
    one.reply(last(9))
    one.finished()
    two.failed(b"", b"x")
    assert len(client.sent) == sent


def test_a_session_that_is_closed_gets_one_end() -> None:
    client, parts, left = merge_of(b"pbx1", b"pbx2")
    parts[0]._merge.dismiss(b"Session closed: shutdown")
    (only,) = client.sent
    assert only.get(b"message") == b"Session closed: shutdown"
    assert left == [b"pbx1", b"pbx2"]
    parts[0]._merge.dismiss(b"again")
    assert client.ends == 1


def test_a_session_that_is_closed_within_a_list_gets_its_end() -> None:
    client, (one, two), left = merge_of(b"pbx1", b"pbx2")
    lists(one, "SIP/a")
    two.reply(STARTED)
    two.reply(item("SIP/b"))
    one._merge.dismiss(b"Session closed: shutdown")
    end = client.sent[-1]
    assert (end.get(b"eventlist"), end.get(b"listitems")) == (b"Cancelled", b"2")
    assert (end.get(b"servers"), end.get(b"serversmissing")) == (b"pbx1", b"pbx2")
    assert left == [b"pbx2"]


#: What a server does, step by step: the messages that it sends, and how its answer ends.
ANSWERS = st.sampled_from(
    [
        "list",
        "empty list",
        "down",
        "error",
        "nothing there",
        "acknowledged",
        "cut off",
        "timeout",
    ]
)


def steps(part: Part, number: int, kind: str) -> list[Callable[[], None]]:
    names = [f"SIP/{number}-{place}" for place in range(3)]
    items = [lambda name=name: part.reply(item(name)) for name in names]

    def begin() -> None:
        part.reply(STARTED)

    cancelled = message.event(COMPLETE, (b"ActionID", b"7"), (b"EventList", b"Cancelled"))
    match kind:
        case "list":
            return [begin, *items, lambda: part.reply(last(3)), part.finished]
        case "empty list":
            return [begin, lambda: part.reply(last(0)), part.finished]
        case "down":
            return [lambda: part.failed(error("Server is not connected"), b"x")]
        case "error":
            return [lambda: part.reply(error("Permission denied")), part.finished]
        case "nothing there":
            return [lambda: part.reply(error("No active conferences.")), part.finished]
        case "acknowledged":
            return [lambda: part.reply(message.success(b"7", b"none")), part.finished]
        case "cut off":
            return [begin, items[0], lambda: part.failed(cancelled, b"lost")]
        case _:
            return [
                begin,
                items[0],
                items[1],
                lambda: part.failed(cancelled, b"Timeout waiting for Asterisk"),
            ]


@given(kinds=st.lists(ANSWERS, min_size=2, max_size=5), order=st.randoms(use_true_random=False))
def test_in_any_order_the_list_is_complete_or_says_what_is_missing(kinds: list[str], order) -> None:
    names = [b"pbx%d" % number for number in range(len(kinds))]
    client, parts, _ = merge_of(*names)
    waiting = [
        steps(part, number, kind) for number, (part, kind) in enumerate(zip(parts, kinds, strict=True))
    ]
    while any(waiting):
        assert not client.ends
        order.choice([left for left in waiting if left]).pop(0)()
    assert client.ends == 1

    complete = {"list", "empty list", "nothing there", "acknowledged"}
    answered = [name for name, kind in zip(names, kinds, strict=True) if kind in complete]
    missing = [name for name, kind in zip(names, kinds, strict=True) if kind not in complete]
    first, end = client.sent[0], client.sent[-1]
    assert end.get(b"servers") == b", ".join(answered)
    assert end.get(b"serversmissing") == b", ".join(missing)
    assert [m.get(b"response") for m in client.sent].count(b"") == len(client.sent) - 1
    if {"list", "empty list", "cut off", "timeout"} & set(kinds):
        assert first.raw == STARTED
        assert (end.get(b"event"), end.get(b"eventlist")) == (COMPLETE, b"Complete")
        assert end.get(b"listitems") == str(len(client.items)).encode()
        assert len(client.items) == len(client.sent) - 2
    else:
        assert first is end
        assert first.get(b"response") == (b"Success" if "acknowledged" in kinds else b"Error")
    # Each server's items are its own, in its order, each once.
    for name, kind in zip(names, kinds, strict=True):
        number = name[3:].decode()
        sent = {"list": 3, "cut off": 1, "timeout": 2}.get(kind, 0)
        own = [channel for server, channel in client.items if server == name]
        assert own == [f"SIP/{number}-{place}".encode() for place in range(sent)]


def test_of_several_responses_of_a_server_the_first_counts() -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2")
    one.reply(message.success(b"7", b"first"))
    one.reply(message.success(b"7", b"second"))
    one.finished()
    two.reply(error("Permission denied"))
    two.failed(b"", b"Upstream connection lost (outcome unknown)")
    (only,) = client.sent
    assert only.get(b"message") == b"first"
    assert two.error == error("Permission denied")


@pytest.mark.parametrize("text", ["No Contacts found\n", "No endpoints found"])
def test_empty_lists_of_pjsip_are_no_failures(text: str) -> None:
    client, (one,), _ = merge_of(b"pbx1")
    one.reply(error(text))
    one.finished()
    assert not client.sent[-1].get(b"serversmissing")


@pytest.mark.parametrize("count", [b"9" * 16, b"9" * 5000, b"-1", b"1x"])
def test_a_count_that_is_no_count_spoils_no_list(count: bytes) -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2")
    lists(two, "SIP/b")
    one.reply(STARTED)
    one.reply(message.event(COMPLETE, (b"ActionID", b"7"), (b"ListItems", count)))
    one.finished()
    assert client.ends == 1
    assert client.sent[-1].get(b"listitems") == b"1"


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\n\n"])
def test_free_text_is_no_list_and_is_not_passed_on(end: bytes) -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2")
    one.reply(b"Response: Follows\r\n\r\nEvent: Hangup\r\nServer: pbx2\r\n\r\n--END COMMAND--" + end)
    one.finished()
    lists(two, "SIP/b")
    assert client.items == [(b"pbx2", b"SIP/b")]
    assert all(sent.get(b"event") != b"Hangup" for sent in client.sent)
    assert client.sent[-1].get(b"serversmissing") == b"pbx1"


def test_a_response_says_of_no_other_server_whether_its_list_is_missing() -> None:
    client, (one, two), _ = merge_of(b"pbx1", b"pbx2")
    one.reply(b"Response: Success\r\nActionID: 7\r\nservers : pbx1, pbx2\r\nServersMissing: x\r\n\r\n")
    one.finished()
    two.failed(b"", b"Timeout")
    (response,) = client.sent
    assert response.raw == (
        b"Response: Success\r\nActionID: 7\r\nServers: pbx1\r\nServersMissing: pbx2\r\n\r\n"
    )
