"""Invalid settings in proxy.yaml; each row is one line of it and the error that the operator gets."""

from pathlib import Path

import pytest

from amiproxy.config import Config, ConfigErrors, load_config

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
        {"limits": "{outbox_soft: 2097152, exempt: [10.0.0.0/8]}"},
        {"fan_out": "{flush_interval: 0, flush_interval_max: 0}"},
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
