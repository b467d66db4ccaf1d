"""What can be typed next."""

import pytest

from amiproxy.ami import message
from amiproxy.ami.message import Message
from amiproxy.tools.shell.completion.completing import complete
from amiproxy.tools.shell.completion.seen import MOST, Seen
from amiproxy.tools.shell.completion.vocabulary import Vocabulary
from amiproxy.tools.shell.language.actions import read_line

LISTED = [
    (b"CoreShowChannels", b"List currently active channels.  (Priv: system,reporting,all)"),
    (b"Originate", b"Originate a call.  (Priv: originate,all)"),
    (b"OfAnotherModule", b"Something else.  (Priv: <none>)"),
]


@pytest.fixture
def words() -> Vocabulary:
    found = Vocabulary()
    found.learn(LISTED)
    return found


def labels(text: str, words: Vocabulary) -> list[str]:
    return [one.label for one in complete(text, words)]


def completed(text: str, words: Vocabulary, label: str) -> str:
    """The line after this candidate is chosen."""
    (one,) = [one for one in complete(text, words) if one.label == label]
    return text[: len(text) - one.replaces] + one.text


def test_actions_that_the_user_may_run_come_first(words: Vocabulary) -> None:
    assert labels("", words)[:3] == ["CoreShowChannels", "OfAnotherModule", "Originate"]
    first, *others = complete("o", words)
    assert (first.text, first.dim, first.about) == ("OfAnotherModule", False, "Something else")
    assert complete("coresh", words)[0].label == "CoreShowChannels"
    (reload,) = [one for one in complete("Reload", words) if one.label == "Reload"]
    assert reload.dim
    assert "system" in reload.about
    assert others


def test_an_action_is_found_by_any_part_of_its_name(words: Vocabulary) -> None:
    assert labels("chan", words)[0] == "ChangeMonitor"
    assert "CoreShowChannels" in labels("chan", words)


def test_before_listcommands_all_actions_are_offered_alike() -> None:
    assert not any(one.dim for one in complete("", Vocabulary()))


def test_headers_follow_the_action_once_each(words: Vocabulary) -> None:
    assert "Channel=" in labels("Originate ", words)
    again = labels("Originate Channel=PJSIP/a Variable=a=1 ", words)
    assert "Channel=" not in again
    assert "Variable=" in again
    assert completed("Originate ex", words, "Exten=") == "Originate Exten="
    assert "Queue=" not in labels("QueuePause support ", words)


@pytest.mark.parametrize(
    ("text", "label", "line"),
    [
        ("Originate Async=t", "true", "Originate Async=true"),
        ("Originate Application=pla", "Playback", "Originate Application=Playback"),
        ("Events EventMask=c", "call", "Events EventMask=call"),
        ("Events ", "off", "Events off"),
        ("MuteAudio Direction=", "in", "MuteAudio Direction=in"),
        ("Getvar Variable=CALLER", "CALLERID()", "Getvar Variable=CALLERID()"),
        ("Command core show ch", "channels", "Command core show channels"),
        ("Command ", "core", "Command core"),
        (r"\wat", r"\watch SECONDS ACTION…", r"\watch "),
        (r"\watch 5 coreshowchannels", "CoreShowChannels", r"\watch 5 CoreShowChannels"),
        (r"\watch ", "5", r"\watch 5"),
        (r"\events o", "off", r"\events off"),
        (r"\x a", "auto", r"\x auto"),
        (r"\h Orig", "Originate", r"\h Originate"),
        (r"\filter Newch", "Newchannel", r"\filter Newchannel"),
        (r"\filter Newchannel Chan", "Channel=", r"\filter Newchannel Channel="),
        (r"\filter -Var", "-VarSet", r"\filter -VarSet"),
        (r"\filter cl", "clear", r"\filter clear"),
    ],
)
def test_a_choice_completes_the_line(words: Vocabulary, text: str, label: str, line: str) -> None:
    assert completed(text, words, label) == line


def test_names_of_profiles_and_columns_are_offered(words: Vocabulary) -> None:
    words.profiles, words.columns = ["office"], ["Channel", "Duration"]
    assert labels(r"\c of", words) == ["office"]
    assert labels(r"\columns Channel Du", words) == ["Duration"]


def test_nothing_is_offered_where_nothing_is_known(words: Vocabulary) -> None:
    assert complete("OfAnotherModule X", words) == []
    assert complete("Originate Unknown=a", words) == []
    assert complete(r"\q x", words) == []


def test_values_that_were_seen_are_offered_the_latest_first(words: Vocabulary) -> None:
    for name in (b"PJSIP/a-1", b"PJSIP/b c-2"):
        words.seen.look(Message(message.event(b"Newchannel", (b"Channel", name), (b"Context", b"inside"))))
    assert labels("Hangup Channel=", words)[:2] == ["PJSIP/b c-2", "PJSIP/a-1"]
    line = completed("Hangup Channel='PJSIP/b", words, "PJSIP/b c-2")
    assert read_line(line).action.get(b"channel") == b"PJSIP/b c-2"
    assert labels("Command core show channel ", words)[-2:] == ["PJSIP/b c-2", "PJSIP/a-1"]
    words.seen.look(Message(message.event(b"Hangup", (b"Channel", b"PJSIP/a-1"))))
    assert labels("Hangup Channel=", words)[:1] == ["PJSIP/b c-2"]
    assert "PJSIP/a-1" not in labels("Hangup Channel=", words)
    assert labels(r"\filter ", words)[1:3] == ["Hangup", "Newchannel"]


def test_what_is_remembered_is_bounded_and_printable() -> None:
    seen = Seen()
    for number in range(MOST + 5):
        seen.look(Message(message.event(b"E", (b"Queue", b"q%d" % number))))
    seen.look(Message(message.event(b"E", (b"Queue", b"bad\x1bname"), (b"Context", b"x" * 1000))))
    from amiproxy.ami.arguments import Kind

    values = seen.values(Kind.QUEUE)
    assert len(values) == MOST
    assert values[0] == f"q{MOST + 4}"
    assert seen.values(Kind.CONTEXT) == []
    assert seen.values(Kind.TEXT) == []


@pytest.mark.parametrize(
    "text", ["Originate Data='a b", 'Originate "', "\\", "Command", "  ", "Originate Data=a\\"]
)
def test_an_unfinished_line_is_no_error(words: Vocabulary, text: str) -> None:
    complete(text, words)


@pytest.fixture
def of_several(words: Vocabulary) -> Vocabulary:
    for server in (b"pbx1", b"pbx2"):
        words.seen.look(Message(message.response(b"Success", b"1", (b"Ping", b"Pong"), (b"Server", server))))
    return words


def test_servers_that_answered_can_be_named_in_every_action(of_several: Vocabulary) -> None:
    assert "Server=" in labels("Originate ", of_several)
    assert "Server=" in labels("OfAnotherModule ", of_several)
    assert labels("Ping Server=", of_several) == ["pbx1", "pbx2"]
    assert labels("\\server ", of_several) == ["pbx1", "pbx2", "all"]
    assert labels("ProxyS", of_several) == ["ProxyServers"]


def test_servers_that_were_listed_can_be_named(words: Vocabulary) -> None:
    words.learn([(b"ProxyServers", b"List the servers of this session  (Priv: <none>)")])
    server = message.event(b"ProxyServer", (b"Server", b"pbx1"), (b"Status", b"Down"))
    words.seen.look(Message(server))
    assert labels("Ping Server=", words) == ["pbx1"]
    assert labels("ProxyS", words) == ["ProxyServers"]


def test_without_several_servers_none_is_offered(words: Vocabulary) -> None:
    words.seen.look(Message(message.event(b"X", (b"Server", b"of a UserEvent"), (b"Y", b"1"))))
    words.seen.look(Message(message.event(b"X", (b"Server", b"of a UserEvent"))))
    assert "Server=" not in labels("Originate ", words)
    assert labels("ProxyS", words) == []
