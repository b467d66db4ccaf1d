"""The proposed change of users.yaml: it can be loaded, and then allows the action."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.message import Action, parse_action
from amiproxy.config import load_users
from amiproxy.config.users.servers import ServerNames
from amiproxy.config.users.usertable import user_of
from amiproxy.core.audit.auditlog import SessionFacts
from amiproxy.core.denials.kept import Denials
from amiproxy.core.denials.opening import refusal_of
from amiproxy.core.model.users import User
from amiproxy.core.ports import Peer
from amiproxy.net.admin.explaining.action import explain_action
from amiproxy.net.admin.explaining.change import change_of
from amiproxy.net.admin.explaining.denied import Explained, explain_denied
from amiproxy.steps import result_of
from tests.core.denials.cases import CASES, NEVER, Case
from tests.core.policy.rows import ROWS

SECRET = "0123456789abcdef0123456789abcdef"
SERVERS = ServerNames(names=("pbx1", "pbx2"), named=True)


def load(folder: Path, entry: dict[str, Any], servers: ServerNames | None = None) -> User:
    """The user of this entry, by the loader of the configuration."""
    file = folder / "users.yaml"
    file.write_text(yaml.safe_dump({"users": {"ada": {"md5_secret": SECRET, "read": "all", **entry}}}))
    file.chmod(0o600)
    loaded = load_users(file, servers=servers)
    return user_of("ada", loaded.users["ada"], servers or ServerNames())


def merged(entry: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """The entry after the change: null takes a key away, and ``on`` has its own keys."""
    after = {**entry, **change}
    if "on" in change:
        after["on"] = {
            server: merged(entry.get("on", {}).get(server, {}), keys) for server, keys in change["on"].items()
        }
    return {key: value for key, value in after.items() if value is not None}


def changed(text: str) -> dict[str, Any]:
    keys: dict[str, Any] = yaml.safe_load(text)["users"]["ada"]
    return keys


def action(text: str) -> Action:
    return parse_action(f"Action: {text}\n\n".encode())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.action} {case.entry}")
def test_the_change_can_be_loaded_and_allows_the_action(case: Case, tmp_path: Path) -> None:
    user, asked = load(tmp_path, case.entry), action(case.action)
    change = result_of(change_of(user, asked, SHIPPED))
    assert change is not None
    keys = changed(change.yaml)
    for key, value in case.change.items():
        assert key in keys
        assert value is ... or keys[key] == value
    after = load(tmp_path, merged(case.entry, keys))
    assert refusal_of(user, asked, SHIPPED) is not None
    assert refusal_of(after, asked, SHIPPED) is None


def test_every_change_for_a_user_without_rules_can_be_loaded(tmp_path: Path) -> None:
    for row in ROWS:
        if not row.rule:
            continue
        asked = parse_action(row.raw)
        change = result_of(change_of(load(tmp_path, {"write": row.write}), asked, SHIPPED))
        if change is not None:
            after = load(tmp_path, merged({"write": row.write}, changed(change.yaml)))
            assert refusal_of(after, asked, SHIPPED) is None, row


@pytest.mark.parametrize(("write", "text"), NEVER)
def test_nothing_is_proposed_for_what_nobody_may_do(write: str, text: str, tmp_path: Path) -> None:
    assert result_of(change_of(load(tmp_path, {"write": write}), action(text), SHIPPED)) is None


CALL = "Originate\nChannel: PJSIP/100\nContext: sales\nExten: 1\nPriority: 1"
EXTEN = {"action": "Originate", "header": "Exten", "require": {"exact": "2"}}
ACCOUNT = {"action": "Originate", "header": "Account", "require": {"exact": "2"}}
PRIORITY = {"action": "Originate", "header": "Priority", "require": {"exact": "2"}}


@pytest.mark.parametrize(
    ("entry", "there", "text"),
    [
        ({"write": ["call"]}, {"write": []}, CALL),
        ({"write": ["originate"]}, {"write": []}, CALL),
        ({"write": ["originate"], "rules": [EXTEN]}, {"read": []}, CALL),
        ({"write": ["originate"]}, {"rules": [EXTEN]}, CALL),
        ({"write": ["originate"], "rules": [ACCOUNT]}, {"read": []}, CALL),
        ({"write": ["originate"], "rules": [EXTEN]}, {"rules": [PRIORITY]}, CALL),
        ({"write": ["reporting"]}, {"scope": {"channels": ["PJSIP/1"]}}, "CoreShowChannels"),
        ({"write": ["originate"]}, {"scope": {"channels": ["PJSIP/1"]}}, CALL + "\nChannelId: a.1"),
        (
            {"write": ["originate"], "scope": {"channels": ["PJSIP/*"]}},
            {"scope": {"channels": ["PJSIP/1"]}},
            CALL + "\nChannelId: a.1",
        ),
        ({"write": ["originate"], "contexts": []}, {"read": []}, CALL),
    ],
)
def test_rights_at_one_server_are_changed_there(
    entry: dict[str, Any], there: dict[str, Any], text: str, tmp_path: Path
) -> None:
    whole = {**entry, "servers": ["*"], "on": {"pbx2": there}}
    user = load(tmp_path, whole, SERVERS)
    change = result_of(change_of(user, action(text), SHIPPED, "pbx2"))
    assert change is not None
    left = merged(whole, changed(change.yaml))
    if not any(left["on"]["pbx2"].values()) and "write" not in left["on"]["pbx2"]:
        del left["on"]  # Rights at a server that are those of everywhere need no key.
    after = load(tmp_path, left, SERVERS)
    assert refusal_of(user.at("pbx2"), action(text), SHIPPED) is not None
    assert refusal_of(after.at("pbx2"), action(text), SHIPPED) is None


def test_the_explanation_ends_with_the_change(tmp_path: Path) -> None:
    user = load(tmp_path, {"write": "call"})
    allowed, lines = result_of(explain_action(user, b"Action: Getvar\r\nVariable: SHELL(id)\r\n\r\n"))
    assert not allowed
    text = "\n".join(lines)
    assert "write: [system, call]" in text
    assert "equivalent to a shell" in text


def denied(user: User, text: str, rule: str, server: str | None = None) -> Explained:
    class Clock:
        def wall(self) -> float:
            return 1.0

    denials = Denials(Clock())
    who = SessionFacts("s1", "ada", b"ada", Peer("192.0.2.1", 1), 0.0, 0.0, server)
    found = denials.find(denials.keep(who, action(text), rule) or 0)
    assert found is not None
    return result_of(explain_denied(found, user, SHIPPED, server))


def test_a_denied_action_is_explained_with_its_change(tmp_path: Path) -> None:
    found = denied(load(tmp_path, {"write": "call"}), CALL, "classes")
    assert (found.allowed, found.message) == (False, "")
    assert found.change is not None
    assert changed(found.change.yaml)["write"] == ["call", "originate"]
    assert not any("originate]" in line for line in found.lines)


def test_a_denied_action_is_judged_with_the_rights_of_today(tmp_path: Path) -> None:
    found = denied(load(tmp_path, {"write": "originate"}), CALL, "classes")
    assert (found.allowed, found.change) == (True, None)
    assert found.message


def test_a_limit_is_not_a_matter_of_rights(tmp_path: Path) -> None:
    found = denied(load(tmp_path, {"write": "originate"}), CALL, "limits.action_rate")
    assert found.change is None
    assert "action_rate" in found.message


def test_it_is_said_when_nothing_allows_it_or_values_are_masked(tmp_path: Path) -> None:
    user = load(tmp_path, {"write": "call"})
    assert denied(user, "Unheard", "unknown").message
    found = denied(user, "Setvar\nVariable: A\nValue: ${B}", "evaluated-value")
    assert "Value" in found.message
    other = denied(user, "Hangup\nChannel: /x/", "classes")
    assert "channel-pattern" in other.message


def test_a_denied_action_at_one_of_several_servers(tmp_path: Path) -> None:
    user = load(tmp_path, {"write": ["call"], "servers": ["*"]}, SERVERS)
    found = denied(user, CALL, "classes", "pbx1")
    assert found.change is not None
    assert "server   pbx1" in "\n".join(found.lines)
