"""Event filters: their three spellings, how each judges an event, and several together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.errors import FilterMalformed, FilterNotCompiled, FilterSyntaxError
from amiproxy.ami.eventfilter import EventFilter, FilterSet, compile_advanced, compile_legacy, from_mapping

EVENT = (
    b"Event: Newchannel\r\nPrivilege: call,all\r\nChannel: PJSIP/alice-00000001\r\n"
    b"CallerIDName: Jos\xc3\xa9 \r\nExten: \r\nContext:default\r\nNote: one\r\nNote:   two\r\n\r\n"
)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (b"Newchannel", True),
        (b"newchannel", False),
        (b"Event: New", True),
        (b"^Event: New", True),
        (b"^Channel", False),
        (b"alice-00000001$", False),
        (b"two\r\n\r\n$", True),
        (b"^Event: Newchannel$", False),
        (b"call,all.*alice", True),
        (b"Newchannel[^x]*alice", True),
        (b"PJSIP/[[:alpha:]]+-[0-9]{8}", True),
        (b"Channel: (SIP|PJSIP)/", True),
        (b"Channel: (SIP|IAX2)/", False),
        (b"Jos. ", True),
        (b"alice-\\d", False),
        (b"[/]", True),
        (b"\\.|,", True),
    ],
)
def test_legacy_patterns_search_the_whole_event(pattern: bytes, expected: bool) -> None:
    include, exclude = compile_legacy(pattern), compile_legacy(b"!" + pattern)
    assert (bool(include.matches(EVENT)), include.exclude) == (expected, False)
    assert (bool(exclude.matches(EVENT)), exclude.exclude) == (expected, True)
    assert FilterSet((include,)).admits(EVENT) is expected
    assert FilterSet((exclude,)).admits(EVENT) is not expected


@pytest.mark.parametrize(
    ("criteria", "pattern", "expected"),
    [
        (b"name(Newchannel)", b"", True),
        (b"name(Newchan)", b"", False),
        (b"name(newchannel)", b"", False),
        (b"name(Newchannel),method(none)", b"", True),
        (b"name(Newchannel),method(contains)", b"alice", True),
        (b"name(Hangup),method(contains)", b"alice", False),
        (b"name(Newchannel),method(exact)", b"Newchannel", False),
        (b"method(starts_with)", b"Event: New", True),
        (b"method(ends_with)", b"two\r\n\r\n", True),
        (b"method(regex)", b"al.ce", True),
        (b"header(Channel)", b"", True),
        (b"header(Channel:)", b"", True),
        (b"header(channel)", b"", False),
        (b"header(Chan)", b"", False),
        (b"header(Exten)", b"", False),
        (b"header(Event),method(exact)", b"Newchannel", True),
        (b"header(Context),method(exact)", b"default", True),
        (b"header(CallerIDName),method(exact)", b"Jos\xc3\xa9 ", True),
        (b"header(CallerIDName),method(exact)", b"Jos\xc3\xa9", False),
        (b"header(Note),method(exact)", b"one", True),
        (b"header(Note),method(exact)", b"two", True),
        (b"header(Note),method(starts_with)", b" ", False),
        (b"header(Note),method(regex)", b"^t.o$", True),
        (b"header(Note),method(regex)", b"one.*two", False),
        (b"header(Channel),method(ends_with)", b"-00000001", True),
        (b"header(Channel),method(contains)", b"bob", False),
        (b"header(Exten),method(regex)", b".*", False),
        # Words in any order, separated by any of blank, comma, bracket; the last of a kind applies.
        (b"method(contains) header(Channel),,name(Newchannel)", b"alice", True),
        (b"name(Hangup),name(Newchannel", b"", True),
        (b"methodical(contains", b"alice", True),
        (b"name(Newchannel\t)", b"", True),
        (b"name(\t)", b"", False),
    ],
)
def test_advanced_criteria_match_as_in_asterisk(criteria: bytes, pattern: bytes, expected: bool) -> None:
    assert bool(compile_advanced(criteria, pattern).matches(EVENT)) is expected


@pytest.mark.parametrize(
    ("criteria", "pattern", "excludes"),
    [
        (b"name(X)", b"", False),
        (b"name(X)", b"!", True),
        (b"action(exclude),name(X)", b"", True),
        (b"action(include),name(X)", b"!", False),
        (b"method(contains)", b"!a", True),
        (b"action(include),method(contains)", b"!a", False),
        (b"action(exclude),action(include),name(X)", b"", False),
    ],
)
def test_an_action_outranks_the_exclamation_mark(criteria: bytes, pattern: bytes, excludes: bool) -> None:
    assert compile_advanced(criteria, pattern).exclude is excludes


def test_a_header_in_the_last_line_without_line_end_matches() -> None:
    assert compile_advanced(b"header(A),method(exact)", b"1").matches(b"B: 2\nA: 1")
    assert not compile_advanced(b"header(A),method(exact)", b"1").matches(b"B: 2\nA: 2")


@pytest.mark.parametrize(
    ("criteria", "pattern", "reason"),
    [
        (b"", b"x", "none of action, name, header and method"),
        (b" ,)", b"x", "none of action, name, header and method"),
        (b"action", b"x", "action is not followed"),
        # These two crash Asterisk itself.
        (b"name", b"x", "name is not followed"),
        (b"header,method(regex)", b"x", "header is not followed"),
        (b"name()", b"", "name is not followed"),
        (b"method()", b"x", "method is not followed"),
        (b"action(allow)", b"x", "action is none of include, exclude"),
        (b"method(glob)", b"x", "method is none of regex, exact"),
        (b"Name(X)", b"", "Name(X is none of"),
        (b"name(X\nY)", b"", "line end"),
        (b"header(\0)", b"", "NUL"),
        (b"name(X)", b"x", "needs a method"),
        (b"name(X),method(none)", b"x", "needs a method"),
        (b"name(X),method(exact)", b"", "exact needs a pattern"),
        (b"name(X),method(exact)", b"!", "exact needs a pattern"),
        (b"method(none)", b"", "a name or a header is needed"),
        (b"action(exclude)", b"", "a name or a header is needed"),
    ],
)
def test_malformed_criteria_are_refused_with_asterisks_text(
    criteria: bytes, pattern: bytes, reason: str
) -> None:
    with pytest.raises(FilterMalformed) as refused:
        compile_advanced(criteria, pattern)
    assert str(refused.value) == "Filter was formatted incorrectly.  Check the syntax of the filter given."
    assert reason in refused.value.reason


@pytest.mark.parametrize("pattern", [b"", b"!"])
def test_an_empty_legacy_pattern_is_malformed(pattern: bytes) -> None:
    with pytest.raises(FilterMalformed, match="formatted incorrectly"):
        compile_legacy(pattern)


@pytest.mark.parametrize("pattern", [b"[", b"a{", b"x" * 257])
def test_a_pattern_that_does_not_compile_is_refused_with_asterisks_text(pattern: bytes) -> None:
    for compiled in (lambda: compile_legacy(pattern), lambda: compile_advanced(b"method(regex)", pattern)):
        with pytest.raises(FilterNotCompiled) as refused:
            compiled()
        assert str(refused.value) == "Filter did not compile.  Check the syntax of the filter given."


@pytest.mark.parametrize("pattern", [b"x" * 257, b"\0"])
def test_plain_patterns_are_bounded_too(pattern: bytes) -> None:
    with pytest.raises(FilterNotCompiled):
        compile_advanced(b"method(contains)", pattern)


def test_operators_patterns_may_be_long() -> None:
    assert compile_legacy(b"x" * 1000, limit=None).matches(b"x" * 1000)
    assert from_mapping(method="contains", match="x" * 1000).matches(b"x" * 1000)


def test_a_mapping_gives_the_same_filter_as_the_advanced_form() -> None:
    rule = from_mapping(
        action="exclude", name="Newchannel", header="Channel", method="starts_with", match="Local/"
    )
    criteria = b"action(exclude),name(Newchannel),header(Channel),method(starts_with)"
    assert rule == compile_advanced(criteria, b"Local/")
    assert str(rule) == f"eventfilter({criteria.decode()}) = Local/"
    assert from_mapping(name="X", match="!").exclude
    assert from_mapping(method="contains", match="José").matches(EVENT)


@pytest.mark.parametrize(
    "mapping",
    [
        {},
        {"match": "x"},
        {"name": ""},
        {"name": "a b"},
        {"header": "a,b"},
        {"name": "a)"},
        {"name": "a\t"},
        {"method": "re"},
    ],
)
def test_a_mapping_is_refused_where_the_advanced_form_would_be(mapping: dict[str, str]) -> None:
    with pytest.raises(FilterMalformed):
        from_mapping(**mapping)


SAME = [
    (compile_legacy(b"a.c"), compile_advanced(b"method(regex)", b"a.c")),
    (compile_legacy(b"abc"), compile_advanced(b"method(contains)", b"abc")),
    (compile_legacy(b"^abc"), compile_advanced(b"method(starts_with)", b"abc")),
    (compile_legacy(b"abc$"), compile_advanced(b"method(ends_with)", b"abc")),
    (compile_legacy(b"^abc$"), compile_advanced(b"method(exact)", b"abc")),
    (compile_legacy(b"a[.]c"), compile_legacy(b"a\\.c")),
    (compile_legacy(b"!a"), compile_advanced(b"method(regex),action(exclude)", b"a")),
    (compile_advanced(b"header(A)", b""), compile_advanced(b"header(A:)", b"")),
    (
        compile_advanced(b"name(A),header(B)", b""),
        compile_advanced(b"header(B),name(A),action(include)", b""),
    ),
]
DIFFERENT = [
    (compile_legacy(b"a"), compile_legacy(b"!a")),
    (compile_legacy(b"a"), compile_legacy(b"^a")),
    (compile_legacy(b"a.c"), compile_legacy(b"a\\.c")),
    (compile_advanced(b"name(A)", b""), compile_advanced(b"header(A)", b"")),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_filters_with_the_same_meaning_are_equal(one: EventFilter, other: EventFilter) -> None:
    assert one == other
    assert hash(one) == hash(other)


@pytest.mark.parametrize(("one", "other"), [*DIFFERENT, (compile_legacy(b"a"), "a")])
def test_filters_with_different_meanings_are_unequal(one: EventFilter, other: object) -> None:
    assert one != other


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (compile_legacy(b"!Event: RTCPSent"), "eventfilter = !Event: RTCPSent"),
        (compile_advanced(b"name(A),method(exact)", b"\xe9"), "eventfilter(name(A),method(exact)) = \\xe9"),
    ],
)
def test_filters_print_as_in_manager_conf(rule: EventFilter, line: str) -> None:
    assert str(rule) == line
    assert line in repr(rule)
    assert line in repr(FilterSet((rule,)))


@pytest.mark.parametrize(
    ("patterns", "admitted"),
    [
        ((), "abc"),
        ((b"a",), "a"),
        ((b"a", b"b"), "ab"),
        ((b"!a",), "bc"),
        ((b"!a", b"!b"), "c"),
        ((b"a|b", b"!b"), "a"),
        ((b"!b", b"a", b"b"), "a"),
        ((b"x",), ""),
    ],
)
def test_several_filters_admit_as_in_asterisk(patterns: tuple[bytes, ...], admitted: str) -> None:
    filters = FilterSet()
    for pattern in patterns:
        filters = filters.with_added(compile_legacy(pattern))
    assert [event for event in "abc" if filters.admits(event.encode())] == list(admitted)
    assert len(filters) == len(patterns)


@pytest.mark.parametrize(
    ("own", "added", "admitted"),
    [
        ((b"a",), (b"a|b|c",), "a"),
        ((b"a",), (b"b",), ""),
        ((b"a", b"b"), (b"b", b"c"), "b"),
        ((b"!a",), (b"a", b"b"), "b"),
        ((b"a", b"b"), (b"!b",), "a"),
        ((b"a",), (b"a", b"b", b"c"), "a"),
    ],
)
def test_filters_added_by_a_session_narrow_its_users_view(
    own: tuple[bytes, ...], added: tuple[bytes, ...], admitted: str
) -> None:
    filters = FilterSet(tuple(map(compile_legacy, own)))
    for pattern in added:
        filters = filters.with_added(compile_legacy(pattern))
    assert [event for event in "abc" if filters.admits(event.encode())] == list(admitted)
    assert len(filters) == len(own) + len(added)


def test_a_name_that_the_users_filters_exclude_stays_excluded() -> None:
    own = FilterSet((from_mapping(name="Hangup"),))
    assert own.with_added(from_mapping(name="Newchannel")).admits_named(b"Newchannel") is False
    assert own.with_added(from_mapping(name="Hangup")).admits_named(b"Hangup") is True
    assert own.with_added(compile_legacy(b"Cause")).admits_named(b"Hangup") is None
    assert own.with_added(compile_legacy(b"a")) != FilterSet((*own.filters, compile_legacy(b"a")))


rules = st.sampled_from([compile_legacy(text) for text in (b"a", b"!a", b"b", b"!b", b"c.", b"!.a")])


@given(st.lists(rules), st.binary(max_size=4))
def test_order_and_repetition_of_filters_do_not_matter(some: list[EventFilter], raw: bytes) -> None:
    one, other = FilterSet(tuple(some)), FilterSet((*reversed(some), *some))
    assert one == other
    assert hash(one) == hash(other)
    assert one.admits(raw) is other.admits(raw)


@pytest.mark.parametrize(
    ("filters", "admitted"),
    [
        ([], True),
        ([from_mapping(name="Hangup")], True),
        ([from_mapping(name="Newchannel")], False),
        ([from_mapping(name="Hangup", action="exclude")], False),
        ([from_mapping(name="Newchannel", action="exclude")], True),
        ([from_mapping(name="Hangup", header="Cause")], None),
        ([from_mapping(name="Newchannel", header="Cause"), from_mapping(name="Hangup")], True),
        ([compile_legacy(b"Event: Hangup")], True),
        ([compile_legacy(b"^Event: Hang")], True),
        ([compile_legacy(b"^Event: Newchannel")], False),
        ([compile_legacy(b"!Event: Hangup")], False),
        ([compile_legacy(b"Channel: Local/")], None),
        ([compile_legacy(b"!Channel: Local/")], None),
        ([compile_legacy(b"Event: Hangup"), compile_legacy(b"!Channel: Local/")], None),
        ([compile_legacy(b"!Channel: Local/"), compile_legacy(b"!Event: Hangup")], False),
        ([compile_legacy(b"Chan.*Local")], None),
        ([compile_legacy(b"^Event: Hangup\\.")], False),
    ],
)
def test_the_name_alone_decides_where_it_can(filters: list[EventFilter], admitted: bool | None) -> None:
    """True or False apply whatever else an event of that name contains."""
    some = FilterSet(tuple(filters))
    assert some.admits_named(b"Hangup") is admitted
    bodies = [b"", b"Cause: 16\r\n", b"Channel: Local/1@x\r\n"]
    events = [b"Event: Hangup\r\nPrivilege: call,all\r\n" + body + b"\r\n" for body in bodies]
    if admitted is not None:
        assert {some.admits(event) for event in events} == {admitted}


def test_a_set_is_compared_by_its_filters() -> None:
    one = FilterSet((compile_legacy(b"a"),))
    assert one != FilterSet()
    assert one != "a"
    assert not FilterSet()
    assert one.cost == 0
    assert one.with_added(compile_legacy(b"a[bc]{3}")).cost == 4


def test_both_refusals_share_a_base_class() -> None:
    assert issubclass(FilterMalformed, FilterSyntaxError)
    assert issubclass(FilterNotCompiled, FilterSyntaxError)
