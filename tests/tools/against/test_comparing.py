"""Every kind of difference between the running service and the files on disk."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from amiproxy.config import (
    Config,
    EdgeEntry,
    Engine,
    FleetServer,
    FleetSettings,
    ServerSettings,
    Tls,
    UserEntry,
)
from amiproxy.config.differences import why_fixed
from amiproxy.config.plain import ABSENT, SHOWN, Plain
from amiproxy.core.model.rules import ActionNames, Scope
from amiproxy.tools.against.comparing import compare
from amiproxy.tools.against.report import STATUS, Setting, UserKey
from tests.tools.against.states import HASH, INTERPRETER, compared, entry, listener, running, served, state


def leaves(value: Plain, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value that is neither a section nor a list of sections."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            yield from leaves(item, (*path, number))
    else:
        yield path


def spelled(path: tuple[Any, ...]) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def without(value: Plain, path: tuple[Any, ...], new: Plain = "something else") -> Plain:
    """A copy of the value with another one at this path; ABSENT removes the key."""
    copied = copy.deepcopy(value)
    inner = copied
    for step in path[:-1]:
        inner = inner[step]
    if new is ABSENT:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return copied


def test_the_same_configuration_has_no_difference(config: Config, path: Path) -> None:
    report = compared(config, path, {"u": entry()}, {"u": entry()})
    assert report.result == "same"
    assert STATUS[report.result] == 0


def test_every_key_of_proxy_yaml_is_reported_with_what_applies_it(config: Config, path: Path) -> None:
    """By construction: a key that is added to the schema is compared without any further change."""
    here = state(config)
    paths = list(leaves(here.config))
    # Every key of every section of the schema is among them.
    assert {one[0] for one in paths} == set(Config.__struct_fields__)
    assert {one[1] for one in paths if one[0] == "limits"} == set(config.limits.__struct_fields__)
    for one in paths:
        service = running(config, path, config=without(here.config, one))
        report = compare(service, here, config, path, ())
        key = spelled(one)
        assert [setting.key for setting in report.settings] == [key]
        assert report.settings[0].why_restart == why_fixed(key)
        assert report.result == ("restart" if why_fixed(key) else "reload")
        assert STATUS[report.result] == (4 if why_fixed(key) else 0)
        assert not any((report.new_keys, report.gone_keys, report.users))


def test_every_key_of_a_user_is_reported(config: Config, path: Path) -> None:
    here = state(config, {"u": entry(scope=Scope(), actions=ActionNames())})
    for one in leaves(here.users):
        service = running(config, path, users=without(here.users, one))
        report = compare(service, here, config, path, ())
        (user,) = report.users
        assert [key.key for key in user.keys] == [spelled(one[1:])]
        assert report.result == "reload"


def test_a_value_that_becomes_the_default_is_marked(config: Config, path: Path) -> None:
    here = state(config)
    service = running(config, path, config=without(here.config, ("limits", "connections"), 2000))
    assert compare(service, here, config, path, ()).settings == [
        Setting("limits.connections", 2000, 1024, is_default=True)
    ]
    there = running(config, path)
    new = replace(here, config=without(here.config, ("limits", "connections"), 2000))
    assert compare(there, new, config, path, ()).settings == [Setting("limits.connections", 1024, 2000)]


def test_another_content_of_the_secret_file_is_a_change(config: Config, path: Path) -> None:
    report = compare(
        running(config, path, upstream_secrets={"asterisk": "fingerprint:x"}), state(config), config, path, ()
    )
    assert [setting.key for setting in report.settings] == ["upstream.secret_file"]
    moved = without(state(config).config, ("upstream", "secret_file"))
    service = running(config, path, upstream_secrets={"asterisk": "fingerprint:x"}, config=moved)
    assert len(compare(service, state(config), config, path, ()).settings) == 1


class TestUsers:
    def test_they_are_added_removed_and_changed(self, config: Config, path: Path) -> None:
        other = HASH.replace("a", "b", 1)
        report = compared(
            config,
            path,
            {"gone": entry(secret=other), "same": entry(), "read": entry(read=("call",))},
            {"same": entry(), "read": entry(read=("call", "agent")), "new": entry(md5_secret="x")},
            rehearsal={"problems": [], "warnings": [], "closes": {"gone": {"user removed": 2}}},
            sessions={"gone": 2, "read": 1},
        )
        found = {user.name: user for user in report.users}
        assert {name: user.kind for name, user in found.items()} == {
            "gone": "removed",
            "read": "changed",
            "new": "added",
        }
        assert (found["gone"].sessions, found["gone"].closes) == (2, {"user removed": 2})
        assert found["read"].directions == {"read": "wider"}
        assert (found["read"].closes, found["read"].gets_fewer_events) == ({}, False)

    @pytest.mark.parametrize(
        ("name", "keys", "closes"),
        [
            ("u", {"disabled": True}, {"user disabled": 2}),
            ("u", {"secret": None, "md5_secret": "a new one"}, {"credentials changed": 2}),
            ("u", {"read": ("call",)}, {}),
            ("U", {}, {}),
            ("other", {}, {"user removed": 2}),
        ],
    )
    def test_sessions_that_would_be_closed_are_estimated_if_the_service_did_not_count_them(
        self, config: Config, path: Path, name: str, keys: dict[str, Any], closes: dict[str, int]
    ) -> None:
        report = compared(
            config, path, {"u": entry()}, {name: entry(**keys)}, sessions={"u": 2}, rehearsal=None
        )
        (user,) = report.users
        assert user.closes == closes
        assert user.kind == ("changed" if name == "u" else "renamed")

    def test_one_with_the_secret_or_certificate_of_another_was_renamed(
        self, config: Config, path: Path
    ) -> None:
        first, second = HASH.replace("a", "b", 1), HASH.replace("a", "c", 1)
        report = compared(
            config,
            path,
            {"a": entry(secret=first), "b": entry(secret=second), "C": entry(read=("call",))},
            {"c": entry(), "x": entry(secret=second, read=("agent",)), "y": entry(md5_secret="z")},
        )
        found = {user.name: (user.kind, user.earlier_name) for user in report.users}
        assert found == {
            "c": ("renamed", "C"),
            "x": ("renamed", "b"),
            "y": ("added", ""),
            "a": ("removed", ""),
        }
        assert [key.key for user in report.users if user.name == "x" for key in user.keys] == ["read"]

    def test_narrower_classes_filters_and_scopes_mean_fewer_events(self, config: Config, path: Path) -> None:
        old = entry(read=("call", "agent"))
        changed = {
            "read": entry(read=("call",)),
            "filter": entry(read=("call", "agent"), eventfilter=("!Event: X",)),
            "scope": entry(read=("call", "agent"), scope=Scope(channels=("PJSIP/1",))),
        }
        report = compared(config, path, dict.fromkeys(changed, old), changed)
        assert {user.name for user in report.users if user.gets_fewer_events} == set(changed)
        report = compared(config, path, dict.fromkeys(changed, changed["read"]), dict.fromkeys(changed, old))
        assert not any(user.gets_fewer_events for user in report.users)

    def test_a_key_that_another_version_lacks_differs_only_if_it_is_written(
        self, config: Config, path: Path
    ) -> None:
        here = state(config, {"u": entry(), "w": entry(hosts=("a",), allowmultiplelogin=False)})
        old = {
            name: {key: value for key, value in one.items() if key not in ("hosts", "allowmultiplelogin")}
            for name, one in here.users.items()
        }
        old["u"] |= {"colour": None, "shape": []}
        old["w"] |= {"colour": "blue"}
        service = running(config, path, users=old)
        (user,) = compare(service, here, config, path, ()).users
        assert user.name == "w"
        assert {key.key for key in user.keys} == {"hosts", "allowmultiplelogin", "colour"}

    def test_their_keys_are_all_known(self) -> None:
        assert set(UserEntry.__struct_fields__) - SHOWN == {"secret", "md5_secret", "setvar", "rules", "on"}


class TestServers:
    def test_a_new_one_is_a_setting_and_widens_users_whose_patterns_match(
        self, config: Config, path: Path
    ) -> None:
        one = structs.replace(config, upstream=None, servers=_servers("pbx1"))
        two = structs.replace(config, upstream=None, servers=_servers("pbx1", "pbx2"))
        users = {"all": entry(servers=("*",)), "one": entry(servers=("pbx1",))}
        service = running(one, path, users, upstream_secrets={"pbx1": "1"})
        report = compare(service, replace(state(two, users), upstream_secrets={}), two, path, ())
        assert [setting.key for setting in report.settings] == ["servers.pbx2"]
        assert report.result == "reload"
        (user,) = report.users
        assert user.name == "all"
        assert user.keys == (UserKey("servers", ["pbx1"], ["pbx1", "pbx2"]),)
        assert user.directions == {"servers": "wider"}
        back = compare(
            running(two, path, users, upstream_secrets={}),
            replace(state(one, users), upstream_secrets={}),
            one,
            path,
            (),
        )
        assert [setting.key for setting in back.settings] == ["servers.pbx2"]
        assert back.users[0].directions == {"servers": "narrower"}
        assert back.users[0].gets_fewer_events

    def test_another_content_of_one_s_secret_file_is_a_change(self, config: Config, path: Path) -> None:
        several = structs.replace(config, upstream=None, servers=_servers("pbx1", "pbx2"))
        here = replace(state(several), upstream_secrets={"pbx1": "1", "pbx2": "2"})
        service = running(several, path, upstream_secrets={"pbx1": "1", "pbx2": "3"})
        (setting,) = compare(service, here, several, path, ()).settings
        assert setting.key == "servers.pbx2.secret_file"

    def test_one_of_a_fleet_is_a_setting_and_widens_users_whose_patterns_match(
        self, config: Config, path: Path
    ) -> None:
        one = structs.replace(config, upstream=None, fleet=_fleet(servers=("pbx1",)))
        two = structs.replace(config, upstream=None, fleet=_fleet(servers=("pbx1", "pbx2")))
        users = {"all": entry(servers=("*",)), "one": entry(servers=("pbx1",))}
        for old, new, direction in ((one, two, "wider"), (two, one, "narrower")):
            report = compare(running(old, path, users), state(new, users), new, path, ())
            assert [setting.key for setting in report.settings] == ["fleet.servers.pbx2"]
            assert report.result == "reload"
            assert [(user.name, user.directions["servers"]) for user in report.users] == [("all", direction)]

    def test_an_edge_of_an_agent_is_a_setting_that_a_reload_applies(self, config: Config, path: Path) -> None:
        one = structs.replace(config, fleet=_fleet(edges=("e1",)))
        two = structs.replace(config, fleet=_fleet(edges=("e1", "e2")))
        for old, new in ((one, two), (two, one)):
            report = compare(running(old, path), state(new), new, path, ())
            assert [setting.key for setting in report.settings] == ["fleet.edges.e2"]
            assert report.result == "reload"

    @pytest.mark.parametrize("key", ["fleet.seed_file", "fleet.token_key_file"])
    def test_another_content_of_a_secret_of_the_fleet_is_a_change(
        self, config: Config, path: Path, key: str
    ) -> None:
        member = structs.replace(config, fleet=_fleet(edges=("e1",)))
        secrets = {"fleet.seed_file": "1", "fleet.token_key_file": "1"}
        here = replace(state(member), fleet_secrets=secrets)
        service = running(member, path, fleet_secrets={**secrets, key: "2"})
        report = compare(service, here, member, path, ())
        assert [setting.key for setting in report.settings] == [key]
        assert report.result == "reload"
        # A service that does not tell them, or that is in no fleet yet.
        assert compare(running(member, path), here, member, path, ()).result == "same"

    def test_the_name_in_a_fleet_takes_a_restart(self, config: Config, path: Path) -> None:
        one = structs.replace(config, fleet=_fleet(edges=("e1",)))
        two = structs.replace(config, fleet=structs.replace(_fleet(edges=("e1",)), name="other"))
        report = compare(running(one, path), state(two), two, path, ())
        assert [setting.key for setting in report.settings if setting.why_restart] == ["fleet.name"]

    def test_upstream_may_become_servers(self, config: Config, path: Path) -> None:
        several = structs.replace(config, upstream=None, servers=_servers("pbx1", "pbx2"))
        here = replace(state(several, {"u": entry(servers=("*",))}), upstream_secrets={})
        report = compare(running(config, path, {"u": entry()}), here, several, path, ())
        assert [setting.key for setting in report.settings] == ["upstream", "servers.pbx1", "servers.pbx2"]
        assert report.result == "reload"
        assert report.users[0].directions == {"servers": "wider"}
        back = compare(
            running(several, path, {"u": entry(servers=("*",))}, upstream_secrets={}),
            replace(state(config, {"u": entry(servers=("*",))}), upstream_secrets={}),
            config,
            path,
            (),
        )
        assert back.users[0].directions == {"servers": "narrower"}


def _servers(*names: str) -> dict[str, ServerSettings]:
    return {name: ServerSettings(username="x", secret_file=Path(f"/{name}.secret")) for name in names}


def _fleet(servers: tuple[str, ...] = (), edges: tuple[str, ...] = ()) -> FleetSettings:
    return FleetSettings(
        role="edge" if servers else "agent",
        name="one",
        engines=(Engine("nats1"),),
        ca=Path("/ca.pem"),
        seed_file=Path("/one.seed"),
        token_key_file=Path("/token.key"),
        servers={name: FleetServer(agents=("a",)) for name in servers},
        edges={name: EdgeEntry(users="all") for name in edges},
    )


class TestCertificates:
    def test_a_new_one_is_shown_beside_the_old_one(self, config: Config, path: Path) -> None:
        here = replace(state(config), certificates=[listener("127.0.0.1:5039", served(2), served(3))])
        (one, two) = compare(running(config, path, files=()), here, config, path, ()).certificates
        assert (one.old, one.new) == (served(1), served(2))
        assert (two.old, two.new) == (None, served(3))

    def test_listeners_are_matched_by_address_if_their_number_changes(
        self, config: Config, path: Path
    ) -> None:
        here = replace(
            state(config),
            certificates=[listener("127.0.0.1:1", served(4)), listener("127.0.0.1:5039", served(5))],
        )
        service = running(config, path)
        found = compare(service, here, config, path, ()).certificates
        assert [(one.listener, one.old) for one in found] == [
            ("127.0.0.1:1", None),
            ("127.0.0.1:5039", served(1)),
        ]
        service = running(config, path, certificates=here.certificates)
        found = compare(service, state(config), config, path, ()).certificates
        assert [(one.listener, one.new) for one in found][1] == ("127.0.0.1:1", None)

    def test_a_file_with_new_content_is_named_unless_its_certificate_is_shown(
        self, config: Config, path: Path
    ) -> None:
        here = state(config)
        chain, key = here.files[0]
        service = running(config, path, files=[{chain: "0", key: "0"}])
        assert compare(service, here, config, path, ()).files == [chain, key]
        assert compare(service, here, config, path, ()).result == "reload"
        shown = replace(here, certificates=[listener("127.0.0.1:5039", served(2))])
        assert compare(service, shown, config, path, ()).files == []
        assert compare(replace(service, files=[]), here, config, path, ()).files == []

    def test_lost_names_are_refused_without_the_services_help(self, config: Config, path: Path) -> None:
        strict = msgspec.structs.replace(config, tls=Tls(lost_names="refuse"))
        narrower = [listener("127.0.0.1:5039", served(2, "dns:other"))]
        here = replace(state(strict), certificates=narrower)
        service = running(strict, path, rehearsal=None)
        assert "dns:pbx.example.org" in compare(service, here, strict, path, ()).refused[0]
        assert compare(running(strict, path), here, strict, path, ()).refused == []
        lenient = running(config, path, rehearsal=None)
        assert compare(lenient, replace(state(config), certificates=narrower), config, path, ()).refused == []


class TestResult:
    def test_what_the_service_would_refuse_is_refused(self, config: Config, path: Path) -> None:
        rehearsal = {"problems": ["a", "b"], "warnings": ["w"], "closes": None}
        report = compare(running(config, path, rehearsal=rehearsal), state(config), config, path, ["b", "c"])
        assert report.refused == ["b", "c", "a"]
        assert report.warnings == ["w"]
        assert STATUS[report.result] == 1

    def test_an_upgrade_takes_a_restart_and_is_not_refused_by_the_old_version(
        self, config: Config, path: Path
    ) -> None:
        rehearsal = {"problems": ["limits.new_one: unknown key"], "warnings": [], "closes": None}
        service = running(
            config,
            path,
            rehearsal=rehearsal,
            interpreter={**INTERPRETER, "version": "0.9", "python": "3.11.1"},
        )
        report = compare(service, state(config), config, path, ())
        assert report.is_upgrade
        assert report.result == "restart"
        assert report.program == [("version", "0.9", "1.0.0"), ("python", "3.11.1", "3.11.2")]
        assert "unknown key" in report.notes[0]
        assert compare(service, state(config), config, path, ["no"]).result == "refused"

    def test_keys_that_only_one_version_has_belong_to_the_upgrade(self, config: Config, path: Path) -> None:
        here = state(config)
        old = without(without(here.config, ("limits", "queue_members"), ABSENT), ("limits", "colour"), "blue")
        service = running(config, path, config=old, interpreter={**INTERPRETER, "version": "0.9"})
        report = compare(service, here, config, path, ())
        assert report.new_keys == [Setting("limits.queue_members", ABSENT, 1000, is_default=True)]
        assert report.gone_keys == [Setting("limits.colour", "blue", ABSENT)]
        assert report.settings == []

    def test_an_action_that_is_described_now_is_a_setting(self, config: Config, path: Path) -> None:
        service = running(config, path, config=without(state(config).config, ("actions", "Foo"), ABSENT))
        report = compare(service, state(config), config, path, ())
        assert [setting.key for setting in report.settings] == ["actions.Foo"]

    def test_another_interpreter_alone_takes_no_restart(self, config: Config, path: Path) -> None:
        service = running(config, path, interpreter={**INTERPRETER, "python": "3.13.1"})
        report = compare(service, state(config), config, path, ())
        assert (report.result, len(report.program)) == ("same", 1)

    def test_other_files_than_the_services_are_not_judged_by_it(self, config: Config, path: Path) -> None:
        rehearsal = {"problems": ["a"], "warnings": ["w"], "closes": {"u": {"user removed": 9}}}
        service = running(config, path.parent / "none.yaml", {"u": entry()}, rehearsal=rehearsal)
        report = compare(service, state(config), config, path, ())
        assert (report.refused, report.warnings) == ([], [])
        assert "none.yaml" in report.notes[0]
        assert report.users[0].closes == {}

    def test_a_log_level_set_by_hand_is_noted(self, config: Config, path: Path) -> None:
        report = compare(running(config, path, log_level="debug"), state(config), config, path, ())
        assert "debug" in report.notes[0]
        assert report.result == "same"


def test_of_an_older_service_only_what_it_tells_is_compared(config: Config, path: Path) -> None:
    here = state(config, {"u": entry(read=("call",)), "new": entry(secret=None, md5_secret="a")})
    service = running(
        config,
        path,
        path=None,
        account=None,
        rehearsal=None,
        unknown=("secrets",),
        upstream_secrets={},
        files=(),
        config={"limits": {"connections": 9}, "listeners": [{"address": "127.0.0.1:5039"}]},
        users={"u": {"disabled": False, "read": "none", "write": "none"}, "old": {"disabled": False}},
        log_level="info",
    )
    report = compare(service, here, config, path, ())
    assert [setting.key for setting in report.settings] == ["limits.connections"]
    assert not any((report.new_keys, report.gone_keys, report.files))
    assert {user.name: user.kind for user in report.users} == {
        "u": "changed",
        "new": "added",
        "old": "removed",
    }
    assert [key.key for key in report.users[0].keys] == ["read"]
    assert report.unknown == ("secrets",)
