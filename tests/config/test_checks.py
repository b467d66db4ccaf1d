"""What proxy.yaml may not say; each row is one line of it and what the operator is told."""

from pathlib import Path

import pytest

from proxy.config import Config, ConfigErrors, load_config

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


def told(folder: Path, **changes: str) -> list[str]:
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
def test_what_makes_sense_is_taken(folder: Path, changes: dict[str, str]) -> None:
    assert told(folder, **changes) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"tls": "{policy: modern, minimum_version: TLSv1.2}"},
            ("tls.minimum_version: the policy modern has no TLS 1.2; say policy: intermediate, or remove it"),
        ),
        (
            {"tls": "{minimum_version: TLSv1.3, suites: [ECDHE-RSA-AES256-GCM-SHA384]}"},
            "tls.suites: is without effect: the suites of TLS 1.3 are fixed; remove it",
        ),
        (
            {"tls": "{policy: modern, suites: [ECDHE-RSA-AES256-GCM-SHA384]}"},
            "tls.suites: is without effect: the suites of TLS 1.3 are fixed; remove it",
        ),
        (
            {"upstream": f"{{{UPSTREAM}, host: 192.0.2.1}}"},
            (
                "upstream.host: 192.0.2.1 is not this machine, and the link is plain text; "
                "run the proxy beside Asterisk, or say insecure_remote: true"
            ),
        ),
        (
            {"upstream": f"{{{UPSTREAM}, host: 192.0.2.1, insecure_remote: true, expect_user: root}}"},
            (
                "upstream.expect_user: only on this machine can be seen who owns a connection's other end; "
                "remove it"
            ),
        ),
        (
            {"upstream": f"{{{UPSTREAM}, expect_user: no-such-user}}"},
            "upstream.expect_user: no user 'no-such-user' on this machine; name Asterisk's user",
        ),
        ({"upstream": f"{{{UPSTREAM}, port: 0}}"}, "upstream.port: expected a whole number of at least 1; "),
        (
            {"upstream": '{username: "a\\nb", secret_file: upstream.secret}'},
            "upstream.username: holds what no manager user's name does; use plain characters",
        ),
        ({"upstream": "{username: amiproxy}"}, "upstream: the key 'secret_file' is missing; add it"),
        ({"listeners": "[]"}, 'listeners: there is no listener; add one, with its address: "[::]:5039"'),
        (
            {
                "listeners": '[{address: "[::]:5039", certificates: [{chain: server.crt, key: server.key, '
                'names: [pbx.example.org, "büro.example"]}]}]'
            },
            (
                "listeners[0].certificates[0].names[1]: 'büro.example': a name in a certificate is "
                "printable ASCII without blanks; use the xn-- form; "
                "write host names and addresses, as clients connect to"
            ),
        ),
        (
            {"listeners": '[{address: "[::]:5039"}]'},
            (
                "listeners[0].certificates: a listener needs a certificate: there is no plain text here; "
                "add certificates: [{chain: …, key: …}]"
            ),
        ),
        (
            {"listeners": f'[{{address: "[::]:5039", {LISTENER}, client_auth: optional}}]'},
            (
                "listeners[0].client_auth: client_auth: optional needs client_ca; "
                "name the file of the CA that signs clients' certificates"
            ),
        ),
        (
            {"listeners": f'[{{address: "[::]:5039", {LISTENER}, client_ca: clients-ca.crt}}]'},
            (
                "listeners[0].client_ca: is without effect while client_auth is none; "
                "say client_auth: optional or required, or remove it"
            ),
        ),
        (
            {"listeners": f'[{{address: "[::1]:5039", {LISTENER}}}, {{address: "[::01]:5039", {LISTENER}}}]'},
            "listeners[1].address: listeners[0] has this address already; remove one of them",
        ),
        (
            {"listeners": f'[{{address: "fd:a", {LISTENER}}}, {{address: "fd:a", {LISTENER}}}]'},
            "listeners[1].address: listeners[0] has this address already; remove one of them",
        ),
        (
            {"limits": "{drain_timeout: 24}"},
            (
                "limits.drain_timeout: leaves 1 s before stop_timeout, and closing takes 2; "
                "lower it, or raise stop_timeout"
            ),
        ),
        (
            {"log": f"{{hidden_variables: [{', '.join(f'X{n}' for n in range(201))}]}}"},
            'log.hidden_variables: 201 patterns, of at most 200; put together what is alike, such as "*PIN*"',
        ),
        (
            {"fan_out": "{flush_interval: 0.1}"},
            (
                "fan_out.flush_interval: 0.1 is above flush_interval_max (0.05); "
                "lower it, or raise flush_interval_max"
            ),
        ),
        (
            {"limits": "{outbox_soft: 4194304}"},
            "limits.outbox_soft: 4194304 is above outbox_hard (2097152); lower it, or raise outbox_hard",
        ),
        (
            {"limits": "{connections: 100}"},
            "limits.sessions_authenticated: 512 is above connections (100); lower it, or raise connections",
        ),
        (
            {"metrics": '{address: "0.0.0.0:9539"}'},
            (
                "metrics.address: 0.0.0.0 is open to other machines, and this is plain HTTP for everybody; "
                'write "127.0.0.1:9539", or say insecure_remote: true'
            ),
        ),
    ],
)
def test_what_does_not_is_told(folder: Path, changes: dict[str, str], says: str) -> None:
    assert says in told(folder, **changes)


def test_secret_files_must_be_tight(folder: Path) -> None:
    (folder / "upstream.secret").chmod(0o644)
    (problem,) = told(folder)
    assert "upstream.secret has mode 0644: readable by everybody; chmod 0640" in problem


@pytest.mark.parametrize("name", ["upstream.secret", "server.key", "server.crt", "users.yaml"])
def test_every_file_must_be_there(folder: Path, name: str) -> None:
    (folder / name).unlink()
    (problem,) = told(folder)
    assert f"{name}: No such file" in problem


def test_a_minimal_file_gets_the_documented_defaults(folder: Path) -> None:
    config = load_config(write(folder))
    assert isinstance(config, Config)
    assert (config.upstream.host, config.upstream.port) == ("127.0.0.1", 5038)
    assert (config.tls.policy, config.log.format, config.log.level) == ("intermediate", "text", "info")
    assert (config.fan_out.flush_interval, config.fan_out.flush_interval_max) == (0.005, 0.05)
    assert (config.control, config.metrics) == (None, None)
    assert config.users_file == folder / "users.yaml"
