"""Rates: only users that may originate get a proposed rate."""

from pathlib import Path

import pytest

from amiproxy.config import parse_users
from amiproxy.tools.importers import Imported
from amiproxy.tools.importers.rates import PER_USER, PROPOSED, propose_rate


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
    assert "here 50 per second are proposed" in note.text
    assert "limits.originate_rate in the entry" in note.remedy


def test_if_users_cannot_have_limits_the_report_names_the_services_limit() -> None:
    entry, imported = proposed(["originate"], per_user=False)
    assert "limits" not in entry
    assert "limits.originate_rate of proxy.yaml" in imported.notes[0].text


@pytest.mark.parametrize("write", [[], ["call", "system"], "call", None])
@pytest.mark.parametrize("per_user", [True, False])
def test_other_users_get_no_rate(write: object, per_user: bool) -> None:
    entry, imported = proposed(write, per_user=per_user)
    assert entry == {"write": write}
    assert imported.notes == []


def test_users_yaml_accepts_the_proposed_rate() -> None:
    imported = Imported("f")
    imported.users["u"] = {"md5_secret": "s", "write": ["originate"]}
    propose_rate(imported, "f:1", "u", imported.users["u"])
    assert ("limits" in imported.users["u"]) == PER_USER
    parse_users(Path("users.yaml"), imported.users_yaml())
