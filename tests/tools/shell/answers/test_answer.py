"""The messages of one answer, out of all that arrive."""

from amiproxy.ami import message
from amiproxy.ami.message import Message
from amiproxy.tools.shell.answers.answer import Answer
from amiproxy.tools.shell.language.actions import read_line

ID = b"own-1"


def answer(line: str) -> Answer:
    return Answer(read_line(line).action, ID)


def response(kind: bytes = b"Success", *headers: tuple[bytes, bytes], action_id: bytes = ID) -> Message:
    return Message(message.response(kind, action_id, *headers))


def event(name: bytes, *headers: tuple[bytes, bytes], action_id: bytes = ID) -> Message:
    return Message(message.event(name, *([(b"ActionID", action_id)] if action_id else []), *headers))


def listing(kind: bytes) -> tuple[bytes, bytes]:
    return b"EventList", kind


def test_a_single_response_is_the_whole_answer() -> None:
    found = answer("Ping")
    assert not found.take(response(action_id=b"other"))
    assert not found.take(event(b"UserEvent", action_id=b""))
    assert found.take(response())
    assert found.is_done
    assert not found.failed
    assert not found.take(response())


def test_an_error_ends_any_answer() -> None:
    found = answer("CoreShowChannels")
    assert found.take(response(b"Error", (b"Message", b"Permission denied")))
    assert found.is_done
    assert found.failed


def test_a_list_lasts_until_its_complete_event() -> None:
    found = answer("CoreShowChannels")
    assert found.take(response(b"Success", listing(b"start"), (b"Message", b"Channels will follow")))
    assert found.take(event(b"CoreShowChannel", (b"Channel", b"a")))
    assert not found.take(event(b"Newchannel", action_id=b""))
    assert found.take(event(b"CoreShowChannel", (b"Channel", b"b")))
    assert not found.is_done
    assert found.take(event(b"CoreShowChannelsComplete", listing(b"Complete"), (b"ListItems", b"2")))
    assert found.is_done
    assert [item.get(b"channel") for item in found.items] == [b"a", b"b"]
    assert not found.failed


def test_a_list_that_is_cancelled_has_failed() -> None:
    found = answer("CoreShowChannels")
    found.take(response(b"Success", listing(b"start")))
    found.take(event(b"CoreShowChannelsComplete", listing(b"Cancelled")))
    assert found.is_done
    assert found.failed


def test_an_older_list_is_recognised_by_its_text() -> None:
    found = answer("QueueStatus")
    found.take(response(b"Success", (b"Message", b"Queue status will follow")))
    found.take(event(b"QueueParams"))
    found.take(event(b"QueueStatusComplete"))
    assert found.is_done
    assert found.complete is not None


def test_a_list_may_be_ended_by_a_second_response() -> None:
    found = answer("CoreShowChannels")
    found.take(response(b"Success", listing(b"start")))
    found.take(response(b"Error"))
    assert found.is_done


def test_items_of_peers_have_no_actionid() -> None:
    found = answer("IAXpeers")
    found.take(response(b"Success", listing(b"start")))
    assert found.take(event(b"PeerEntry", action_id=b""))
    assert not found.take(event(b"Newchannel", action_id=b""))


def test_an_event_with_our_actionid_that_follows_is_not_the_answer() -> None:
    found = answer("Originate Channel=a Application=Wait Async=true")
    assert not found.take(event(b"OriginateResponse"))
    assert found.take(response())
    assert found.is_done


def test_one_event_may_follow_the_response() -> None:
    found = answer("FAXStats")
    found.take(response())
    assert not found.is_done
    assert found.take(event(b"FAXStats"))
    assert found.is_done


def test_an_answer_without_an_end_takes_all_until_the_next() -> None:
    found = answer("IAXnetstats")
    assert found.needs_fence
    assert found.take(Message(b"IAX2/a 1 2 3\r\n\r\n"))
    assert not found.take(event(b"Newchannel", action_id=b""))
    found.end()
    assert found.is_done
    assert found.rows == [b"IAX2/a 1 2 3\r\n\r\n"]
    assert not found.failed
    of_module = answer("OfAnotherModule")
    of_module.take(response())
    of_module.take(event(b"Something"))
    of_module.take(response(b"Success"))
    of_module.end()
    assert len(of_module.items) == 2


def test_no_answer_at_all_has_failed() -> None:
    found = answer("IAXnetstats")
    found.end()
    assert found.failed
