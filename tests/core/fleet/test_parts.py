"""Parts of answers."""

from amiproxy.ami.relay import RELAY_MARK
from amiproxy.core.fleet.parts import Parts
from amiproxy.core.fleet.wire import ANSWER, LAST, REFUSED, Head

ONE, TWO, THREE = (b"Event: X\r\nNumber: %d\r\n\r\n" % number for number in (1, 2, 3))


def part(number: int, flags: int = 0) -> Head:
    return Head(ANSWER, flags, 0, number)


def test_parts_in_order_give_all_messages() -> None:
    parts = Parts()
    assert not parts.begun
    assert parts.take(part(0), ONE + TWO) == [ONE, TWO]
    assert parts.begun
    assert not parts.complete
    assert parts.take(part(1, LAST), THREE) == [THREE]
    assert parts.complete
    assert not parts.is_missing
    assert not parts.refused


def test_a_part_that_arrives_twice_counts_once() -> None:
    parts = Parts()
    assert parts.take(part(0), ONE) == [ONE]
    assert parts.take(part(0), ONE) == []
    assert parts.take(part(1, LAST), TWO) == [TWO]
    assert parts.take(part(1, LAST), TWO) == []
    assert parts.complete


def test_after_a_missing_part_there_are_no_more_messages() -> None:
    parts = Parts()
    assert parts.take(part(0), ONE) == [ONE]
    assert parts.take(part(2, LAST), THREE) == []
    assert parts.is_missing
    assert not parts.complete
    assert parts.take(part(1), TWO) == []


def test_a_refusal_is_the_only_part() -> None:
    parts = Parts()
    assert parts.take(part(0, REFUSED), ONE) == [ONE]
    assert parts.refused
    assert parts.complete


def test_a_refusal_after_messages_of_an_answer_is_none() -> None:
    parts = Parts()
    parts.take(part(0), ONE)
    assert parts.take(part(1, REFUSED), TWO) == []
    assert parts.is_missing
    assert not parts.refused


def test_a_part_that_ends_inside_a_message_is_none() -> None:
    parts = Parts()
    assert parts.take(part(0), ONE + b"Event: X\r\n") == []
    assert parts.is_missing


def test_an_empty_part_ends_an_answer() -> None:
    parts = Parts()
    parts.take(part(0), ONE)
    assert parts.take(part(1, LAST), b"") == []
    assert parts.complete


def test_a_message_may_be_as_long_as_its_part() -> None:
    long = b"Response: Success\r\nOutput: " + b"x" * (2 << 20) + b"\r\n\r\n"
    assert Parts().take(part(0, LAST), long) == [long]


def test_the_free_text_of_old_answers_is_one_message() -> None:
    text = (
        b"Response: Follows\r\nPrivilege: Command\r\nActionID: " + RELAY_MARK + b"00\r\n"
        b"a\r\n\r\nb\n--END COMMAND--\r\n\r\n"
    )
    assert Parts().take(part(0, LAST), text) == [text]
