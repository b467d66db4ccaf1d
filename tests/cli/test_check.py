import json
from pathlib import Path

import pytest

from amiproxy.cli import check as command
from amiproxy.cli import main
from amiproxy.cli.ctl.connection import Refused
from amiproxy.config.fleet.nkeys import seed_of
from amiproxy.core.model.phc import dummy_hash
from tests.support.certificates import forge
from tests.support.openssl import without_any_suite

CONFIG = """\
upstream: {username: amiproxy, secret_file: upstream.secret}
listeners:
  - address: "127.0.0.1:5039"
    certificates: [{chain: server.crt, key: server.key}]
users_file: users.yaml
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    authority = forge("CA", ca=True, usage=None, names=())
    server = forge(issuer=authority)
    for name, content in {
        "proxy.yaml": CONFIG.encode(),
        "users.yaml": f'users:\n  wallboard: {{secret: "{dummy_hash()}", read: [call]}}\n'.encode(),
        "upstream.secret": b"s3cret\n",
        "server.crt": server.pem,
        "server.key": server.key_pem,
        "clients-ca.crt": authority.pem,
    }.items():
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o640)
    return tmp_path / "proxy.yaml"


def check(config: Path) -> int:
    return main(["check", "--config", str(config)])


def test_good_files_are_summarised(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(config) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        f"{config}: ok",
        "  upstream   127.0.0.1:5038 as amiproxy",
        "  listener   127.0.0.1:5039, TLS intermediate, client certificates none, 1 certificate",
        f"  users      1 user, 0 disabled, from {config.parent / 'users.yaml'}",
        "    wallboard: enabled",
        "  control    off",
        "  metrics    off",
    ]
    assert err == ""


FLEET = """\
fleet:
  role: agent
  name: berlin-a
  server: berlin
  engines: [nats1, "[::1]:4333"]
  ca: clients-ca.crt
  seed_file: a.seed
  token_key_file: token.key
  edges: {edge1: {users: [wallboard]}, edge2: {users: all}}
"""


def in_a_fleet(config: Path) -> None:
    for name, text in (("a.seed", seed_of(bytes(32)).decode()), ("token.key", "0" * 32)):
        (config.parent / name).write_text(text)
        (config.parent / name).chmod(0o600)
    config.write_text(CONFIG + FLEET)


def test_an_agent_is_summarised_with_its_edges(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    in_a_fleet(config)
    assert check(config) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[2:5] == [
        "  fleet      agent berlin-a, at nats1:4222, [::1]:4333",
        "    edge1: for wallboard",
        "    edge2: for all users",
    ]
    assert err == ""


def test_an_edge_is_summarised_with_its_agents(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    in_a_fleet(config)
    section = FLEET.partition("  server:")[0].replace("agent", "edge") + FLEET.partition("berlin\n")[2]
    section = section.partition("  edges:")[0] + "  servers: {berlin: {agents: [berlin-a, berlin-b]}}\n"
    listeners = CONFIG.partition("\n")[2]
    config.write_text(f"{listeners}{section}default_server: berlin\n")
    users = config.parent / "users.yaml"
    users.write_text(users.read_text().replace("read:", "servers: [berlin], read:"))
    assert check(config) == 0
    out, err = capsys.readouterr()
    assert "  server     berlin: by berlin-a, berlin-b, the default" in out.splitlines()
    assert err == ""


def test_a_ca_of_the_engines_that_cannot_be_used_is_a_warning(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_a_fleet(config)
    config.write_text(config.read_text().replace("ca: clients-ca.crt", "ca: users.yaml"))
    assert check(config) == 0
    assert capsys.readouterr().err.startswith("warning: fleet.ca: ")


def test_an_edge_that_is_not_set_up_gets_no_hint_of_setup(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(CONFIG.partition("\n")[2] + FLEET.replace("role: agent", "role: edge"))
    assert check(config) == 1
    assert "hint" not in capsys.readouterr().err


def test_every_problem_is_one_line_with_place_and_remedy(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(CONFIG.replace("address", "adress") + "tls: {policy: old}\n")
    (config.parent / "users.yaml").write_text("users:\n  u: {secret: hunter2}\n")
    (config.parent / "upstream.secret").chmod(0o644)
    assert check(config) == 1
    out, err = capsys.readouterr()
    assert out == ""
    secret = config.parent / "upstream.secret"
    users = config.parent / "users.yaml"
    mode = "has mode 0644: readable by all users; chmod 0640"
    assert err.splitlines() == [
        f"{config}:1: upstream.secret_file: {secret} {mode} {secret}",
        f"{config}:3: listeners[0].adress: unknown key; did you mean 'address'?",
        f"{config}:6: tls.policy: expected one of modern, intermediate; write one of them",
        f"{users}:2: users.u.secret: plain text instead of a hash; make one with: ami-proxy users hash",
    ]


def test_a_key_that_no_longer_has_an_effect_is_a_warning(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(CONFIG + "limits: {login_bytes: 9999}\n")
    assert check(config) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"warning: {config}:6: limits.login_bytes: has no effect: this key was removed from ami-proxy; "
        "remove it: a client may send 4096 bytes before its login"
    ]


def test_a_key_of_another_certificate_is_an_error(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config.parent / "server.key").write_bytes(forge().key_pem)
    assert check(config) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "server.key: the key does not belong to certificate" in err


def test_a_file_that_is_not_a_certificate_is_an_error(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "server.crt").write_text("nonsense\n")
    assert check(config) == 1
    assert "server.crt: " in capsys.readouterr().err


def test_a_file_that_is_not_a_revocation_list_is_an_error(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(
        CONFIG.replace(
            '5039"\n', '5039"\n    client_auth: required\n    client_ca: clients-ca.crt\n'
        ).replace("client_ca: clients-ca.crt", "client_ca: clients-ca.crt\n    client_crl: users.yaml")
    )
    assert check(config) == 1
    assert "users.yaml: " in capsys.readouterr().err


def test_a_good_trust_store_is_accepted(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = CONFIG.replace('5039"\n', '5039"\n    client_auth: optional\n    client_ca: clients-ca.crt\n')
    config.write_text(text)
    assert check(config) == 0
    assert "client certificates optional" in capsys.readouterr().out


def test_warnings_are_printed_and_do_not_fail(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config.parent / "server.crt").chmod(0o664)
    (config.parent / "users.yaml").write_text("users:\n  u: {md5_secret: hunter2, write: all}\n")
    assert check(config) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"{config}: ok\n")
    assert all(line.startswith("warning: ") for line in err.splitlines())
    assert "warning: user u: write is all" in err
    assert "server.crt: mode 0664 lets others change it" in err
    assert "hunter2" not in out + err


def test_suites_that_openssl_does_not_know_are_an_error(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text(CONFIG + "tls: {suites: [ECDHE-RSA-CHACHA20-POLY1305]}\n")
    without_any_suite(monkeypatch)
    assert check(config) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tls.suites: OpenSSL knows none of the suites 'ECDHE-RSA-CHACHA20-POLY1305'; use ")
    assert main(["certs", "check", "--config", str(config)]) == 1
    assert "error: tls.suites: OpenSSL knows none of " in capsys.readouterr().err


def test_a_certificate_that_disappears_meanwhile_is_reported(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = command.load

    def load_then_lose(path: Path) -> object:
        loaded = real(path)
        (config.parent / "server.crt").unlink()
        return loaded

    monkeypatch.setattr(command, "load", load_then_lose)
    assert check(config) == 1
    assert "server.crt" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("tls", "told"),
    [
        ("{ca: clients-ca.crt}", ""),
        ("{ca: server.key}", "tls.ca: "),
        ("{ca: clients-ca.crt, chain: clients-ca.crt, key: server.key}", "tls.chain: "),
    ],
)
@pytest.mark.parametrize("section", ["upstream", "servers.pbx2"])
def test_files_with_which_no_link_can_be_made_are_warned_of(
    config: Path, capsys: pytest.CaptureFixture[str], section: str, tls: str, told: str
) -> None:
    upstream = f"{{username: amiproxy, secret_file: upstream.secret, tls: {tls}}}"
    servers = f"servers: {{pbx2: {upstream}}}"
    first = f"upstream: {upstream}" if section == "upstream" else servers
    config.write_text("\n".join([first, *CONFIG.splitlines()[1:], ""]))
    # The service starts without that link, and reads the files again for each attempt.
    assert check(config) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if "tls." in line]
    assert len(warnings) == bool(told)
    assert all(line.startswith(f"warning: {section}.{told}") for line in warnings)


def test_before_the_setup_the_setup_is_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config.parent / "upstream.secret").unlink()
    assert check(config) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("hint: ami-proxy setup")
    config.write_text("upstream: 1\n")
    assert check(config) == 1
    assert "hint" not in capsys.readouterr().err


def test_servers_are_summarised(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = config.read_text().replace("upstream: {", "servers:\n  pbx1: {")
    config.write_text(f"{text}default_server: pbx1\n")
    assert check(config) == 0
    assert "server     pbx1: " in capsys.readouterr().out


@pytest.mark.parametrize("option", [["--json"], ["--socket", "c.sock"]])
def test_options_of_the_comparison_need_it(config: Path, option: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["check", "--config", str(config), *option])


def test_a_comparison_without_a_service_names_the_socket(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "DEFAULT_SOCKET", config.parent / "default.sock")
    assert main(["check", "--config", str(config), "--against-running"]) == 3
    assert "default.sock" in capsys.readouterr().err
    config.write_text(CONFIG + "control: {socket: own.sock}\n")
    assert main(["check", "--config", str(config), "--against-running"]) == 3
    assert "own.sock" in capsys.readouterr().err
    assert main(["check", "--config", str(config), "--against-running", "--socket", "given.sock"]) == 3
    assert "given.sock" in capsys.readouterr().err


def test_certificates_that_cannot_be_used_are_in_the_json(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (config.parent / "server.crt").write_text("nonsense\n")
    assert main(["check", "--config", str(config), "--against-running", "--json"]) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["result"] == "refused"
    assert [line for line in found["refused"] if "server.crt" in line]
    assert "server.crt" in err


def test_a_service_that_refuses_to_answer_is_not_compared(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise Refused("uid 1000 is not permitted", [])

    monkeypatch.setattr(command, "Connection", refuse)
    assert main(["check", "--config", str(config), "--against-running"]) == 3
    assert "uid 1000 is not permitted" in capsys.readouterr().err


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["check", "--help"])
    assert "ami-proxy check --against-running" in capsys.readouterr().out
