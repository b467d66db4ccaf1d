"""Rates: users that may originate get one proposed, and nobody else does."""

from pathlib import Path

import pytest

from proxy.config import parse_users
from proxy.importers import Imported
from proxy.importers.rates import PER_USER, PROPOSED, propose_rate


def proposed(write: object, *, per_user: bool) -> tuple[dict[str, object], Imported]:
    imported = Imported("f")
    entry: dict[str, object] = {"write": write}
    propose_rate(imported, "f:1", "u", entry, per_user=per_user)
    return entry, imported


@pytest.mark.parametrize("write", ["all", ["originate"], ["call", "originate"], ["all"]])
def test_a_user_that_may_originate_gets_a_rate_and_the_report_says_so(write: object) -> None:
    entry, imported = proposed(write, per_user=True)
    assert entry["limits"] == PROPOSED
    [note] = imported.notes
    assert (note.level, note.place, note.user) == ("changed", "f:1", "u")
    assert "here 50 a second are proposed" in note.text
    assert "limits.originate_rate in the entry" in note.remedy


def test_where_users_have_no_limits_the_report_names_the_services() -> None:
    entry, imported = proposed(["originate"], per_user=False)
    assert "limits" not in entry
    assert "limits.originate_rate of proxy.yaml" in imported.notes[0].text


@pytest.mark.parametrize("write", [[], ["call", "system"], "call", None])
@pytest.mark.parametrize("per_user", [True, False])
def test_nobody_else_does(write: object, per_user: bool) -> None:
    entry, imported = proposed(write, per_user=per_user)
    assert entry == {"write": write}
    assert imported.notes == []


def test_what_is_written_is_what_users_yaml_takes() -> None:
    imported = Imported("f")
    imported.users["u"] = {"md5_secret": "s", "write": ["originate"]}
    propose_rate(imported, "f:1", "u", imported.users["u"])
    assert ("limits" in imported.users["u"]) == PER_USER
    parse_users(Path("users.yaml"), imported.users_yaml())
