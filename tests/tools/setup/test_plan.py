"""The plan, without a file or a right of root: what is missing is made, what is there is kept."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from amiproxy.config import Config, ConfigErrors, Unfit, draft_config
from amiproxy.config.additions import Addition
from amiproxy.config.users.userfiles import parse_users
from amiproxy.core.model.phc import verify
from amiproxy.tools.setup.facts import Facts, Found, UnitState
from amiproxy.tools.setup.manager import ManagerConf
from amiproxy.tools.setup.plan import RELOAD_MANAGER, Plan, plan
from amiproxy.tools.setup.steps import (
    Access,
    IssueCertificate,
    Link,
    MakeAccount,
    MakeCa,
    MakeFolder,
    Run,
    SetAccess,
    WriteFile,
)
from amiproxy.tools.setup.texts import ServiceText, proxy_yaml
from amiproxy.tools.setup.wishes import SYSTEM, AsteriskAddress, PairFiles, Wishes

FILE = Access("root", "ami-proxy", 0o640)
FOLDER = Access("root", "ami-proxy", 0o750)
WISHES = Wishes(hosts=("pbx.example.org",), user=Addition("wallboard", "call,agent"))
LIVE = Path("/etc/letsencrypt/live/pbx.example.org")


def empty(folder: Path = SYSTEM, **changes: Any) -> Facts:
    """Nothing is there, but for the account; root runs it."""
    facts = Facts(
        directory=Found(folder),
        certs=Found(folder / "certs"),
        proxy=Found(folder / "proxy.yaml"),
        config=None,
        secret=Found(folder / "upstream.secret"),
        chain=Found(folder / "certs/server.crt"),
        key=Found(folder / "certs/server.key"),
        request=Found(folder / "certs/server.csr"),
        users=Found(folder / "users.yaml"),
        ca_certificate=Found(folder / "ca/ca.crt"),
        ca_key=Found(folder / "ca/ca.key"),
        is_root=True,
        has_account=True,
        me=("root", "root"),
        unit=UnitState(runs=True, exists=True),
        fresh=("fresh-link-secret", "fresh-user-secret"),
    )
    return replace(facts, **changes)


def complete(**changes: Any) -> Facts:
    """After a setup."""

    def there(name: str, access: Access = FILE, content: bytes | None = b"x") -> Found:
        return Found(SYSTEM / name, access, content)

    facts = empty(
        directory=there("", FOLDER, None),
        certs=there("certs", FOLDER, None),
        proxy=there("proxy.yaml", content=proxy_yaml().encode()),
        secret=there("upstream.secret", content=b"s3cret\n"),
        chain=there("certs/server.crt", Access("root", "ami-proxy", 0o644)),
        key=there("certs/server.key"),
        users=there("users.yaml", content=b"users: {}\n"),
        ca_certificate=there("ca/ca.crt", Access("root", "root", 0o644)),
        ca_key=there("ca/ca.key", Access("root", "root", 0o600)),
        certified=("dns:pbx.example.org",),
        user_names=("wallboard",),
        is_private=True,
        accepted=True,
        unit=UnitState(runs=True, exists=True, active=True, enabled=True),
    )
    return replace(facts, **changes)


def edited(tmp_path: Path, text: str) -> dict[str, Any]:
    """Facts about a proxy.yaml with this text."""
    file = tmp_path / "proxy.yaml"
    file.write_text(text)
    config: Config = draft_config(file)
    return {"proxy": Found(SYSTEM / "proxy.yaml", FILE, text.encode()), "config": config}


def manager_conf(text: str) -> ManagerConf:
    return ManagerConf(Path("/etc/asterisk/manager.conf"), text, lambda _: [], lambda _: False)


def written(made: Plan, name: str) -> WriteFile:
    [step] = [one for one in made.steps if isinstance(one, WriteFile) and one.path.name == name]
    return step


def test_an_empty_machine_gets_everything() -> None:
    made = plan(empty(has_account=False), WISHES)
    assert [type(step) for step in made.steps] == [
        *(MakeAccount, MakeFolder, MakeFolder, WriteFile, MakeCa, IssueCertificate, WriteFile, WriteFile)
    ]
    assert made.start is not None
    assert made.start.command == ("systemctl", "enable", "--now", "ami-proxy.service")
    assert made.section
    assert made.kept == ()


def test_each_file_has_the_packages_owner_and_mode() -> None:
    made = plan(empty(), WISHES)
    folders = [step.access for step in made.steps if isinstance(step, MakeFolder)]
    assert folders == [FOLDER, FOLDER]
    for name in ("upstream.secret", "users.yaml", "proxy.yaml"):
        assert written(made, name).access == FILE
    [pair] = [step for step in made.steps if isinstance(step, IssueCertificate)]
    assert (pair.key_access, pair.chain_access) == (FILE, Access("root", "ami-proxy", 0o644))


def test_files_of_a_trial_belong_to_the_user_who_runs_it() -> None:
    mine = empty(Path("/home/me/try"), is_root=False, has_account=False, me=("me", "us"))
    made = plan(mine, replace(WISHES, directory=Path("/home/me/try")))
    assert not [step for step in made.steps if isinstance(step, MakeAccount)]
    assert written(made, "upstream.secret").access == Access("me", "us", 0o600)
    assert made.steps[0] == MakeFolder(Path("/home/me/try"), Access("me", "us", 0o700))
    assert made.start is None


def test_only_root_sets_up_the_system() -> None:
    with pytest.raises(Unfit) as refused:
        plan(empty(is_root=False), WISHES)
    assert "--directory" in refused.value.remedy


def test_a_second_run_changes_nothing() -> None:
    made = plan(complete(), Wishes())
    assert made.steps == ()
    assert made.start is None
    assert made.user_step is None
    assert {path.name for path in made.kept} == {
        *("upstream.secret", "server.crt", "server.key", "users.yaml", "proxy.yaml")
    }
    # The same wishes again, too.
    assert plan(complete(), WISHES).steps == ()


def test_the_first_user_has_the_secret_that_is_shown() -> None:
    made = plan(empty(), WISHES)
    assert made.user_step is written(made, "users.yaml")
    [(name, entry)] = parse_users(Path("users.yaml"), made.user_step.content).users.items()
    assert (name, entry.read) == ("wallboard", ("call", "agent"))
    assert verify(entry.secret or "", made.user_secret.encode())
    assert "+    secret: ***" in made.user_step.detail
    assert str(entry.secret) not in made.user_step.detail


def test_a_user_that_is_there_is_kept_whatever_its_case() -> None:
    made = plan(complete(), replace(WISHES, user=Addition("WallBoard", "all", "all")))
    assert (made.steps, made.user_secret) == ((), "")


def test_another_user_is_added_and_the_service_reloaded() -> None:
    made = plan(complete(), replace(WISHES, user=Addition("second", "call")))
    [step] = made.steps
    assert step is made.user_step
    assert made.start is not None
    assert made.start.command == ("systemctl", "reload", "ami-proxy.service")


def test_a_user_with_a_wrong_class_is_refused() -> None:
    with pytest.raises(ConfigErrors):
        plan(empty(), replace(WISHES, user=Addition("wallboard", "agnet")))


@pytest.mark.parametrize("name", ["secret", "key", "users"])
def test_a_file_that_the_service_cannot_read_is_opened_to_its_group(name: str) -> None:
    facts = complete()
    closed = replace(getattr(facts, name), access=Access("root", "root", 0o600))
    assert plan(replace(facts, **{name: closed}), Wishes()).steps == (
        SetAccess(closed.path, Access("root", "root", 0o600), FILE),
    )


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o642])
def test_a_secret_that_others_can_read_is_closed_to_them(mode: int) -> None:
    facts = complete()
    loose = replace(facts.secret, access=FILE._replace(mode=mode))
    [step] = plan(replace(facts, secret=loose), Wishes()).steps
    assert step == SetAccess(loose.path, FILE._replace(mode=mode), FILE)


def test_a_stricter_mode_that_works_is_kept() -> None:
    facts = complete()
    strict = replace(facts.secret, access=Access("ami-proxy", "root", 0o400))
    assert plan(replace(facts, secret=strict), Wishes()).steps == ()


# -- proxy.yaml ------------------------------------------------------------


def test_wishes_go_into_a_proxy_yaml_that_nobody_edited() -> None:
    wishes = replace(WISHES, asterisk=AsteriskAddress(port=5040), username="link", listen="[::]:6000")
    made = plan(complete(), wishes)
    expected = proxy_yaml(ServiceText("link", AsteriskAddress(port=5040), "[::]:6000"))
    step = written(made, "proxy.yaml")
    assert step.content == expected.encode()
    assert step.before == proxy_yaml().encode()
    assert (made.username, made.asterisk, str(made.listen)) == (
        *("link", AsteriskAddress(port=5040), "[::]:6000"),
    )


def test_an_edited_proxy_yaml_is_kept_and_followed(tmp_path: Path) -> None:
    text = proxy_yaml(ServiceText("link", AsteriskAddress(port=5040))) + "\nlimits: {connections: 2000}\n"
    made = plan(complete(**edited(tmp_path, text)), Wishes())
    assert made.steps == ()
    assert (made.username, made.asterisk.port) == ("link", 5040)


@pytest.mark.parametrize(
    ("wish", "flag"),
    [
        ({"username": "other"}, "--manager-user"),
        ({"asterisk": AsteriskAddress(port=5041)}, "--asterisk"),
        ({"listen": "[::]:6000"}, "--listen"),
        ({"metrics": "127.0.0.1:9539"}, "--metrics"),
    ],
)
def test_a_wish_that_an_edited_proxy_yaml_contradicts_is_refused(
    wish: dict[str, Any], flag: str, tmp_path: Path
) -> None:
    facts = complete(**edited(tmp_path, proxy_yaml(ServiceText("link", AsteriskAddress(port=5040)))))
    with pytest.raises(Unfit) as refused:
        plan(facts, replace(Wishes(), **wish))
    assert flag in refused.value.remedy


@pytest.mark.parametrize(
    ("port", "console", "expected"),
    [
        ("asterisk", None, "asterisk"),
        ("asterisk", "asterisk", "asterisk"),
        # The manager is enabled only by a step of the plan.
        (None, "asterisk", "asterisk"),
        (None, None, None),
        # A uid without a name.
        ("998", None, "998"),
    ],
)
def test_a_new_proxy_yaml_expects_asterisks_user(
    port: str | None, console: str | None, expected: str | None
) -> None:
    made = plan(empty(port_user=port, console_user=console), WISHES)
    step = written(made, "proxy.yaml")
    assert yaml.safe_load(step.content)["upstream"].get("expect_user") == expected
    assert expected is None or expected in step.summary


def test_a_port_that_is_not_asterisks_own_is_reported_and_not_expected() -> None:
    made = plan(empty(port_user="mallory", console_user="asterisk"), WISHES)
    assert b"expect_user" not in written(made, "proxy.yaml").content
    assert [text for text, _ in made.notes if "mallory" in text]


def test_a_user_of_several_servers_is_added_by_another_command(tmp_path: Path) -> None:
    text = yaml.safe_load(proxy_yaml())
    upstream = text.pop("upstream")
    facts = complete(
        **edited(tmp_path, json.dumps({**text, "servers": {"pbx1": upstream, "pbx2": upstream}}))
    )
    assert plan(facts, Wishes()).steps == ()
    with pytest.raises(Unfit) as refused:
        plan(facts, Wishes(user=Addition("second", "call")))
    assert "users add second --servers" in refused.value.remedy


def test_an_edited_proxy_yaml_gets_no_expected_user(tmp_path: Path) -> None:
    facts = edited(tmp_path, proxy_yaml(ServiceText("link")))
    assert plan(complete(port_user="asterisk", **facts), Wishes()).steps == ()


def test_an_asterisk_on_another_machine_is_refused() -> None:
    with pytest.raises(Unfit, match="plain text"):
        plan(empty(), replace(WISHES, asterisk=AsteriskAddress("192.0.2.1")))


@pytest.mark.parametrize("name", ["general", "a]b", "", "a" * 80, "a;b"])
def test_a_name_that_cannot_be_a_section_is_refused(name: str) -> None:
    if name:
        with pytest.raises(Unfit, match="--manager-user"):
            plan(empty(), replace(WISHES, username=name))


# -- certificates ----------------------------------------------------------


def test_a_private_ca_that_is_there_issues_the_certificate() -> None:
    facts = complete(chain=Found(SYSTEM / "certs/server.crt"), key=Found(SYSTEM / "certs/server.key"))
    [step] = plan(facts, WISHES).steps
    assert isinstance(step, IssueCertificate)
    assert step.names == ("pbx.example.org",)


def test_without_a_name_no_certificate_is_issued() -> None:
    with pytest.raises(Unfit) as refused:
        plan(empty(), replace(WISHES, hosts=()))
    assert "--host" in refused.value.remedy


def test_a_key_without_its_certificate_gets_one() -> None:
    facts = complete(chain=Found(SYSTEM / "certs/server.crt"))
    [step] = plan(facts, WISHES).steps
    assert isinstance(step, IssueCertificate)


@pytest.mark.parametrize(
    "changes",
    [
        # It waits for another CA.
        {"chain": Found(SYSTEM / "certs/server.crt"), "request": Found(SYSTEM / "x.csr", FILE, b"x")},
        {"key": Found(SYSTEM / "certs/server.key")},
        {"ca_key": Found(SYSTEM / "ca/ca.key"), "chain": Found(SYSTEM / "x"), "key": Found(SYSTEM / "y")},
        {
            "ca_certificate": Found(SYSTEM / "ca/ca.crt"),
            "chain": Found(SYSTEM / "x"),
            "key": Found(SYSTEM / "y"),
        },
    ],
)
def test_where_only_the_operator_can_decide_nothing_is_done(changes: dict[str, Found]) -> None:
    with pytest.raises(Unfit) as refused:
        plan(complete(**changes), WISHES)
    assert refused.value.remedy


def given(content: bytes = b"chain") -> tuple[Found, Found]:
    root = Access("root", "root", 0o600)
    return Found(LIVE / "fullchain.pem", root, content), Found(LIVE / "privkey.pem", root, b"key")


def test_a_certificate_of_certbots_is_copied_and_each_renewal_is_installed() -> None:
    facts = empty(
        given=given(),
        certbot=True,
        hook=Path("/usr/share/ami-proxy/hooks/certbot-deploy"),
        certbot_hooks=Found(Path("/etc/letsencrypt/renewal-hooks/deploy/ami-proxy")),
        hook_defaults=Found(Path("/etc/default/ami-proxy-certs")),
    )
    wishes = replace(WISHES, hosts=(), pair=PairFiles(LIVE / "fullchain.pem", LIVE / "privkey.pem"))
    made = plan(facts, wishes)
    assert written(made, "server.key").access == FILE
    assert (written(made, "server.key").content, written(made, "server.crt").content) == (b"key", b"chain")
    assert written(made, "ami-proxy-certs").content == b"AMI_PROXY_LINEAGE=pbx.example.org\n"
    assert [step.path.name for step in made.steps if isinstance(step, Link)] == ["ami-proxy"]
    assert not [step for step in made.steps if isinstance(step, MakeCa)]
    assert made.ca is None
    assert not [text for text, _ in made.notes if "renewal" in text]


def test_without_a_hook_the_operator_is_told_how_to_install_renewals() -> None:
    wishes = replace(WISHES, hosts=(), pair=PairFiles(LIVE / "fullchain.pem", LIVE / "privkey.pem"))
    made = plan(empty(given=given()), wishes)
    assert [remedy for text, remedy in made.notes if "renewal" in text and "install-pair" in remedy]


def test_a_certificate_that_is_there_is_not_replaced_by_another() -> None:
    wishes = replace(WISHES, pair=PairFiles(LIVE / "fullchain.pem", LIVE / "privkey.pem"))
    made = plan(complete(given=given()), wishes)
    assert made.steps == ()
    assert [text for text, _ in made.notes if "is kept" in text]


def test_a_name_that_the_certificate_does_not_cover_is_reported() -> None:
    made = plan(complete(), replace(WISHES, hosts=("other.example.org",)))
    assert made.steps == ()
    assert [text for text, _ in made.notes if "dns:other.example.org" in text]


# -- Asterisk --------------------------------------------------------------


def test_the_account_is_added_and_the_manager_reloaded_and_no_secret_is_shown() -> None:
    conf = manager_conf("[general]\nenabled = yes\nbindaddr = 127.0.0.1\n\n[panel]\nsecret = hunter2\n")
    theirs = Access("root", "asterisk", 0o640)
    made = plan(empty(manager=conf, manager_access=theirs), replace(WISHES, manager_conf=conf.path))
    step = written(made, "manager.conf")
    assert b"secret = fresh-link-secret\n" in step.content
    assert step.before == conf.text.encode()
    assert step.backup is not None
    assert isinstance(made.steps[-1], Run)
    assert made.steps[-1].command == RELOAD_MANAGER
    shown = f"{made} {step} {step.shown}"
    for secret in ("fresh-link-secret", "fresh-user-secret", "hunter2"):
        assert secret not in shown
    assert "+secret = ***" in step.shown
    assert made.section == ""


def test_the_secret_of_an_account_that_is_there_is_used() -> None:
    conf = manager_conf("[general]\nenabled = yes\nbindaddr = 127.0.0.1\n[amiproxy]\nsecret = theirs\n")
    made = plan(empty(manager=conf), replace(WISHES, manager_conf=conf.path))
    assert written(made, "upstream.secret").content == b"theirs\n"
    assert not [step for step in made.steps if isinstance(step, WriteFile) and step.path == conf.path]


def test_two_different_secrets_are_reported_and_neither_is_changed() -> None:
    conf = manager_conf("[general]\nenabled = yes\nbindaddr = 127.0.0.1\n[amiproxy]\nsecret = theirs\n")
    made = plan(complete(manager=conf), replace(WISHES, manager_conf=conf.path))
    assert made.steps == ()
    assert [text for text, _ in made.notes if "another secret" in text]
    assert "theirs" not in str(made.notes)


def test_the_port_of_manager_conf_is_taken_unless_another_is_wanted() -> None:
    conf = manager_conf("[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = 5040\n")
    assert plan(empty(manager=conf), WISHES).asterisk == AsteriskAddress(port=5040)
    asked = replace(WISHES, asterisk=AsteriskAddress(port=5041))
    assert plan(empty(manager=conf), asked).asterisk == AsteriskAddress(port=5041)


def test_asterisk_is_asked_to_read_its_file_again_until_it_accepts_the_login() -> None:
    conf = manager_conf("[general]\nenabled = yes\nbindaddr = 127.0.0.1\n[amiproxy]\nsecret = s3cret\n")
    facts = replace(complete(manager=conf), accepted=False)
    made = plan(facts, Wishes())
    assert [step.command for step in made.steps if isinstance(step, Run)] == [RELOAD_MANAGER]
    # A reload makes the link try again at once.
    assert made.start is not None
    assert made.start.command[1] == "reload"
    made = plan(replace(facts, accepted=True), Wishes())
    assert (made.steps, made.start) == ((), None)


def test_a_given_secret_is_stored_and_never_replaces_another() -> None:
    wishes = replace(WISHES, secret=b"given")
    assert written(plan(empty(), wishes), "upstream.secret").content == b"given\n"
    with pytest.raises(Unfit) as refused:
        plan(complete(), wishes)
    assert "given" not in f"{refused.value.remedy}".replace("do not give one", "")


# -- the renewal of a certificate of the private CA ----------------------------

TIMER = UnitState(runs=True, exists=True)


def commands(made: Plan) -> list[str]:
    return [step.command[-1] for step in made.steps if isinstance(step, Run)]


@pytest.mark.parametrize("facts", [empty(timer=TIMER), complete(timer=TIMER)])
def test_the_timer_is_enabled_where_there_is_one(facts: Facts) -> None:
    made = plan(facts, WISHES)
    assert isinstance(made.steps[-1], Run)
    assert made.steps[-1].command == ("systemctl", "enable", "--now", "ami-proxy-certificate.timer")
    assert made.renewal is None


def test_a_timer_that_runs_is_left_alone_and_one_alone_reloads_nothing() -> None:
    runs = replace(TIMER, active=True, enabled=True)
    made = plan(complete(timer=runs), Wishes())
    assert (made.steps, made.start, made.renewal) == ((), None, None)
    assert plan(complete(timer=TIMER), Wishes()).start is None


def test_without_a_start_the_operator_is_told_how_to_enable_the_timer() -> None:
    made = plan(empty(timer=TIMER), replace(WISHES, start=False))
    assert commands(made) == []
    assert made.renewal is not None
    assert made.renewal.command[0] == "systemctl"


@pytest.mark.parametrize(
    "facts",
    [
        empty(),
        # The timer knows only the package's folder.
        empty(Path("/home/me/try"), timer=TIMER),
        empty(timer=TIMER, chain=Found(SYSTEM / "other.crt"), key=Found(SYSTEM / "other.key")),
    ],
)
def test_where_the_timer_cannot_help_the_operator_is_told_what_to_run_daily(facts: Facts) -> None:
    made = plan(facts, replace(WISHES, directory=facts.directory.path))
    assert "ami-proxy-certificate.timer" not in commands(made)
    assert made.renewal is not None
    assert made.renewal.command[:3] == ("ami-proxy", "certs", "renew")
    assert made.renewal.command[-2:] == (str(facts.chain.path), str(facts.key.path))


@pytest.mark.parametrize(
    "changes",
    [{"is_private": False}, {"ca_key": Found(SYSTEM / "ca/ca.key")}],
    ids=["not ours", "key is away"],
)
def test_a_certificate_that_is_not_renewed_here_gets_no_timer(changes: dict[str, Any]) -> None:
    made = plan(complete(timer=TIMER, **changes), Wishes())
    assert (made.steps, made.renewal) == ((), None)


# -- the service -----------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "start", "expected"),
    [
        (UnitState(), True, None),
        (UnitState(runs=True), True, None),
        (UnitState(runs=True, exists=True), False, None),
        (UnitState(runs=True, exists=True), True, "enable"),
        (UnitState(runs=True, exists=True, active=True), True, "enable"),
        (UnitState(runs=True, exists=True, active=True, enabled=True), True, "reload"),
    ],
)
def test_the_unit_is_started_or_reloaded_where_there_is_one(
    unit: UnitState, start: bool, expected: str | None
) -> None:
    made = plan(empty(unit=unit), replace(WISHES, start=start))
    assert (made.start.command[1] if made.start is not None else None) == expected
    assert bool([text for text, _ in made.notes if "systemd has no" in text]) == (
        unit == UnitState(runs=True)
    )


@pytest.mark.parametrize(
    "entry",
    [
        "  boss: {md5_secret: hunter2, read: all}\n",
        '  boss:\n    "md5_secret": hunter2\n',
        "  boss:\n    md5_secret: |-\n      hunter2\n",
    ],
)
def test_no_secret_of_another_user_is_shown(entry: str) -> None:
    before = Found(SYSTEM / "users.yaml", FILE, f"users:\n{entry}".encode())
    made = plan(empty(users=before), WISHES)
    assert made.user_step is not None
    assert b"hunter2" in made.user_step.content
    assert "hunter2" not in f"{made} {made.user_step} {made.user_step.detail}"


@pytest.mark.parametrize("line", [";-- old --;secret = hunter2", "secret=hunter2", "; \x1b]0;hunter2\x07"])
def test_lines_of_others_in_manager_conf_are_not_shown(line: str) -> None:
    conf = ManagerConf(Path("manager.conf"), f"[general]\nenabled = yes\n[boss]\n{line}\n", lambda _: [])
    step = next(
        step for step in plan(empty(manager=conf), WISHES).steps if getattr(step, "path", None) == conf.path
    )
    assert isinstance(step, WriteFile)
    assert "[amiproxy]" in step.shown
    assert "hunter2" not in step.shown


def test_a_secret_with_odd_line_breaks_is_not_shown() -> None:
    conf = ManagerConf(Path("manager.conf"), "[general]\nenabled = yes\n", lambda _: [])
    wishes = replace(WISHES, secret="first\u2028second".encode())
    step = next(
        step for step in plan(empty(manager=conf), wishes).steps if getattr(step, "path", None) == conf.path
    )
    assert isinstance(step, WriteFile)
    assert "second" in step.content.decode()
    assert "second" not in step.shown
