"""Which actions one answer is right for."""

import pytest

from amiproxy.ami.actions import LIST_COMPLETE
from amiproxy.ami.arguments import ARGUMENTS
from amiproxy.ami.message import Action
from amiproxy.ami.sharing import SHARED, shared_key


def key(*headers: str) -> bytes:
    return shared_key(Action([tuple(h.encode().split(b": ", 1)) for h in headers]))


def test_the_action_id_makes_no_difference():
    plain = key("Action: CoreShowChannels")
    assert plain
    assert key("Action: CoreShowChannels", "ActionID: 1") == plain
    assert key("ActionID: 2", "Action: CoreShowChannels") == plain


def test_suppressevents_makes_no_difference_because_it_is_not_sent():
    assert key("Action: QueueStatus", "Queue: a", "SuppressEvents: yes") == key(
        "Action: QueueStatus", "Queue: a"
    )


@pytest.mark.parametrize("other", ["Queue: sales", "Queue: support", "Member: PJSIP/1", "QUEUE: Sales"])
def test_every_argument_makes_a_difference(other):
    assert key("Action: QueueStatus", other, "ActionID: 1") not in {
        key("Action: QueueStatus"),
        key("Action: QueueStatus", "Queue: other"),
    }


def test_a_header_may_be_spelled_in_any_case():
    assert key("Action: QueueStatus", "Queue: a", "ActionID: x") == key(
        "ActionID: y", "action: QueueStatus", "QUEUE: a"
    )


def test_the_name_must_be_spelled_alike_because_asterisk_repeats_it():
    assert key("Action: CoreShowChannels") != key("Action: coreshowchannels")


@pytest.mark.parametrize(
    "headers",
    [
        ("Action: Getvar", "Variable: X"),
        ("Action: Status", "Channel: PJSIP/1-1"),
        ("Action: Status", "Variables: X"),
        ("Action: Status", "AllVariables: yes"),
        ("Action: Command", "Command: core show channels"),
        ("Action: GetConfig", "Filename: x.conf"),
        ("Action: DBGet", "Family: x", "Key: y"),
        ("Action: Ping",),
        ("Action: CoreShowChannels", "X-Unknown: 1"),
        ("Action: NoSuchList",),
    ],
)
def test_anything_else_is_never_shared(headers):
    assert key(*headers) == b""


def test_the_table_has_only_what_reads_and_only_headers_that_asterisk_reads():
    for name, headers in SHARED.items():
        assert name in LIST_COMPLETE or name in {b"coresettings", b"corestatus"}
        assert name in ARGUMENTS
        if name != b"status":
            read = {argument.header.lower() for argument in ARGUMENTS[name].arguments}
            assert headers - {b"action", b"actionid", b"suppressevents"} == read
