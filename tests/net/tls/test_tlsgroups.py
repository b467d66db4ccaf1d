import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from amiproxy.net.tls.tlsgroups import X25519MLKEM768, offered_groups

P256, P384, X25519 = 23, 24, 29
REPOSITORY = Path(__file__).parents[3]
SHOW = "from amiproxy.net.tls.tlsgroups import offered_groups; print(*offered_groups())"
HAS_HYBRID = ssl.OPENSSL_VERSION_INFO >= (3, 5)


def offered_with(configuration: Path) -> list[int]:
    """In a process that starts with this configuration of OpenSSL."""
    environment = {**os.environ, "OPENSSL_CONF": str(configuration)}
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return [int(number) for number in done.stdout.split()]


def test_the_librarys_default_groups_are_read() -> None:
    groups = offered_groups()
    assert X25519 in groups
    assert P256 in groups
    assert (X25519MLKEM768 in groups) is HAS_HYBRID


@pytest.mark.parametrize(("groups", "numbers"), [("P-384", [P384]), ("P-256:X25519", [P256, X25519])])
def test_groups_set_by_the_environment_are_read(tmp_path: Path, groups: str, numbers: list[int]) -> None:
    configuration = tmp_path / "openssl.cnf"
    configuration.write_text(
        f"openssl_conf = o\n[o]\nssl_conf = s\n[s]\nsystem_default = t\n[t]\nGroups = {groups}\n"
    )
    assert offered_with(configuration) == numbers


def test_the_shipped_configuration_removes_only_the_documented_groups() -> None:
    wanted = [X25519, P256, P384]
    assert offered_with(REPOSITORY / "deploy" / "openssl.cnf") == (
        [X25519MLKEM768, *wanted] if HAS_HYBRID else wanted
    )
