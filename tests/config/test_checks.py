"""Invalid settings in proxy.yaml; each row is one line of it and the error that the operator gets."""

from pathlib import Path

import pytest

from amiproxy.config import Config, ConfigErrors, load_config
from amiproxy.config.users.servers import ServerNames

LISTENER = "certificates: [{chain: server.crt, key: server.key}]"


def write(folder: Path, **changes: str) -> Path:
    parts = {
        "upstream": "{username: amiproxy, secret_file: upstream.secret}",
        "listeners": f'[{{address: "127.0.0.1:5039", {LISTENER}}}]',
        "users_file": "users.yaml",
        **changes,
    }
    file = folder / "proxy.yaml"
    file.write_text("".join(f"{key}: {value}\n" for key, value in parts.items()))
    return file


def problems_of(folder: Path, **changes: str) -> list[str]:
    try:
        load_config(write(folder, **changes))
    except ConfigErrors as errors:
        return [f"{problem.key_path}: {problem.text}; {problem.remedy}" for problem in errors.problems]
    return []


UPSTREAM = "username: amiproxy, secret_file: upstream.secret"


@pytest.mark.parametrize(
    "changes",
    [
        {"upstream": f"{{{UPSTREAM}, host: localhost, port: 15038, expect_user: root}}"},
        {"upstream": f'{{{UPSTREAM}, host: "::1", expect_user: "1234"}}'},
        {"upstream": f"{{{UPSTREAM}, host: pbx.example.org, insecure_remote: true}}"},
        {"listeners": f'[{{address: "fd:tls", {LISTENER}, client_auth: required, client_ca: clients-ca.crt, '
                      "client_crl: clients.crl}]"},
        {"listeners": '[{address: "127.0.0.1:5039", certificates: [{chain: server.crt, key: server.key, '
                      'names: [pbx.example.org, 192.0.2.10, "ip:::1"]}]}]'},
        {"listeners": f'[{{address: "127.0.0.1:0", {LISTENER}}}, {{address: "127.0.0.1:0", {LISTENER}}}]'},
        {"upstream": f"{{{UPSTREAM}, host: pbx.example.org, tls: {{ca: clients-ca.crt}}}}"},
        {"upstream": f"{{{UPSTREAM}, host: 192.0.2.1, tls: {{ca: clients-ca.crt, name: pbx.example.org, "
                     "chain: server.crt, key: server.key}}"},
        {"upstream": f"{{{UPSTREAM}, host: 192.0.2.1, tls: {{ca: clients-ca.crt, name: '2001:db8::1'}}}}"},
        {"limits": "{outbox_soft: 2097152, exempt: [10.0.0.0/8]}"},
        {"fan_out": "{flush_interval: 0, flush_interval_max: 0}"},
        {"history": "{bytes: 64KiB, seconds: 0.5}"},
        {"history": "{bytes: 1GiB, seconds: 86400}"},
        {"history": "{bytes: 65536}"},
        {"upstream_lost": "repair"},
        {"metrics": '{address: "127.0.0.1:9539"}', "control": "{socket: /run/x.sock}"},
        {"log": "{format: json, level: debug}", "tls": "{policy: modern}"},
        {"actions": "{RptStatus: {classes: [reporting], headers: {Node: integer, X: {one_of: [a]}}}}"},
        {"actions_undescribed": "system"},
        {"tls": "{policy: modern, minimum_version: TLSv1.3}"},
        {"tls": "{minimum_version: TLSv1.3, allow_expired: true, lost_names: refuse, expired_crl: accept}"},
        {"tls": "{bad_pair: refuse_all}"},
        {"tls": "{suites: [ECDHE-RSA-AES256-GCM-SHA384, ECDHE-ECDSA-CHACHA20-POLY1305]}"},
    ],
)  # fmt: skip
def test_valid_settings_are_accepted(folder: Path, changes: dict[str, str]) -> None:
    assert problems_of(folder, **changes) == []


@pytest.mark.parametrize(
    ("changes", "key", "says"),
    [
        ({"tls": "{policy: modern, minimum_version: TLSv1.2}"}, "tls.minimum_version", "TLS 1.2"),
        (
            {"tls": "{minimum_version: TLSv1.3, suites: [ECDHE-RSA-AES256-GCM-SHA384]}"},
            "tls.suites",
            "no effect",
        ),
        ({"tls": "{policy: modern, suites: [ECDHE-RSA-AES256-GCM-SHA384]}"}, "tls.suites", "no effect"),
        ({"upstream": f"{{{UPSTREAM}, host: 192.0.2.1}}"}, "upstream.host", "insecure_remote: true"),
        (
            {"upstream": f"{{{UPSTREAM}, host: 192.0.2.1, insecure_remote: true, expect_user: root}}"},
            "upstream.expect_user",
            "remove it",
        ),
        (
            {"upstream": f"{{{UPSTREAM}, expect_user: no-such-user}}"},
            "upstream.expect_user",
            "'no-such-user'",
        ),
        ({"upstream": f"{{{UPSTREAM}, port: 0}}"}, "upstream.port", "expected a whole number of at least 1"),
        (
            {"upstream": '{username: "a\\nb", secret_file: upstream.secret}'},
            "upstream.username",
            "unprintable",
        ),
        ({"upstream": "{username: amiproxy}"}, "upstream", "the key 'secret_file' is missing"),
        ({"listeners": "[]"}, "listeners", '"[::]:5039"'),
        (
            {
                "listeners": '[{address: "[::]:5039", certificates: [{chain: server.crt, key: server.key, '
                'names: [pbx.example.org, "büro.example"]}]}]'
            },
            "listeners[0].certificates[0].names[1]",
            "xn--",
        ),
        (
            {"listeners": '[{address: "[::]:5039"}]'},
            "listeners[0].certificates",
            "add certificates: [{chain: …, key: …}]",
        ),
        (
            {"listeners": f'[{{address: "[::]:5039", {LISTENER}, client_auth: optional}}]'},
            "listeners[0].client_auth",
            "needs client_ca",
        ),
        (
            {"listeners": f'[{{address: "[::]:5039", {LISTENER}, client_ca: clients-ca.crt}}]'},
            "listeners[0].client_ca",
            "client_auth is none",
        ),
        (
            {"listeners": f'[{{address: "[::1]:5039", {LISTENER}}}, {{address: "[::01]:5039", {LISTENER}}}]'},
            "listeners[1].address",
            "listeners[0]",
        ),
        (
            {"listeners": f'[{{address: "fd:a", {LISTENER}}}, {{address: "fd:a", {LISTENER}}}]'},
            "listeners[1].address",
            "listeners[0]",
        ),
        ({"limits": "{drain_timeout: 24}"}, "limits.drain_timeout", "raise stop_timeout"),
        (
            {"log": f"{{hidden_variables: [{', '.join(f'X{n}' for n in range(201))}]}}"},
            "log.hidden_variables",
            "200",
        ),
        ({"fan_out": "{flush_interval: 0.1}"}, "fan_out.flush_interval", "above flush_interval_max (0.05)"),
        ({"limits": "{outbox_soft: 4194304}"}, "limits.outbox_soft", "above outbox_hard (2097152)"),
        ({"limits": "{connections: 100}"}, "limits.sessions_authenticated", "above connections (100)"),
        ({"history": "{bytes: 8 megabytes}"}, "history.bytes", "such as 8MiB"),
        ({"history": "{bytes: 65535}"}, "history.bytes", "64KiB to 1GiB"),
        ({"history": "{bytes: 2GiB}"}, "history.bytes", "64KiB to 1GiB"),
        ({"history": "{bytes: true}"}, "history.bytes", "a whole number"),
        ({"history": "{seconds: 0}"}, "history.seconds", "above 0"),
        ({"history": "{minutes: 5}"}, "history.minutes", "unknown key"),
        ({"metrics": '{address: "0.0.0.0:9539"}'}, "metrics.address", "insecure_remote: true"),
    ],
)
def test_an_invalid_setting_is_reported(folder: Path, changes: dict[str, str], key: str, says: str) -> None:
    assert any(line.startswith(f"{key}: ") and says in line for line in problems_of(folder, **changes))


def test_secret_files_must_be_private(folder: Path) -> None:
    (folder / "upstream.secret").chmod(0o644)
    (problem,) = problems_of(folder)
    assert "upstream.secret has mode 0644: readable by all users; chmod 0640" in problem


@pytest.mark.parametrize("name", ["upstream.secret", "server.key", "server.crt", "users.yaml"])
def test_every_named_file_must_exist(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (problem,) = problems_of(folder)
    assert f"{name}: No such file" in problem


def test_a_minimal_file_gets_the_documented_defaults(folder: Path) -> None:
    config = load_config(write(folder))
    assert isinstance(config, Config)
    assert (config.upstream.host, config.upstream.port) == ("127.0.0.1", 5038)
    assert (config.tls.policy, config.log.format, config.log.level) == ("intermediate", "text", "info")
    assert (config.fan_out.flush_interval, config.fan_out.flush_interval_max) == (0.005, 0.05)
    assert (config.control, config.metrics) == (None, None)
    assert config.users_file == folder / "users.yaml"


SERVERS = f"{{pbx1: {{{UPSTREAM}}}, eu-2: {{{UPSTREAM}, port: 5039}}}}"


def problems_of_servers(folder: Path, **changes: str) -> list[str]:
    """The problems if proxy.yaml has ``servers`` instead of ``upstream``."""
    return problems_of(folder, **{"upstream": "null", "servers": SERVERS, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"servers": f"{{a: {{{UPSTREAM}}}}}"},
        {"default_server": "eu-2"},
        {"listeners": f'[{{address: "127.0.0.1:5039", {LISTENER}, server: pbx1}}]'},
        {"servers": f"{{0-a: {{{UPSTREAM}, limits: {{ping_interval: 5, stall_timeout: 9}}}}}}"},
        {"servers": f"{{a: {{{UPSTREAM}, host: pbx.example.org, tls: {{ca: clients-ca.crt}}}}}}"},
    ],
)
def test_servers_may_take_the_place_of_upstream(folder: Path, changes: dict[str, str]) -> None:
    assert problems_of_servers(folder, **changes) == []


def test_the_settings_of_servers_are_found_by_name(folder: Path) -> None:
    servers = f"{{b: {{{UPSTREAM}, limits: {{action_timeout: 3}}}}, a: {{{UPSTREAM}}}}}"
    config = load_config(write(folder, upstream="null", servers=servers, default_server="a"))
    assert list(config.every_server) == ["b", "a"]
    assert config.first_server is config.servers["b"]
    assert config.limits_of("b").action_timeout == 3
    assert config.limits_of("a") is config.limits
    assert config.server_names == ServerNames(("b", "a"), "a", named=True)
    lone = load_config(write(folder))
    assert lone.server_names == ServerNames()
    assert lone.limits_of("asterisk") is lone.limits
    assert lone.every_server["asterisk"].username == "amiproxy"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"upstream": f"{{{UPSTREAM}}}"}, "servers: upstream is set already; keep one of the two"),
        ({"servers": "{}"}, "servers: has no server; add one, or write upstream for a single one"),
        ({"servers": "{}", "default_server": "pbx1"},
         "servers: has no server; add one, or write upstream for a single one"),
        ({"servers": f"{{PBX: {{{UPSTREAM}}}}}"},
         "servers.PBX: 'PBX' cannot be the name of a server; "
         "use lower-case letters, digits and hyphens, at most 32: pbx1"),
        ({"servers": f"{{{'a' * 33}: {{{UPSTREAM}}}}}"},
         f"servers.{'a' * 33}: '{'a' * 33}' cannot be the name of a server; "
         "use lower-case letters, digits and hyphens, at most 32: pbx1"),
        ({"default_server": "pbx2"}, "default_server: there is no server 'pbx2'; did you mean 'pbx1'?"),
        ({"default_server": "zzz"}, "default_server: there is no server 'zzz'; servers has pbx1, eu-2"),
        ({"listeners": f'[{{address: "127.0.0.1:5039", {LISTENER}, server: eu-1}}]'},
         "listeners[0].server: there is no server 'eu-1'; did you mean 'eu-2'?"),
        ({"servers": f"{{a: {{{UPSTREAM}, host: pbx.example.org}}}}"},
         "servers.a.host: pbx.example.org is not this machine, and the link is plain text; "
         "connect with tls, run the proxy on Asterisk's machine, or set insecure_remote: true"),
        ({"servers": f"{{a: {{{UPSTREAM}, limits: {{ping_interval: 40}}}}}}"},
         "servers.a.limits.ping_interval: 40.0 is above stall_timeout (30.0); "
         "lower it, or raise stall_timeout"),
        ({"servers": f"{{a: {{{UPSTREAM}, limits: {{stall_timeout: 10}}}}}}"},
         "servers.a.limits.stall_timeout: 10.0 is below ping_interval (15.0); "
         "raise it, or lower ping_interval"),
        ({"servers": f"{{a: {{{UPSTREAM}, limits: {{hash_queue: 10}}}}}}"},
         "servers.a.limits.hash_queue: does not belong here; "
         "set it in limits of proxy.yaml: it applies to all servers together"),
    ],
)  # fmt: skip
def test_wrong_settings_of_servers_are_explained(folder: Path, changes: dict[str, str], line: str) -> None:
    assert problems_of_servers(folder, **changes) == [line]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"default_server": "asterisk"}, "default_server"),
        (
            {"listeners": f'[{{address: "127.0.0.1:5039", {LISTENER}, server: asterisk}}]'},
            "listeners[0].server",
        ),
    ],
)
def test_upstream_cannot_be_named(folder: Path, changes: dict[str, str], key: str) -> None:
    assert problems_of(folder, **changes) == [
        f"{key}: upstream is one server without a name; remove it, or write servers instead of upstream"
    ]


@pytest.mark.parametrize(
    ("tls", "line"),
    [
        ("{}", "upstream.tls: the key 'ca' is missing; add it"),
        ("{ca: none.crt}", "upstream.tls.ca: "),
        ("{ca: clients-ca.crt, chain: server.crt}",
         "upstream.tls.chain: needs key as well; add key, or remove chain"),
        ("{ca: clients-ca.crt, key: server.key}",
         "upstream.tls.key: needs chain as well; add chain, or remove key"),
        ("{ca: clients-ca.crt, name: 'a b'}",
         "upstream.tls.name: not a host name; write the name in the certificate: pbx.example.org"),
        ("{ca: clients-ca.crt}, insecure_remote: true",
         "upstream.insecure_remote: has no effect: with tls the link is not plain text; remove it"),
        ("{ca: clients-ca.crt}, expect_user: root",
         "upstream.expect_user: the owner of a connection's other end can be checked on this machine only; "
         "remove it"),
    ],
)  # fmt: skip
def test_wrong_settings_of_a_link_by_tls_are_explained(folder: Path, tls: str, line: str) -> None:
    (problem,) = problems_of(folder, upstream=f"{{{UPSTREAM}, host: pbx.example.org, tls: {tls}}}")
    assert problem.startswith(line)
