"""Variables that Asterisk reads: the values that each may have, under any prefix."""

import pytest

from amiproxy.ami.arguments import Kind
from amiproxy.ami.catalogue.variables import find


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"QUEUE_PRIO", Kind.INTEGER),
        (b"_QUEUE_PRIO", Kind.INTEGER),
        (b"__TRANSFER_CONTEXT", Kind.CONTEXT),
        (b"SIPADDHEADER", Kind.SIP_HEADERS),
        (b"SIPADDHEADER51", Kind.SIP_HEADERS),
        (b"TOUCH_MIXMONITOR_BEEP", Kind.INTEGER),
        (b"~HASH~a~b~", Kind.TEXT),
    ],
)
def test_a_harmless_name_has_a_kind(name: bytes, kind: Kind) -> None:
    found = find(name)
    assert found is not None
    assert (found.kind, found.closed) == (kind, "")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (b"MONITOR_EXEC", "code"),
        (b"___MONITOR_EXEC", "code"),
        (b"MONITOR_ANYTHING", "code"),
        (b"BLINDTRANSFER", "code"),
        (b"END_WHILE_3", "dialplan"),
        (b"MACRO_PRIORITY", "dialplan"),
        (b"TOUCH_MIXMONITOR", "file"),
        (b"TOUCH_MIXMONITOR_MESSAGE_START", "file"),
        (b"LIMIT_WARNING_FILE", "fetch"),
        (b"SPYGROUP", "calls"),
    ],
)
def test_a_closed_name_has_a_reason(name: bytes, why: str) -> None:
    found = find(name)
    assert found is not None
    assert found.closed == why


@pytest.mark.parametrize(
    "name", [b"CAMPAIGN", b"monitor_exec", b"BlindTransfer", b"XMONITOR_EXEC", b"MONITOR", b""]
)
def test_all_other_names_have_no_meaning_for_asterisk(name: bytes) -> None:
    assert find(name) is None


def test_names_that_identify_the_caller_are_marked() -> None:
    marked = [
        name
        for name in (b"SIPADDHEADER1", b"LOCALSTATIONID", b"QUEUE_PRIO")
        if (found := find(name)) and found.says_caller
    ]
    assert marked == [b"SIPADDHEADER1", b"LOCALSTATIONID"]
