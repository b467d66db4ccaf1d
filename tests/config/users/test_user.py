"""The valid and the invalid keys of a user in users.yaml."""

import hashlib
from pathlib import Path

import pytest

from amiproxy.ami.privilege import AGENT, ALL, CALL
from amiproxy.config import ConfigErrors, UserEntry, parse_users
from amiproxy.config.users.servers import ServerNames
from amiproxy.config.users.userfiles import UsersReader
from amiproxy.config.users.usertable import user_of
from amiproxy.core.model.users import check_md5, check_plain
from amiproxy.steps import finish

SECRET = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$pzROa0WzGQXg1oZtBNgZtpGUNH8RAj/KA3SdRScQ91g"


def entry(text: str, name: str = "u") -> UserEntry:
    return parse_users(Path("users.yaml"), f"users:\n  {name}: {{{text}}}\n".encode()).users[
        name.strip("'\"")
    ]


def reader_of(text: str, name: str = "u", *, remote: bool = False) -> UsersReader:
    reader = UsersReader(servers=ServerNames(), remote=remote)
    finish(reader.read_text(Path("users.yaml"), f"users:\n  {name}: {{{text}}}\n".encode()))
    return reader


def problems_of(text: str, name: str = "u") -> list[str]:
    found = reader_of(text, name).problems
    assert found
    return [f"{problem.key_path}: {problem.text}; {problem.remedy}" for problem in found]


def test_a_user_of_an_agent_may_have_nothing_to_log_in_with() -> None:
    reader = reader_of("read: [call]", remote=True)
    assert reader.problems == []
    user = user_of("u", reader.users["u"])
    assert (user.secret, user.md5_secret) == (None, None)
    assert not check_plain(user, b"")
    assert not check_md5(user, b"1", hashlib.md5(b"1").hexdigest().encode())
    assert reader_of("login: both", remote=True).problems


@pytest.mark.parametrize(
    ("written", "mask"),
    [
        ("[]", 0), ("''", 0), ("none", 0), ("", 0),
        ("call", CALL), ("[call]", CALL), ("[call, agent]", CALL | AGENT),
        ('"call, agent"', CALL | AGENT), ('"call,agent"', CALL | AGENT), ("all", ALL), ("[all]", ALL),
    ],
)  # fmt: skip
def test_privilege_classes_are_a_list_or_a_text(written: str, mask: int) -> None:
    read = entry(f'secret: "{SECRET}", read: {written}' if written else f'secret: "{SECRET}"')
    assert read.read_mask == mask
    assert entry(f'secret: "{SECRET}", write: {written or "[]"}').write_mask == mask


@pytest.mark.parametrize(
    "written", ['"call,,dtmf"', '",call"', "[call, '']", "[cal]", "Call", '[call, "agent user"]', '"*"']
)
def test_classes_are_parsed_strictly(written: str) -> None:
    for key in ("read", "write"):
        (line,) = problems_of(f'secret: "{SECRET}", {key}: {written}')
        assert line.startswith(f"users.u.{key}: ")
        assert "is not a privilege class; use manager.conf's names" in line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "read: [call]",
            "users.u: the user has neither secret nor md5_secret; make a hash with: ami-proxy users hash",
        ),
        (
            "secret: hunter2",
            "users.u.secret: plain text instead of a hash; make one with: ami-proxy users hash",
        ),
        (
            'md5_secret: ""',
            (
                "users.u.md5_secret: the secret is empty, or contains a line break or control character; "
                "make one with: ami-proxy users generate"
            ),
        ),
        (
            f'secret: "{SECRET}", acl: [deny 10.0.0.0/8, allow 1.2.3.4]',
            'users.u.acl[1]: expected permit or deny and a network; write "permit 10.0.0.0/8"',
        ),
        (
            f'secret: "{SECRET}", setvar: {{A-B: x}}',
            "users.u.setvar.A-B: not a variable name; use letters, digits and _",
        ),
        (
            f'secret: "{SECRET}", setvar: {{A: "x\\r\\nAction: y"}}',
            "users.u.setvar.A: the value contains a line break or control character; remove it",
        ),
        (
            f'secret: "{SECRET}", setvar: {{A: 1}}',
            "users.u.setvar.A: expected text, got a whole number; put it in quotes",
        ),
        (f'secret: "{SECRET}", rite: [call]', "users.u.rite: unknown key; did you mean 'write'?"),
        (f'secret: "{SECRET}", disabled: maybe', "users.u.disabled: expected true or false, got text; "),
        (
            f'secret: "{SECRET}", actions: {{deny: [Orignate]}}',
            (
                "users.u.actions.deny[0]: unknown action 'Orignate'; "
                "check the spelling, or write Orignate* if it is intended"
            ),
        ),
        (
            f'secret: "{SECRET}", eventfilter: [{{method: starts}}]',
            (
                "users.u.eventfilter[0].method: expected one of regex, exact, starts_with, ends_with, "
                "contains, none; "
                "did you mean 'starts_with'?"
            ),
        ),
    ],
)
def test_each_mistake_is_reported(text: str, line: str) -> None:
    assert problems_of(text) == [line]


@pytest.mark.parametrize("written", ['"["', "{}", "{name: X, match: y}", "{header: X, method: exact}", '""'])
def test_a_filter_that_asterisk_would_refuse_is_reported_at_its_place(written: str) -> None:
    lines = problems_of(f'secret: "{SECRET}", eventfilter: ["Event: X", {written}]')
    assert [line.split(": ")[0] for line in lines] == ["users.u.eventfilter[1]"]


def test_filters_of_both_forms_are_compiled() -> None:
    filters = (
        '["!Event: RTCPSent", {action: exclude, name: X, header: Channel, method: exact, match: "Local/1"}]'
    )
    assert len(entry(f'secret: "{SECRET}", eventfilter: {filters}').compiled_filters()) == 2


@pytest.mark.parametrize("name", ["' a'", "'a '", '"a\\tb"', "''", "x" * 80, '"a\\nb"'])
def test_names_that_asterisk_could_confuse_are_refused(name: str) -> None:
    with pytest.raises(ConfigErrors, match="a user's name"):
        parse_users(Path("u"), f'users:\n  {name}: {{secret: "{SECRET}"}}\n'.encode())


def test_names_that_differ_only_in_case_are_one_user() -> None:
    text = f'users:\n  Wall: {{secret: "{SECRET}"}}\n  wall: {{secret: "{SECRET}"}}\n'
    with pytest.raises(ConfigErrors, match="the same name as 'Wall'"):
        parse_users(Path("u"), text.encode())


def test_an_entry_does_not_show_its_secrets() -> None:
    shown = repr(entry(f'secret: "{SECRET}", md5_secret: hunter2'))
    assert "hunter2" not in shown
    assert "argon2id" not in shown


def test_the_rules_of_an_entry_are_its_own_keys() -> None:
    written = entry(f'secret: "{SECRET}", contexts: [outbound], scope: {{accountcodes: [a]}}')
    assert written.contexts == ("outbound",)
    assert written.scope is not None
    assert written.scope.accountcodes == ("a",)


BOUND = 'certificate: ["dns:Wall.Example.ORG", "cn:Wall Board"]'


def test_a_certificate_may_replace_the_secret() -> None:
    written = entry(f"{BOUND}, login: certificate")
    assert [str(binding) for binding in written.certificate] == ["dns:wall.example.org", "cn:Wall Board"]
    assert written.certificate_login.way == "certificate"
    assert entry(f'secret: "{SECRET}", {BOUND}').login == "secret"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            f'secret: "{SECRET}", login: both',
            (
                "users.u.login: login: both needs a certificate: entry, "
                "or no client can log in as this user; "
                'add one: certificate: ["dns:HOST"]'
            ),
        ),
        (
            f"{BOUND}, login: both",
            "users.u: the user has neither secret nor md5_secret; make a hash with: ami-proxy users hash",
        ),
        (
            f'secret: "{SECRET}", certificate: ["dns:*.example.org"]',
            (
                "users.u.certificate[0]: 'dns:*.example.org': a wildcard would bind every host's "
                "certificate; name one host; "
            ),
        ),
        (
            f'secret: "{SECRET}", {BOUND}, login: certifcate',
            "users.u.login: expected one of secret, certificate, both; did you mean 'certificate'?",
        ),
    ],
)
def test_each_mistake_about_certificates_is_reported(text: str, line: str) -> None:
    assert problems_of(text) == [line]


def test_no_two_users_share_a_certificate() -> None:
    users = (
        f"  a: {{{BOUND}, login: certificate}}\n  b: {{secret: '{SECRET}', certificate: ['cn:Wall Board']}}\n"
    )
    with pytest.raises(ConfigErrors) as errors:
        parse_users(Path("users.yaml"), f"users:\n{users}".encode())
    assert [str(problem) for problem in errors.value.problems] == [
        "users.yaml:3: users.b.certificate[0]: cn:Wall Board is bound to user a already; keep one of them"
    ]


@pytest.mark.parametrize(
    ("written", "doors"),
    [
        ("read: []", {"ami"}),
        ("doors: [ajam]", {"ajam"}),
        ("doors: [ami, ajam, api, ws]", {"ami", "ajam", "api", "ws"}),
        ("doors: [page]", {"page"}),
    ],
)
def test_doors_are_the_ways_in(written: str, doors: set[str]) -> None:
    user = user_of("u", entry(f"secret: '{SECRET}', {written}"))
    assert user.doors == doors
    assert user.history is bool({"api", "page", "ws"} & doors)


@pytest.mark.parametrize("doors", ["[]", "[pages]", "[ajam, ajam]", "ajam", "[AJAM]", "null"])
def test_doors_that_make_no_sense_are_refused(doors: str) -> None:
    (problem,) = problems_of(f"secret: '{SECRET}', doors: {doors}")
    assert problem.startswith("users.u.doors")
