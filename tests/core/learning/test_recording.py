"""Recording the actions that users send, and the file in which they are kept."""

import msgspec
import pytest

from amiproxy.ami import privilege
from amiproxy.ami.arguments import ARGUMENTS, Described
from amiproxy.ami.message import Action, parse_action
from amiproxy.core.learning import recorder
from amiproxy.core.learning.recorder import Recorder, Seen, Shape
from amiproxy.core.learning.recording import BadRecording, Recording, from_rows, parse, serialise


def ask(text: str) -> Action:
    return parse_action(b"Action: " + text.encode() + b"\n\n")


def record(*texts: str) -> Recorder:
    kept = Recorder(1.0)
    for text in texts:
        action = ask(text)
        kept.action("ada", action, ARGUMENTS.get(action.key))
    return kept


def test_calls_to_a_thousand_numbers_are_one_shape() -> None:
    kept = record(
        *(
            f"Originate\nExten: {number}\nchannel: PJSIP/201\nActionID: {number}\nX: 1"
            for number in range(5550000, 5550100)
        )
    )
    headers = ((b"Channel", b"PJSIP/201"), (b"Exten", b"0000000"))
    assert kept.shapes == {Shape("ada", b"Originate", headers): 100}


def test_actions_about_the_session_itself_are_recorded_by_name_only() -> None:
    kept = record("Login\nUsername: ada\nSecret: s3cret", "UserEvent\nUserEvent: Note\nPIN: 4711")
    assert [shape.headers for shape in kept.shapes] == [(), ((b"UserEvent", b"xxxx"),)]


def test_actions_that_no_rule_has_to_allow_are_not_recorded() -> None:
    kept = record("ProxySnapshot\nKinds: channels", "ProxyResume\nFrom: somewhere", "Ping")
    assert list(kept.shapes) == [Shape("ada", b"Ping", ())]


def test_aliases_and_numbered_headers_are_recorded_by_their_described_names() -> None:
    kept = record(
        "Park\nChannel: c\nChannel2: PJSIP/1", "UpdateConfig\nCat-000001: general\nAction-000001: NewCat"
    )
    assert [shape.headers for shape in kept.shapes] == [
        ((b"Channel", b"c"), (b"TimeoutChannel", b"PJSIP/1")),
        ((b"Action-000001", b"NewCat"), (b"Cat-000001", b"general")),
    ]


def test_undescribed_and_operator_described_actions_are_recorded() -> None:
    kept = Recorder(1.0)
    kept.action("ada", ask("RptStatus\nNode: 1"), None)
    kept.action("ada", ask("rptstatus\nNode: 1"), Described(b"RptStatus", ()))
    assert kept.shapes == {Shape("ada", b"RptStatus", ()): 2}


def test_shapes_beyond_the_bounds_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_SHAPES", 2)
    monkeypatch.setattr(recorder, "MAX_SHAPES_TOTAL", 3)
    kept = Recorder(1.0)
    for user in ("ada", "bob", "eve"):
        for event in (b"A", b"B", b"C"):
            kept.event(user, event, privilege.CALL, 5)
    kept.event("ada", b"A", privilege.CALL, 1)
    assert kept.events == {
        Seen("ada", b"A", privilege.CALL): 6,
        Seen("ada", b"B", privilege.CALL): 5,
        Seen("bob", b"A", privilege.CALL): 5,
    }
    assert kept.lost == 6 * 5


def test_a_file_holds_the_whole_recording() -> None:
    kept = record("Getvar\nVariable: CALLERID(num)", "Ping")
    kept.event("bob", b"Newchannel", privilege.CALL, 3)
    read = parse(b"".join(serialise({"began": 1.0}, kept.rows())))
    assert read.shapes == kept.shapes
    assert read.events == kept.events
    assert read.users() == ["ada", "bob"]
    assert read.head["began"] == 1.0


def test_two_recordings_can_be_joined() -> None:
    one = from_rows({}, record("Ping", "Ping").rows())
    other = from_rows({"began": 2.0}, record("Ping", "Events").rows())
    joined = one.joined_with(other)
    assert joined == Recording(
        {"began": 2.0}, {Shape("ada", b"Ping", ()): 3, Shape("ada", b"Events", ()): 1}, {}
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no json",
        b'{"format": "something else"}',
        b'["a"]',
        b'{"format": "ami-proxy-learn-1"}\n{"user": 1}',
        b'{"format": "ami-proxy-learn-1"}\n{"user": "a", "event": "A", "classes": "nonsense"}',
        b'{"format": "ami-proxy-learn-1"}\n' + msgspec.json.encode({"user": "a", "action": "\u0411"}),
    ],
)
def test_a_file_that_is_not_a_recording_is_refused(text: bytes) -> None:
    with pytest.raises(BadRecording):
        parse(text)


def test_a_row_of_an_unknown_kind_is_ignored() -> None:
    assert from_rows({}, [{"user": "ada"}]) == Recording({}, {}, {})


def test_long_shapes_reach_the_bounds_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_BYTES", 300)
    monkeypatch.setattr(recorder, "MAX_BYTES_TOTAL", 500)
    kept = Recorder(1.0)
    for user in ("ada", "bob", "eve"):
        for number in range(4):
            kept.action(user, ask(f"Getvar\nVariable: {'x' * 90}{number}"), ARGUMENTS.get(b"getvar"))
    assert [shape.user for shape in kept.shapes] == ["ada", "ada", "bob", "bob"]
    assert kept.lost == 8


def test_every_name_of_a_long_list_is_recorded() -> None:
    names = [f"CRM_FIELD_{chr(65 + number)}" for number in range(20)]
    kept = record("Originate\nVariable: " + ",".join(f"{name}=hunter" for name in names))
    ((_, value),) = next(iter(kept.shapes)).headers
    assert value.decode() == ",".join(f"{name}=xxxxxx" for name in names)
