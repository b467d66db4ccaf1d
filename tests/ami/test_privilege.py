"""Classes and masks: rows of ami-facts.md §4.1 and §10.1."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.errors import UnknownPrivilege
from amiproxy.ami.privilege import ALL, CALL, COMMAND, NONE, SYSTEM, UNKNOWN, USER


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("", NONE),
        ("none", NONE),
        ("all", ALL),
        ("call", CALL),
        ("call,system", CALL | SYSTEM),
        (" call , system ", CALL | SYSTEM),
        ("all,call", ALL),
        ("none,call", CALL),
    ],
)
def test_class_lists_are_parsed(text, mask):
    assert privilege.parse_classes(text) == mask


@pytest.mark.parametrize("text", ["call,,dtmf", ",call", "call,", "Call", "c", "hookresponse"])
def test_class_lists_are_read_strictly(text):
    """Asterisk grants everything for an empty token, and several classes for a prefix."""
    with pytest.raises(UnknownPrivilege):
        privilege.parse_classes(text)


@pytest.mark.parametrize(("mask", "text"), [(ALL, "all"), (NONE, "none"), (CALL | SYSTEM, "system,call")])
def test_masks_are_printed_as_class_names(mask, text):
    assert privilege.class_names(mask) == text


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        (b"call,all", CALL),
        (b"system,user,all", SYSTEM | USER),
        (b"call", CALL),
        (b"all", UNKNOWN),
        (b"<none>", UNKNOWN),
        (b"Call", UNKNOWN),
        (b"call,new", CALL | UNKNOWN),
        (b"", UNKNOWN),
    ],
)
def test_an_event_requires_all_its_classes(text, mask):
    assert privilege.required_classes(text) == mask


@pytest.mark.parametrize(
    ("text", "mask"), [(b"<none>", NONE), (b"call,all", CALL), (b"system,call,all", SYSTEM | CALL)]
)
def test_an_action_requires_one_of_its_classes(text, mask):
    assert privilege.action_classes(text) == mask


def test_reading_needs_all_classes_and_writing_any():
    assert privilege.may_read(ALL, SYSTEM | USER)
    assert not privilege.may_read(SYSTEM, SYSTEM | USER)
    assert privilege.may_write(SYSTEM, SYSTEM | CALL)
    assert privilege.may_write(NONE, NONE)
    assert not privilege.may_write(CALL, SYSTEM)


def test_an_unknown_class_is_only_for_readers_of_all():
    every_named = privilege.parse_classes(",".join(privilege.CLASS_NAMES))
    assert not privilege.may_read(every_named, UNKNOWN)
    assert privilege.may_read(ALL, UNKNOWN)


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        (b"", None),
        (b"4294967295", None),
        (b"on", ALL),
        (b"yes", ALL),
        (b"off", NONE),
        (b"0", NONE),
        (b"1", SYSTEM),
        (b"2", CALL),
        (b"18446744073709551615", None),
        (b"4294967298", CALL),
        (b"-1", NONE),
        (b"CALL", NONE),
        (b"bogus", NONE),
        (b"call", CALL),
        (b"call,user", CALL | USER),
        (b"call, user", CALL),
        (b"all", ALL),
        (b"none", NONE),
        (b"user,bogus", USER),
        # Asterisk's own rule: a token before a comma grants every class of which it is a prefix.
        (b"comm,user", COMMAND | USER),
        (b",user", ALL),
    ],
)
def test_event_masks_are_parsed_as_asterisk_does(text, mask):
    assert privilege.parse_event_mask(text) == mask
