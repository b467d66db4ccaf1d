"""Which events are shown."""

import pytest

from amiproxy.ami import message
from amiproxy.ami.message import Message
from amiproxy.tools.shell.events.filters import Filter, Filters
from amiproxy.tools.shell.language.words import UsageError


def event(name: bytes, **headers: bytes) -> Message:
    return Message(message.event(name, *((key.encode(), value) for key, value in headers.items())))


NEW = event(b"Newchannel", Channel=b"PJSIP/alice-1", Context=b"from-inside")
JOIN = event(b"QueueCallerJoin", Channel=b"PJSIP/trunk-2", Queue=b"support")
SET = event(b"VarSet", Channel=b"PJSIP/alice-1", Variable=b"A")


@pytest.mark.parametrize(
    ("filters", "shown"),
    [
        ([], [NEW, JOIN, SET]),
        (["newchannel"], [NEW]),
        (["Queue*", "Newchannel"], [NEW, JOIN]),
        (["Channel=pjsip/alice*"], [NEW, SET]),
        (["Newchannel Context=from-*"], [NEW]),
        (["Newchannel Context=to-*"], []),
        (["-VarSet"], [NEW, JOIN]),
        (["Channel=PJSIP/alice*", "-VarSet"], [NEW]),
        (["-Channel=PJSIP/alice*"], [JOIN]),
    ],
)
def test_an_event_is_shown_if_a_filter_matches_and_none_hides_it(
    filters: list[str], shown: list[Message]
) -> None:
    every = Filters()
    for text in filters:
        every.add(Filter.from_words(text.split()))
    assert [one for one in (NEW, JOIN, SET) if every.shows(one)] == shown
    every.clear()
    assert every.shows(SET)


@pytest.mark.parametrize("text", ["Queue*", "-VarSet", "Newchannel Context='a b*'"])
def test_a_filter_is_spelled_as_it_was_typed(text: str) -> None:
    name, _, rest = text.partition(" ")
    words = [name, rest.replace("'", "")] if rest else [name]
    assert str(Filter.from_words(words)) == text


def test_one_filter_is_kept_once() -> None:
    every = Filters()
    every.add(Filter.from_words(["A"]))
    every.add(Filter.from_words(["A"]))
    assert len(every.all) == 1


@pytest.mark.parametrize("words", [[], ["-"], ["a/b"]])
def test_an_invalid_pattern_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        Filter.from_words(words)
