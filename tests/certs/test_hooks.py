"""The hooks do what the guide says: check first, install as a whole, reload, and fail with a message."""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.support.certificates import DAY, Forged, forge, install
from tests.support.requirements import give_up

ROOT = Path(__file__).resolve().parents[2]
HOOKS = ROOT / "certs/hooks"
NOW = datetime.now(UTC)

AMI_PROXY = f"""#!{sys.executable}
import argparse, sys
sys.path.insert(0, {str(ROOT)!r})
from amiproxy.cli import certs
from amiproxy.cli import ctl
parser = argparse.ArgumentParser()
commands = parser.add_subparsers()
certs.register(commands)
ctl.register(commands)
arguments = parser.parse_args()
sys.exit(arguments.run(arguments))
"""
# Records its arguments; `is-active` and `reload` end as the test says, `show` prints the unit's status.
SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$CALLS"
case $1 in
is-active) exit "${INACTIVE:-0}" ;;
reload) exit "${RELOAD_FAILS:-0}" ;;
show) echo "${STATUS_TEXT:-3 sessions of 2 users, link up}" ;;
esac
"""
STEP = """#!/bin/sh
for argument; do printf '%s\\n' "$argument"; done > "$CALLS"
"""
# The other machine is this one: the command runs here, host:path is path.
SSH = """#!/bin/sh
echo "ssh $*" >> "$CALLS"
shift 2
exec sh -c "$*"
"""
SCP = """#!/bin/sh
echo "scp $*" >> "$CALLS"
exec cp -- "$3" "${4#*:}"
"""
SUDO = """#!/bin/sh
shift
exec "$@"
"""


@dataclass
class Machine:
    """A machine's directories, and stand-ins for commands that must not run."""

    home: Path

    def __post_init__(self) -> None:
        self.certs = self.home / "etc/certs"
        self.certs.mkdir(parents=True)
        self.calls = self.home / "calls"
        self.calls.touch()
        commands = self.home / "bin"
        commands.mkdir()
        for name, text in (
            ("ami-proxy", AMI_PROXY),
            ("systemctl", SYSTEMCTL),
            ("step", STEP),
            ("ssh", SSH),
            ("scp", SCP),
            ("sudo", SUDO),
        ):
            (commands / name).write_text(text)
            (commands / name).chmod(0o755)
        self.environment = {
            "PATH": f"{commands}:/usr/bin:/bin",
            "CALLS": str(self.calls),
            "AMI_PROXY_DEFAULTS": str(self.home / "default"),
            "AMI_PROXY_CERT_DIR": str(self.certs),
            "AMI_PROXY_GROUP": str(os.getgid()),
            "AMI_PROXY_CONTROL": str(self.home / "control.sock"),
            "AMI_PROXY_HOOKS": str(HOOKS),
            "TMPDIR": str(self.home),
        }

    def run(
        self, hook: Path | str, *arguments: object, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(HOOKS / hook), *map(str, arguments)],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    @property
    def called(self) -> list[str]:
        return self.calls.read_text().splitlines()

    def installed(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.certs.iterdir()}


class Proxy:
    """A stand-in for the running proxy, at the machine's control socket."""

    def __init__(self, machine: Machine) -> None:
        self.asked: list[str] = []
        self._replies: dict[str, dict[str, object]] = {
            "certs-reload": {"ok": True, "result": ["certificates reloaded, generation 2 (control)"]},
            "certs": {"ok": True, "result": []},
        }
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(machine.environment["AMI_PROXY_CONTROL"])
        self._server.listen()

    def serves(self, forged: Forged) -> None:
        prints = forged.certificate.fingerprint(hashes.SHA256()).hex()
        self._replies["certs"] = {"ok": True, "result": [{"served": [{"sha256": prints}]}]}

    def refuses(self, reason: str) -> None:
        self._replies["certs-reload"] = {"ok": False, "error": "not reloaded", "problems": [reason]}

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._answer, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _answer(self) -> None:
        while True:
            try:
                peer, _ = self._server.accept()
            except OSError:
                return
            with peer, peer.makefile("rwb") as stream:
                command = json.loads(stream.readline())["command"]
                self.asked.append(command)
                stream.write(json.dumps(self._replies[command]).encode() + b"\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def renewed(machine: Machine, forged: Forged) -> tuple[Path, Path]:
    return install(machine.home / "renewed", forged.pem, forged.key_pem)


def test_scripts_are_executable_and_pass_shellcheck() -> None:
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        give_up("TOOLS", "shellcheck is not installed")
    scripts = sorted(HOOKS.iterdir())
    assert all(os.access(script, os.X_OK) for script in scripts)
    result = subprocess.run([shellcheck, *scripts], capture_output=True, text=True, check=False)
    assert result.stdout == ""


class TestInstallPair:
    def test_first_installation_installs_both_files_with_their_modes(self, machine: Machine) -> None:
        leaf = forge()
        result = machine.run("install-pair", *renewed(machine, leaf))
        assert result.returncode == 0, result.stderr
        assert machine.installed() == {"server.crt": leaf.pem, "server.key": leaf.key_pem}
        assert stat.S_IMODE((machine.certs / "server.key").stat().st_mode) == 0o640
        assert stat.S_IMODE((machine.certs / "server.crt").stat().st_mode) == 0o644
        assert machine.called == [
            "is-active --quiet ami-proxy.service",
            "reload ami-proxy.service",
            "show --property=StatusText --value ami-proxy.service",
        ]

    def test_the_key_gets_the_configured_group(self, machine: Machine) -> None:
        if os.geteuid() != 0:
            give_up("ROOT", "only root can give a file to any group")
        machine.run("install-pair", *renewed(machine, forge()), AMI_PROXY_GROUP="65534")
        assert (machine.certs / "server.key").stat().st_gid == 65534

    def test_renewal_replaces_the_files_by_rename(self, machine: Machine) -> None:
        machine.run("install-pair", *renewed(machine, forge()))
        before = (machine.certs / "server.key").stat().st_ino
        with (machine.certs / "server.key").open("rb") as still_open:
            second = forge()
            assert machine.run("install-pair", *renewed(machine, second)).returncode == 0
            assert still_open.read() != second.key_pem
        assert (machine.certs / "server.key").stat().st_ino != before
        assert machine.installed() == {"server.crt": second.pem, "server.key": second.key_pem}

    @pytest.mark.parametrize(
        ("chain", "key", "text"),
        [
            (forge().pem, forge().key_pem, "does not belong to certificate"),
            (forge().pem[:-30], forge().key_pem, "ends inside a certificate"),
            (b"", forge().key_pem, "the file is empty"),
        ],
    )
    def test_a_bad_pair_touches_nothing(self, machine: Machine, chain: bytes, key: bytes, text: str) -> None:
        good = forge()
        machine.run("install-pair", *renewed(machine, good))
        machine.calls.write_text("")
        result = machine.run("install-pair", *install(machine.home / "bad", chain, key))
        assert result.returncode == 1
        assert text in result.stderr
        assert "nothing installed" in result.stderr
        assert machine.installed() == {"server.crt": good.pem, "server.key": good.key_pem}
        assert machine.called == []

    def test_an_expired_certificate_is_not_installed(self, machine: Machine) -> None:
        old = forge(not_before=NOW - 9 * DAY, not_after=NOW - DAY)
        assert machine.run("install-pair", *renewed(machine, old)).returncode == 1
        assert machine.installed() == {}

    def test_a_lost_name_needs_an_explicit_permission(self, machine: Machine) -> None:
        machine.run("install-pair", *renewed(machine, forge()))
        other = renewed(machine, forge(names=[x509.DNSName("other.example")]))
        result = machine.run("install-pair", *other)
        assert result.returncode == 1
        assert "does not cover dns:pbx.example" in result.stderr
        assert machine.run("install-pair", *other, AMI_PROXY_ALLOW_LOST_NAMES="1").returncode == 0

    def test_a_failed_reload_is_an_error_and_keeps_the_files(self, machine: Machine) -> None:
        leaf = forge()
        result = machine.run("install-pair", *renewed(machine, leaf), RELOAD_FAILS="1")
        assert result.returncode == 1
        assert "did not reload" in result.stderr
        assert machine.installed()["server.crt"] == leaf.pem

    def test_a_service_that_does_not_run_is_not_reloaded(self, machine: Machine) -> None:
        result = machine.run("install-pair", *renewed(machine, forge()), INACTIVE="3")
        assert result.returncode == 0
        assert "is not running" in result.stdout
        assert machine.called == ["is-active --quiet ami-proxy.service"]

    def test_the_settings_file_is_read(self, machine: Machine) -> None:
        (machine.home / "default").write_text("AMI_PROXY_CERT_NAME=pbx\nAMI_PROXY_SERVICE=edge.service\n")
        assert machine.run("install-pair", *renewed(machine, forge())).returncode == 0
        assert sorted(machine.installed()) == ["pbx.crt", "pbx.key"]
        assert "reload edge.service" in machine.called

    def test_a_missing_file_leaves_nothing_behind(self, machine: Machine) -> None:
        result = machine.run("install-pair", "/gone.crt", "/gone.key")
        assert result.returncode == 1
        assert machine.installed() == {}

    def test_misuse_gives_status_2(self, machine: Machine) -> None:
        assert machine.run("install-pair", "one").returncode == 2


class TestInstallPairReport:
    """A reload that systemd reports as done may have been refused by the proxy."""

    def test_the_new_certificate_is_served(self, machine: Machine) -> None:
        leaf = forge()
        with Proxy(machine) as proxy:
            proxy.serves(leaf)
            result = machine.run("install-pair", *renewed(machine, leaf))
        assert result.returncode == 0, result.stderr
        assert "installed, and served" in result.stdout
        assert proxy.asked == ["certs-reload", "certs"]
        assert machine.called == []

    def test_the_old_certificate_is_still_served(self, machine: Machine) -> None:
        with Proxy(machine) as proxy:
            proxy.serves(forge())
            result = machine.run("install-pair", *renewed(machine, forge()))
        assert result.returncode == 1
        assert "something else is served" in result.stderr
        assert "installed, and served" not in result.stdout

    def test_a_refusal_is_reported_with_its_reason(self, machine: Machine) -> None:
        with Proxy(machine) as proxy:
            proxy.refuses("server.crt: the certificate does not cover dns:x, which is configured")
            result = machine.run("install-pair", *renewed(machine, forge()))
        assert result.returncode == 1
        assert "does not cover dns:x" in result.stderr
        assert "the old one is served" in result.stderr

    def test_a_refusal_of_other_files_is_reported_too(self, machine: Machine) -> None:
        leaf = forge()
        with Proxy(machine) as proxy:
            proxy.serves(leaf)
            proxy.refuses("other.crt: the file is empty")
            result = machine.run("install-pair", *renewed(machine, leaf))
        assert result.returncode == 1
        assert "other.crt: the file is empty" in result.stderr
        assert "installed, and served; but see above" in result.stderr

    def test_a_control_socket_without_a_process_counts_as_not_running(self, machine: Machine) -> None:
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(machine.environment["AMI_PROXY_CONTROL"])
        result = machine.run("install-pair", *renewed(machine, forge()), INACTIVE="3")
        assert result.returncode == 0, result.stderr
        assert "is not running" in result.stdout

    @pytest.mark.parametrize(
        "status",
        [
            "last reload failed, old configuration kept; 3 sessions of 2 users, link up",
            "3 sessions of 2 users, link up; new files of dns:pbx.example are refused, see the log",
        ],
    )
    def test_without_a_control_socket_the_status_line_reports_the_refusal(
        self, machine: Machine, status: str
    ) -> None:
        result = machine.run("install-pair", *renewed(machine, forge()), STATUS_TEXT=status)
        assert result.returncode == 1
        assert "kept what it had" in result.stderr

    def test_without_control_socket_and_status_it_does_not_claim_served(self, machine: Machine) -> None:
        result = machine.run("install-pair", *renewed(machine, forge()))
        assert result.returncode == 0
        assert "served" not in result.stdout.replace("check what is served", "")


class TestCertbot:
    def lineage(self, machine: Machine, name: str, forged: Forged) -> str:
        """``live/NAME`` as certbot creates it: links into an archive that only root can read."""
        archive, live = machine.home / f"archive/{name}", machine.home / f"live/{name}"
        archive.mkdir(parents=True)
        live.mkdir(parents=True)
        for file, data in (("fullchain", forged.pem), ("privkey", forged.key_pem)):
            (archive / f"{file}1.pem").write_bytes(data)
            (archive / f"{file}1.pem").chmod(0o600)
            (live / f"{file}.pem").symlink_to(f"../../archive/{name}/{file}1.pem")
        return str(live)

    def test_a_renewed_lineage_is_installed(self, machine: Machine) -> None:
        leaf = forge()
        live = self.lineage(machine, "pbx.example", leaf)
        result = machine.run("certbot-deploy", RENEWED_LINEAGE=live)
        assert result.returncode == 0, result.stderr
        assert machine.installed() == {"server.crt": leaf.pem, "server.key": leaf.key_pem}
        assert not (machine.certs / "server.key").is_symlink()

    def test_another_lineage_is_ignored(self, machine: Machine) -> None:
        live = self.lineage(machine, "www.example", forge())
        result = machine.run("certbot-deploy", RENEWED_LINEAGE=live, AMI_PROXY_LINEAGE="pbx.example")
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
        assert machine.installed() == {}

    def test_a_hook_for_all_certificates_must_be_told_its_lineage(self, machine: Machine) -> None:
        deploy = machine.home / "renewal-hooks/deploy"
        deploy.mkdir(parents=True)
        (deploy / "ami-proxy").symlink_to(HOOKS / "certbot-deploy")
        leaf = forge()
        live = self.lineage(machine, "pbx.example", leaf)
        result = machine.run(deploy / "ami-proxy", RENEWED_LINEAGE=live)
        assert result.returncode == 2
        assert "set AMI_PROXY_LINEAGE" in result.stderr
        (machine.home / "default").write_text("AMI_PROXY_LINEAGE=pbx.example\n")
        assert machine.run(deploy / "ami-proxy", RENEWED_LINEAGE=live).returncode == 0
        assert machine.installed()["server.crt"] == leaf.pem

    def test_outside_certbot_it_refuses_to_run(self, machine: Machine) -> None:
        assert machine.run("certbot-deploy").returncode == 2


class TestStep:
    def test_the_command_that_step_executes_installs_the_pair(self, machine: Machine) -> None:
        leaf = forge()
        chain, key = renewed(machine, leaf)
        assert machine.run("step-renew", chain, key, "--ca-url", "https://ca.example").returncode == 0
        called = machine.called
        assert called[:4] == ["ca", "renew", "--daemon", "--exec"]
        assert called[5:] == ["--ca-url", "https://ca.example", str(chain), str(key)]
        command = called[4].split(" ")
        result = machine.run(Path(command[0]), *command[1:])
        assert result.returncode == 0, result.stderr
        assert machine.installed() == {"server.crt": leaf.pem, "server.key": leaf.key_pem}

    @pytest.mark.parametrize("path", ["/a b.crt", "/a'.crt", "/a;b", "/$(x)"])
    def test_a_path_that_cannot_be_quoted_is_refused(self, machine: Machine, path: str) -> None:
        assert machine.run("step-renew", path, "/key").returncode == 2
        assert machine.called == []


class TestScp:
    def test_the_pair_is_pushed_and_installed(self, machine: Machine) -> None:
        leaf = forge()
        result = machine.run("scp-push", "root@pbx", *renewed(machine, leaf))
        assert result.returncode == 0, result.stderr
        assert machine.installed() == {"server.crt": leaf.pem, "server.key": leaf.key_pem}
        assert not list(machine.home.glob("tmp.*")), "no key is left in the other machine's /tmp"

    def test_a_refusal_on_the_other_machine_fails_here(self, machine: Machine) -> None:
        result = machine.run("scp-push", "root@pbx", *install(machine.home, forge().pem, forge().key_pem))
        assert result.returncode == 1
        assert "does not belong" in result.stderr
        assert not list(machine.home.glob("tmp.*"))

    def test_a_host_that_looks_like_an_option_is_refused(self, machine: Machine) -> None:
        assert machine.run("scp-push", "-oProxyCommand=x", "a", "b").returncode == 2
        assert machine.called == []
