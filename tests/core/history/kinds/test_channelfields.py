"""The headers of a channel in lists and events."""

from amiproxy.core.history.kinds.channelfields import facts_as, names, read_channel
from tests.core.history.kinds.recorded import messages


def test_only_headers_that_are_there_are_read() -> None:
    (fields,) = messages("Event: X\nParkeeChannel: a-1\nParkeeUniqueid: 1\nChannel: b-1\nAccountCode:\n")
    assert read_channel(fields) == {b"Channel": b"b-1", b"AccountCode": b""}
    assert read_channel(fields, b"Parkee") == {b"Channel": b"a-1", b"Uniqueid": b"1"}
    assert read_channel(fields, target=b"Parkee") == {b"ParkeeChannel": b"b-1", b"ParkeeAccountCode": b""}


def test_names_have_the_prefix_asked_for() -> None:
    assert names("Parkee").startswith("ParkeeChannel ParkeeChannelState ")
    assert names(among=[b"Channel", b"Uniqueid"]) == "Channel Uniqueid"


def test_values_that_are_missing_say_nothing_of_a_call() -> None:
    facts = facts_as(
        b"QueueCallerJoin", {b"Channel": b"Channel", b"Uniqueid": b"Uniqueid"}, {b"Channel": b"PJSIP/a-01"}
    )
    assert facts.devices == (b"PJSIP/a",)
    assert facts.ids == ()
