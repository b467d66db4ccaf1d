"""``ami-proxy explain --replay``: the parts of a recording that are denied, or cannot be decided."""

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.eventfilter import FilterSet, from_mapping
from amiproxy.cli.explain.replaying import replay
from amiproxy.core.learning.recorder import Seen, Shape
from amiproxy.core.learning.recording import Recording
from amiproxy.core.model.rules import Rules, Scope
from amiproxy.core.model.users import User, UserTable

HANGUP = Seen("ada", b"Hangup", privilege.CALL)


def recorded(*events: Seen, shapes: tuple[Shape, ...] = ()) -> Recording:
    return Recording({}, dict.fromkeys(shapes, 1), dict.fromkeys(events, 1))


def ada(read: int = privilege.CALL, *filters: object, scope: Scope | None = None) -> UserTable:
    rules = Rules(scope=scope) if scope is not None else None
    return UserTable(
        [
            User(
                "ada",
                secret="plain:x",
                read=read,
                write=privilege.CALL,
                filters=FilterSet(filters),
                rules=rules,
            ),
            User("gone", secret="plain:x", disabled=True),
        ]
    )


@pytest.mark.parametrize(
    ("users", "status", "lines"),
    [
        (ada(), 0, ["1 checked, 0 denied"]),
        (ada(privilege.AGENT), 1, ["ada: event Hangup: read lacks call", "1 checked, 1 denied"]),
        (
            ada(privilege.CALL, from_mapping(name="Newchannel")),
            1,
            ["ada: event Hangup: its eventfilter excludes it", "1 checked, 1 denied"],
        ),
        (
            ada(privilege.CALL, from_mapping(header="Cause"), scope=Scope(channels=("PJSIP/1",))),
            0,
            [
                "ada: event Hangup: not proven: its eventfilter looks at more than the event's name; "
                "its call may be outside the user's scope",
                "1 checked, 0 denied, 1 not proven",
            ],
        ),
    ],
)
def test_events_of_a_recording_are_replayed(
    users: UserTable, status: int, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay(recorded(HANGUP), users, SHIPPED, None) == status
    assert capsys.readouterr().out.splitlines() == lines


def test_denied_actions_and_unknown_users_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    shapes = (
        Shape("ada", b"Hangup", ((b"Channel", b"PJSIP/1"),)),
        Shape("ada", b"Command", ((b"Command", b"core show"),)),
        Shape("gone", b"Ping", ()),
    )
    assert replay(recorded(shapes=shapes), ada(), SHIPPED, None) == 1
    assert capsys.readouterr().out.splitlines() == [
        "ada: Command command=core show: classes",
        "gone: unknown or disabled user",
        "2 checked, 2 denied",
    ]
    assert replay(recorded(shapes=shapes), ada(), SHIPPED, "ADA") == 1
    assert "gone" not in capsys.readouterr().out
