"""Subjects of a fleet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.fleet.subjects import PROCESS, SERVER, Subjects

SUBJECTS = Subjects()
SERVERS = st.from_regex(SERVER, fullmatch=True)
PROCESSES = st.from_regex(PROCESS, fullmatch=True)


def test_each_kind_of_message_has_its_subject() -> None:
    assert SUBJECTS.events("Berlin", "berlin-a") == "ami.v1.ev.Berlin.berlin-a"
    assert SUBJECTS.actions("berlin", "berlin-a", "edge1") == "ami.v1.act.berlin.berlin-a.edge1"
    assert SUBJECTS.actions_of("berlin", "berlin-a") == "ami.v1.act.berlin.berlin-a.*"
    assert SUBJECTS.asks("berlin", "berlin-a", "edge1") == "ami.v1.ask.berlin.berlin-a.edge1"
    assert SUBJECTS.asks_of("berlin", "berlin-a") == "ami.v1.ask.berlin.berlin-a.*"
    assert SUBJECTS.inbox("edge1") == "_INBOX.edge1"


def test_fleets_with_other_prefixes_share_no_subject() -> None:
    assert Subjects("a.b").events("s", "x") == "a.b.v1.ev.s.x"
    assert Subjects("a.b").edge_of(SUBJECTS.actions("s", "x", "edge1")) is None


@given(SERVERS, PROCESSES, PROCESSES)
def test_an_action_or_ask_says_which_edge_sent_it(server: str, agent: str, edge: str) -> None:
    assert SUBJECTS.edge_of(SUBJECTS.actions(server, agent, edge)) == edge
    assert SUBJECTS.edge_of(SUBJECTS.asks(server, agent, edge)) == edge


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "ami.v1.ev.berlin.berlin-a",
        "ami.v1.ev.berlin.berlin-a.edge1",
        "ami.v1.act.berlin.berlin-a",
        "ami.v1.act.berlin.berlin-a.edge1.more",
        "ami.v2.act.berlin.berlin-a.edge1",
        "v1.act.berlin.berlin-a.edge1",
        "ami.v1.act.berlin.berlin-a.*",
        "ami.v1.act.berlin.>.edge1",
        "ami.v1.act.*.berlin-a.edge1",
        "ami.v1.act.berlin.berlin-a.edge1\n",
        "_INBOX.edge1.x",
    ],
)
def test_other_subjects_say_no_edge(subject: str) -> None:
    assert SUBJECTS.edge_of(subject) is None


@pytest.mark.parametrize("name", ["", "*", ">", "a.b", "a b", "-a", "A", "ä", "a\n", "a" * 33])
def test_a_process_has_a_name_that_is_one_plain_word(name: str) -> None:
    for subject in (
        lambda: SUBJECTS.events("s", name),
        lambda: SUBJECTS.actions("s", "a", name),
        lambda: SUBJECTS.asks("s", name, "e"),
        lambda: SUBJECTS.inbox(name),
    ):
        with pytest.raises(ValueError, match="part of a subject"):
            subject()


@pytest.mark.parametrize("name", ["", "*", ">", "a.b", "a b", "ä", "a" * 65])
def test_a_server_has_a_name_that_is_one_plain_word(name: str) -> None:
    with pytest.raises(ValueError, match="part of a subject"):
        SUBJECTS.events(name, "a")


@pytest.mark.parametrize("prefix", ["", ".", "a.", ".a", "a..b", "*", "a.>", "a b"])
def test_a_prefix_is_plain_words(prefix: str) -> None:
    with pytest.raises(ValueError, match="part of a subject"):
        Subjects(prefix)
