from pathlib import Path

import pytest

from amiproxy.config import UsersFile, load_config, parse_users, warnings_of
from amiproxy.core.model.phc import dummy_hash

STRONG = dummy_hash()
WEAK = dummy_hash("$argon2id$v=19$m=64,t=1,p=1$$")


def warnings_for(folder: Path, user: str, upstream: str = "") -> list[str]:
    config = folder / "proxy.yaml"
    config.write_text(config.read_text().replace("{username", f"{{{upstream}username"))
    users = parse_users(folder / "users.yaml", f"users:\n  u: {{{user}}}\n".encode())
    return warnings_of(load_config(config), users)


def test_a_safe_configuration_gives_no_warnings(folder: Path) -> None:
    assert warnings_for(folder, f'secret: "{STRONG}", read: all') == []
    assert (
        warnings_for(folder, f'secret: "{STRONG}", write: [call], acl: [deny 0.0.0.0/0, permit 10.0.0.0/8]')
        == []
    )


def test_names_and_patterns_without_a_server_are_warnings(folder: Path) -> None:
    settings = "username: amiproxy, secret_file: upstream.secret"
    servers = (
        f"servers: {{pbx1: {{{settings}}}, pbx3: {{{settings}}}, "
        f"pbx2: {{{settings}, host: pbx.example.org, insecure_remote: true}}}}"
    )
    config = folder / "proxy.yaml"
    config.write_text(config.read_text().replace("upstream:", servers + "\n#"))
    user = f'secret: "{STRONG}", servers: [pbx1, "us-*", pbx9], on: {{pbx2: {{write: []}}}}, write: [call]'
    assert warnings_for(folder, f"{user}, acl: [deny 0.0.0.0/0]") == [
        "servers.pbx3: has the host and port of pbx1, so that its events come twice",
        "servers.pbx2: the link to pbx.example.org is plain text (insecure_remote)",
        "user u: servers: us-* matches no server of proxy.yaml",
        "user u: servers: pbx9 matches no server of proxy.yaml",
        "user u: on: the user may not use pbx2, whatever its rights are there",
    ]


def test_a_user_named_like_a_login_with_a_server_is_a_warning(folder: Path) -> None:
    config = folder / "proxy.yaml"
    text = config.read_text().replace(
        "upstream:", "servers: {pbx1: {username: a, secret_file: upstream.secret}}\n#"
    )
    config.write_text(text)
    names = ("dialer", "Dialer/PBX1", "dialer/pbx2", "other/pbx1")
    entries = ", ".join(f'{name}: {{secret: "{STRONG}"}}' for name in names)
    users = parse_users(folder / "users.yaml", f"users: {{{entries}}}".encode())
    (warning,) = warnings_of(load_config(config), users)
    assert warning.startswith("user Dialer/PBX1: ")


@pytest.mark.parametrize(
    ("user", "says"),
    [
        (f'secret: "{STRONG}", write: all', "user u: write is all: full control"),
        (
            f'secret: "{STRONG}", write: [call, config, system]',
            "user u: write has config, system: amounts to",
        ),
        (f'secret: "{STRONG}", write: [call]', "user u: may act from any address"),
        (f'secret: "{WEAK}"', "user u: the hash is weaker"),
        (
            "md5_secret: 8gS_4SyIPW7zmXOPgRMfuu2KjsE9g6Y7iXdl259eUbg",
            "user u: md5_secret can be read from the file",
        ),
        ("md5_secret: hunter2", "user u: md5_secret is short"),
        (f'secret: "{STRONG}", disabled: true', "users: no client can log in"),
        (
            f'secret: "{STRONG}", write: [originate], applications: [System]',
            "user u: applications: System needs class system even if",
        ),
        (
            f'secret: "{STRONG}", write: [originate], applications: [ChanSpy]',
            "user u: applications: ChanSpy needs class call even if",
        ),
        (
            f'secret: "{STRONG}", write: [originate], applications: [Macro]',
            "user u: applications: Macro is opened:",
        ),
    ],
)
def test_a_doubtful_setting_is_warned_about(folder: Path, user: str, says: str) -> None:
    lines = warnings_for(folder, user)
    assert any(line.startswith(says) for line in lines)
    assert "hunter2" not in str(lines)


@pytest.mark.parametrize(
    "user",
    [
        "write: [originate], applications: [Playback, 'Rpt*']",
        "write: [system], applications: [System, Macro]",
    ],
)
def test_applications_that_need_no_further_rights_cause_no_warning(folder: Path, user: str) -> None:
    assert not [
        line for line in warnings_for(folder, f'secret: "{STRONG}", {user}') if "applications:" in line
    ]


def test_a_link_across_the_network_is_warned_about(folder: Path) -> None:
    upstream = "host: pbx.example.org, insecure_remote: true, "
    assert warnings_for(folder, f'secret: "{STRONG}"', upstream) == [
        "upstream: the link to pbx.example.org is plain text (insecure_remote)"
    ]


def test_disabled_users_are_skipped(folder: Path) -> None:
    assert warnings_for(folder, "md5_secret: hunter2, write: all, disabled: true") == [
        "users: no client can log in: all users are disabled"
    ]


def test_without_users_the_command_that_makes_the_first_is_named(folder: Path) -> None:
    (warning,) = warnings_of(load_config(folder / "proxy.yaml"), UsersFile(users={}))
    assert "ami-proxy setup" in warning


def test_metrics_open_to_all_are_warned_about(folder: Path) -> None:
    with (folder / "proxy.yaml").open("a") as file:
        file.write('metrics: {address: "0.0.0.0:9539", insecure_remote: true}\n')
    expected = "metrics: 0.0.0.0:9539 answers any client in plain HTTP (insecure_remote)"
    assert expected in warnings_for(folder, f'secret: "{STRONG}"')


@pytest.mark.parametrize(("asks", "warned"), [(False, True), (True, False)])
def test_a_user_with_certificate_login_needs_a_listener_that_asks_for_one(
    folder: Path, asks: bool, warned: bool
) -> None:
    if asks:
        config = folder / "proxy.yaml"
        keys = "client_auth: optional\n    client_ca: clients-ca.crt\n    certificates:"
        config.write_text(config.read_text().replace("certificates:", keys))
    found = warnings_for(folder, 'certificate: ["cn:x"], login: certificate')
    text = "user u: cannot log in: login is certificate, and no listener asks for certificates (client_auth)"
    assert found == ([text] if warned else [])


def test_bounds_of_a_past_that_nobody_may_see_are_warned_about(folder: Path) -> None:
    config = folder / "proxy.yaml"
    config.write_text(f"{config.read_text()}\nhistory: {{seconds: 60}}\n")
    (warning,) = warnings_for(folder, f'secret: "{STRONG}", read: all')
    assert warning.startswith("history: ")
    assert warnings_for(folder, f'secret: "{STRONG}", read: all, history: true') == []


def test_history_of_a_user_that_reads_nothing_is_warned_about(folder: Path) -> None:
    (warning,) = warnings_for(folder, f'secret: "{STRONG}", history: true')
    assert warning.startswith("user u: history: ")


def test_a_door_that_no_listener_serves_is_a_warning(folder: Path) -> None:
    user = f'secret: "{STRONG}", doors: [ami, ajam, ws]'
    assert warnings_for(folder, user) == ["user u: no listener serves ajam, ws (doors)"]
    config = folder / "proxy.yaml"
    http = '  - {address: "[::1]:0", door: http, doors: [ajam, ws], insecure_local: true}\nusers_file'
    config.write_text(config.read_text().replace("users_file", http))
    assert warnings_for(folder, user) == []
    assert warnings_for(folder, f'secret: "{STRONG}", doors: [ws], disabled: true')[:1] != ["user u"]


def test_a_door_that_no_user_may_use_is_a_warning(folder: Path) -> None:
    config = folder / "proxy.yaml"
    http = '  - {address: "[::1]:0", door: http, doors: [ajam, ws], insecure_local: true}\nusers_file'
    config.write_text(config.read_text().replace("users_file", http))
    without = 'listeners: no user may use ajam, ws; add them to "doors" of users'
    assert warnings_for(folder, f'secret: "{STRONG}"') == [without]
    assert warnings_for(folder, f'secret: "{STRONG}", doors: [ws]') == [without.replace("ajam, ws", "ajam")]
    assert warnings_for(folder, f'secret: "{STRONG}", doors: [ajam, ws]') == []


def test_doors_are_not_missed_where_nobody_can_log_in(folder: Path) -> None:
    config = folder / "proxy.yaml"
    http = '  - {address: "[::1]:0", door: http, doors: [ajam], insecure_local: true}\nusers_file'
    config.write_text(config.read_text().replace("users_file", http))
    (warning,) = warnings_for(folder, f'secret: "{STRONG}", disabled: true')
    assert warning.startswith("users: no client can log in")


def test_the_bounds_of_the_journal_have_an_effect_with_other_doors(folder: Path) -> None:
    config = folder / "proxy.yaml"
    config.write_text(config.read_text() + "history: {seconds: 60}\n")
    assert any(text.startswith("history: ") for text in warnings_for(folder, f'secret: "{STRONG}"'))
    told = warnings_for(folder, f'secret: "{STRONG}", doors: [ami, ajam]')
    assert not any(text.startswith("history: ") for text in told)
