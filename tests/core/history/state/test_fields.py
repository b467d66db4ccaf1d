"""Fields: the headers of an event or list item, and which of them can be relied on."""

from amiproxy.core.history.state.fields import Fields

EVENT = (
    b"Event: Newstate\r\nPrivilege: call,all\r\nChannel: SIP/a-1\r\nAccountCode: \r\nUniqueid:7.1\r\n"
    b"a line\r\nChanVariable: A=1\r\nChanVariable: B=2\r\n\r\n"
)


def test_the_name_is_known_and_the_headers_are_in_order() -> None:
    fields = Fields(EVENT)
    assert fields.name == b"Newstate"
    assert fields.raw is EVENT
    assert fields.pairs == [
        (b"Privilege", b"call,all"),
        (b"Channel", b"SIP/a-1"),
        (b"AccountCode", b""),
        (b"Uniqueid", b"7.1"),
        (b"ChanVariable", b"A=1"),
        (b"ChanVariable", b"B=2"),
    ]


def test_a_header_is_found_by_its_name_in_lower_case() -> None:
    fields = Fields(EVENT)
    assert fields.get(b"uniqueid") == b"7.1"
    assert fields.get(b"nothing") == b""
    assert fields.get(b"nothing", b"else") == b"else"
    assert fields.get_all(b"chanvariable") == [b"A=1", b"B=2"]


def test_a_line_without_a_colon_is_no_header() -> None:
    fields = Fields(EVENT)
    assert fields.get(b"channel") == b"SIP/a-1"  # what is parsed at first
    assert not fields.has(b"a line")


def test_blanks_before_a_value_are_skipped_and_a_value_may_have_colons() -> None:
    fields = Fields(b"Event: X\r\nA:  \t1: 2\r\nB:3: 4\r\n\r\n")
    assert (fields.get(b"a"), fields.get(b"b")) == (b"1: 2", b"3: 4")
    assert fields.pairs == [(b"A", b"1: 2"), (b"B", b"3: 4")]


def test_an_empty_header_is_present_and_a_missing_one_is_not() -> None:
    assert Fields(EVENT).has(b"accountcode")
    assert not Fields(EVENT).has(b"nothing")


def test_values_that_contradict_each_other_are_not_relied_on() -> None:
    forged = Fields(b"Event: X\r\nUniqueid: forged\r\nA: 1\r\nA: 1\r\nUniqueid: 7.1\r\n\r\n")
    assert forged.get(b"uniqueid") == b"forged"
    assert forged.only(b"uniqueid") == b""
    assert forged.only(b"a") == b"1"
    assert forged.only(b"nothing") == b""
