"""The table of actions, shipped and learnt."""

from amiproxy.ami.actions import ECHOED_BY, FENCED, LIST_COMPLETE, LOCAL, ONE_EVENT, SHIPPED, Listed
from amiproxy.ami.privilege import CALL, NONE, REPORTING, SYSTEM


def test_shipped_rows_have_their_classes():
    assert SHIPPED.find(b"getvar") == Listed(b"Getvar", CALL | REPORTING)
    assert SHIPPED.find(b"bridgedestroy") == Listed(b"BridgeDestroy", NONE)
    assert SHIPPED.find(b"nosuch") is None
    assert SHIPPED.live == ()


def test_every_special_action_is_in_the_table():
    for names in (LOCAL, LIST_COMPLETE, FENCED, ONE_EVENT, ECHOED_BY):
        assert [name for name in names if SHIPPED.find(name) is None] == []


def test_learning_overlays_the_shipped_table():
    table = SHIPPED.learnt_from(
        [
            (b"Response", b"Success"),
            (b"New", b"Something new.  (Priv: system,all)"),
            (b"Getvar", b"Gets.  (Priv: call,all)"),
            (b"Odd", b"(Priv: system,all"),
        ]
    )
    assert table.find(b"new") == Listed(b"New", SYSTEM, b"Something new.  ", b"system,all")
    assert table.find(b"getvar").classes == CALL
    assert table.find(b"ping") == SHIPPED.find(b"ping")
    assert table.find(b"odd") is None
    assert [row.name for row in table.live] == [b"New", b"Getvar"]


def test_learning_again_forgets_what_was_learnt():
    first = SHIPPED.learnt_from([(b"New", b"(Priv: system,all)")])
    assert first.learnt_from([(b"Other", b"(Priv: system,all)")]).find(b"new") is None


def test_the_table_iterates_over_all_rows():
    assert {row.name for row in SHIPPED} >= {b"Ping", b"Originate", b"UserEvent"}
