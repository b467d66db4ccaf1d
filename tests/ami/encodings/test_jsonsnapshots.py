"""The answer of ProxySnapshot as JSON."""

import json

from amiproxy.ami.encodings.json import messages_in
from amiproxy.ami.encodings.jsonsnapshots import Snapshot, in_parts, joined_groups

START = b"Response: Success\r\nEventList: start\r\nMessage: Snapshot will follow\r\n\r\n"
ITEMS = (
    b"Event: QueueParams\r\nQueue: a\r\n\r\nEvent: QueueMember\r\nQueue: a\r\n\r\n"
    b"Event: ContactList\r\nUri: b\r\n\r\nEvent: Unheard\r\nOf: c\r\n\r\n"
)
END = (
    b"Event: ProxySnapshotComplete\r\nEventList: Complete\r\nListItems: 3\r\n"
    b"Kinds: queues, endpoints, peers\r\n"
    b"KindsMissing: agents\r\nServers: pbx1\r\nServersMissing: pbx2, pbx3\r\nSequence: T1.T2\r\n\r\n"
)


def snapshot_of(data: bytes) -> Snapshot:
    snapshot = Snapshot()
    for raw in messages_in(data):
        snapshot.take(raw)
    return snapshot


def test_items_are_grouped_by_what_they_are() -> None:
    snapshot = snapshot_of(START + ITEMS + END)
    assert json.loads(joined_groups(snapshot.groups)) == {
        "queues": [{"Event": "QueueParams", "Queue": "a"}],
        "members": [{"Event": "QueueMember", "Queue": "a"}],
        "entries": [],
        "endpoints": [],
        "contacts": [{"Event": "ContactList", "Uri": "b"}],
        "peers": [],
    }
    assert snapshot.is_complete
    assert snapshot.sequence == b"T1.T2"
    assert json.loads(b"{%b}" % snapshot.about.removesuffix(b",")) == {
        "kinds": ["queues", "endpoints", "peers"],
        "kindsMissing": ["agents"],
        "serversMissing": ["pbx2", "pbx3"],
    }
    assert snapshot.size == sum(len(item) for items in snapshot.groups.values() for item in items)


def test_a_list_without_its_end_is_not_complete() -> None:
    assert not snapshot_of(START + ITEMS).is_complete
    cancelled = b"Event: ProxySnapshotComplete\r\nEventList: Cancelled\r\n\r\n"
    assert not snapshot_of(START + ITEMS + cancelled).is_complete
    assert snapshot_of(START).sequence == b""


def test_a_long_snapshot_comes_in_parts_with_everything_in_order() -> None:
    groups = {"channels": [b"11111", b"22222", b"33333"], "bridges": [], "queues": [b"44444"]}
    parts = in_parts(groups, 10)
    assert parts == [
        {"channels": [b"11111", b"22222"]},
        {"channels": [b"33333"], "bridges": [], "queues": [b"44444"]},
    ]
    assert in_parts({}, 10) == [{}]
