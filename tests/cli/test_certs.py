"""``ami-proxy certs``: the files it makes pass its own check, and refusals give a reason."""

import argparse
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from amiproxy.cli import certs
from amiproxy.cli.certs import verbs
from tests.support.certificates import DAY, forge, forge_crl, install

NOW = datetime.now(UTC)
Run = Callable[..., int]


@pytest.fixture
def run() -> Run:
    parser = argparse.ArgumentParser()
    certs.register(parser.add_subparsers())

    def go(*arguments: object) -> int:
        parsed = parser.parse_args(["certs", *map(str, arguments)])
        status = parsed.run(parsed)
        assert isinstance(status, int)
        return status

    return go


@pytest.fixture
def ca(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert run("init", tmp_path / "ca", "--name", "Site CA") == 0
    capsys.readouterr()
    return tmp_path / "ca"


def test_init_names_both_files(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("init", tmp_path / "ca") == 0
    out = capsys.readouterr().out
    assert f" {tmp_path}/ca/ca.crt\n" in out
    assert f" {tmp_path}/ca/ca.key\n" in out
    assert run("init", tmp_path / "ca") == 1
    assert "ca.crt exists" in capsys.readouterr().err


@pytest.mark.parametrize("days", ["0", "-1", "36501", "99999999", "9" * 5000, "1.5", "x", ""])
@pytest.mark.parametrize(
    "words",
    [
        ["init", "ca"],
        ["issue", "--ca", "ca", "a"],
        ["renew", "--ca", "ca", "a", "b"],
        ["revoke", "--ca", "c"],
    ],
)
def test_days_outside_their_bounds_are_wrong_usage(
    run: Run, words: list[str], days: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as wrong:
        run(*words, f"--days={days}")
    assert wrong.value.code == 2
    assert "is not a number of days: give 1 to 36500" in capsys.readouterr().err


def test_the_most_days_are_accepted(run: Run, tmp_path: Path) -> None:
    ca = tmp_path / "ca"
    assert run("init", ca, "--days", 36500) == 0
    assert run("issue", "--ca", ca, "--out", tmp_path, "--days", 36500, "a.example") == 0
    pair = (tmp_path / "a.example.crt", tmp_path / "a.example.key")
    assert run("renew", "--ca", ca, "--days", 36500, *pair) == 0
    assert run("renew", "--ca", ca, "--within", 36500, *pair) == 0
    assert run("renew", "--ca", ca, "--within", 0, *pair) == 0
    assert run("revoke", "--ca", ca, "--days", 36500) == 0


@pytest.mark.parametrize("days", ["-1", "36501", "99999999"])
def test_within_has_bounds_as_well(run: Run, days: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("renew", "--ca", "ca", "a", "b", f"--within={days}")
    assert "is not a number of days: give 0 to 36500" in capsys.readouterr().err


def test_an_issued_certificate_passes_the_check(
    run: Run, ca: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("issue", "--ca", ca, "--out", tmp_path, "pbx.example", "192.0.2.1") == 0
    pair = ("--chain", tmp_path / "pbx.example.crt", "--key", tmp_path / "pbx.example.key")
    assert stat.S_IMODE((tmp_path / "pbx.example.key").stat().st_mode) == 0o600
    assert run("check", *pair, "--name", "pbx.example", "--name", "192.0.2.1") == 0
    captured = capsys.readouterr()
    assert "good: CN=pbx.example [dns:pbx.example,ip:192.0.2.1]" in captured.out
    assert captured.err == ""
    assert run("check", *pair, "--quiet") == 0
    assert capsys.readouterr().out == ""


def test_a_client_certificate_is_refused_for_a_server(
    run: Run, ca: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("issue", "--ca", ca, "--client", "--out", tmp_path, "wallboard") == 0
    assert run("check", "--chain", tmp_path / "wallboard.crt", "--key", tmp_path / "wallboard.key") == 1
    err = capsys.readouterr().err
    assert "the certificate is for client use, not for a server" in err
    assert err.endswith("refused: these files would not be served\n")


def test_a_certificate_of_a_peer_is_for_servers_and_clients(
    run: Run, ca: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("issue", "--ca", ca, "--peer", "--out", tmp_path, "nats1.example") == 0
    capsys.readouterr()
    assert run("inspect", tmp_path / "nats1.example.crt") == 0
    assert "server, client" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        run("issue", "--ca", ca, "--peer", "--client", "--out", tmp_path, "nats2.example")


def test_a_certificate_that_would_lose_a_name_is_refused(
    run: Run, ca: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("issue", "--ca", ca, "--out", tmp_path, "--file-name", "old", "a.example", "b.example")
    run("issue", "--ca", ca, "--out", tmp_path, "--file-name", "new", "a.example")
    pair = ("--chain", tmp_path / "new.crt", "--key", tmp_path / "new.key")
    assert run("check", *pair) == 0
    assert run("check", *pair, "--served", tmp_path / "old.crt") == 1
    assert "does not cover dns:b.example" in capsys.readouterr().err


def test_check_finds_mismatched_expired_and_missing_files(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = forge(not_before=NOW - 9 * DAY, not_after=NOW - DAY)
    chain, key = install(tmp_path, old.pem, old.key_pem)
    assert run("check", "--chain", chain, "--key", key) == 1
    assert "expired on" in capsys.readouterr().err
    assert run("check", "--chain", chain, "--key", key, "--allow-expired") == 0
    assert "warning: " in capsys.readouterr().err
    key.write_bytes(forge().key_pem)
    assert run("check", "--chain", chain, "--key", key) == 1
    assert "does not belong" in capsys.readouterr().err
    assert run("check", "--chain", chain, "--key", tmp_path / "gone") == 1
    assert "gone: there is no such file" in capsys.readouterr().err


def test_renew_does_nothing_before_it_is_due(
    run: Run, ca: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("issue", "--ca", ca, "--out", tmp_path, "--days", 40, "pbx.example")
    pair = (tmp_path / "pbx.example.crt", tmp_path / "pbx.example.key")
    before = pair[0].read_bytes()
    assert run("renew", "--ca", ca, "--within", 30, *pair) == 0
    assert "not due" in capsys.readouterr().out
    assert pair[0].read_bytes() == before
    assert run("renew", "--ca", ca, "--within", 41, *pair) == 0
    assert "renewed" in capsys.readouterr().out
    assert pair[0].read_bytes() != before
    assert run("check", "--chain", pair[0], "--key", pair[1], "--name", "pbx.example") == 0


def test_the_ca_signs_a_request(
    run: Run, ca: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("csr", "--out", tmp_path, "pbx.example") == 0
    sign = ("issue", "--ca", ca, "--csr", tmp_path / "pbx.example.csr", "--out", tmp_path)
    assert run(*sign) == 0
    assert run("check", "--chain", tmp_path / "pbx.example.crt", "--key", tmp_path / "pbx.example.key") == 0
    assert run(*sign) == 1
    assert "--replace" in capsys.readouterr().err
    assert run(*sign, "--replace") == 0
    assert run(*sign, "other.example") == 1


def test_revoked_certificates_are_in_the_list(
    run: Run, ca: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("issue", "--ca", ca, "--out", tmp_path, "pbx.example")
    run("issue", "--ca", ca, "--client", "--out", tmp_path, "lost")
    run("issue", "--ca", ca, "--client", "--out", tmp_path, "stolen")
    capsys.readouterr()
    assert run("revoke", "--ca", ca, tmp_path / "lost.crt") == 0
    assert run("revoke", "--ca", ca, tmp_path / "stolen.crt", tmp_path / "lost.crt") == 0
    assert run("revoke", "--ca", ca) == 0
    assert capsys.readouterr().out.count("ca.crl: 2 revoked") == 2
    assert run("inspect", ca / "ca.crl") == 0
    out = capsys.readouterr().out
    assert "CRL of      CN=Site CA" in out
    assert "revoked     2: " in out
    files = ("--chain", tmp_path / "pbx.example.crt", "--key", tmp_path / "pbx.example.key")
    assert run("check", *files, "--client-ca", ca / "ca.crt", "--client-crl", ca / "ca.crl") == 0
    assert capsys.readouterr().err == ""
    assert run("check", *files, "--client-crl", ca / "ca.crl") == 1
    stranger, _ = install(tmp_path, forge().pem, forge().key_pem, "stranger")
    assert run("revoke", "--ca", ca, stranger) == 1
    assert "nothing was revoked" in capsys.readouterr().err


def test_inspect_shows_every_certificate_and_its_pin(
    run: Run, ca: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("issue", "--ca", ca, "--out", tmp_path, "--days", 10, "pbx.example")
    both = tmp_path / "both.pem"
    both.write_bytes((tmp_path / "pbx.example.crt").read_bytes() + (ca / "ca.crt").read_bytes())
    capsys.readouterr()
    assert run("inspect", both) == 0
    out = capsys.readouterr().out
    assert "both.pem (1 of 2)" in out
    assert "use         server" in out
    assert "use         CA" in out
    assert ": warning)" in out
    assert "pin         spki:sha256/" in out


def test_a_private_key_is_never_shown(run: Run, ca: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("inspect", ca / "ca.key") == 1
    captured = capsys.readouterr()
    assert "PRIVATE KEY, but no certificate" in captured.err
    secret = (ca / "ca.key").read_text().splitlines()[1]
    assert secret not in captured.out + captured.err


@pytest.mark.parametrize("verb", sorted(verbs._EXAMPLE))
def test_each_verb_accepts_its_example(verb: str) -> None:
    parser = argparse.ArgumentParser()
    certs.register(parser.add_subparsers())
    arguments = parser.parse_args(["certs", *verbs._EXAMPLE[verb].split()])
    assert callable(arguments.run)


class TestCheckConfiguration:
    """``certs check --config``: the settings of the file apply, not the strict defaults."""

    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        tmp_path.chmod(0o700)
        for name in ("users.yaml", "upstream.secret"):
            (tmp_path / name).touch(mode=0o600)
        (tmp_path / "users.yaml").write_text("users: {}\n")
        (tmp_path / "upstream.secret").write_text("s3cret\n")
        leaf = forge()
        install(tmp_path, leaf.pem, leaf.key_pem)
        return tmp_path

    def write(self, home: Path, tls: str = "{}", listener: str = "", names: str = "[]") -> Path:
        config = home / "proxy.yaml"
        config.write_text(
            "upstream: {username: amiproxy, secret_file: upstream.secret}\n"
            "listeners:\n"
            '  - address: "127.0.0.1:5039"\n'
            f"    certificates: [{{chain: server.crt, key: server.key, names: {names}}}]\n"
            f"{listener}"
            f"users_file: users.yaml\ntls: {tls}\n"
        )
        return config

    def test_good_certificates_are_listed_by_listener(
        self, run: Run, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("check", "--config", self.write(home)) == 0
        out, err = capsys.readouterr()
        assert out.startswith("good: 127.0.0.1:5039: ")
        assert err == ""
        assert run("check", "--config", self.write(home), "--quiet") == 0
        assert capsys.readouterr().out == ""

    def test_each_setting_applies(self, run: Run, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("check", "--config", self.write(home, names="[other.example]")) == 1
        assert "does not cover dns:other.example, which is configured" in capsys.readouterr().err
        old = forge(not_before=datetime.now(UTC) - 9 * DAY, not_after=datetime.now(UTC) - DAY)
        install(home, old.pem, old.key_pem)
        assert run("check", "--config", self.write(home)) == 1
        assert "refused: listener 127.0.0.1:5039" in capsys.readouterr().err
        assert run("check", "--config", self.write(home, tls="{allow_expired: true}")) == 0
        assert "warning: " in capsys.readouterr().err

    def test_expired_crl_decides_on_an_old_revocation_list(
        self, run: Run, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        authority = forge("Clients", ca=True)
        (home / "ca.crt").write_bytes(authority.pem)
        (home / "clients.crl").write_bytes(forge_crl(authority, next_update=datetime.now(UTC) - DAY))
        asked = "    client_auth: required\n    client_ca: ca.crt\n    client_crl: clients.crl\n"
        assert run("check", "--config", self.write(home, listener=asked)) == 0
        assert "its clients are refused" in capsys.readouterr().err
        accepting = self.write(home, listener=asked, tls="{expired_crl: accept}")
        assert run("check", "--config", accepting) == 0
        assert "its clients are refused" not in capsys.readouterr().err

    def test_the_key_needs_the_same_mode_as_for_a_reload(
        self, run: Run, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (home / "server.key").chmod(0o644)
        assert run("check", "--config", self.write(home)) == 1
        assert f"chmod 0640 {home / 'server.key'}" in capsys.readouterr().err

    def test_invalid_combinations_of_options_are_refused(
        self, run: Run, home: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        config = self.write(home)
        assert run("check", "--config", config, "--key", home / "server.key") == 1
        assert "--key cannot be combined with --config" in capsys.readouterr().err
        assert run("check", "--key", home / "server.key") == 1
        assert "--chain and --key, or --config" in capsys.readouterr().err
        config.write_text("listener: []\n")
        assert run("check", "--config", config) == 1
        assert "did you mean 'listeners'?" in capsys.readouterr().err
