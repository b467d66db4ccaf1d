"""The units: their exposure, and that systemd of Debian 12 accepts them."""

import io
import tarfile
from pathlib import Path

import pytest

from tests.deploy.debian import run_tool

UNITS = Path(__file__).parents[2] / "deploy/systemd"
_HTTP = UNITS.parent / "examples/http/ami-proxy-http.socket"
_ALL = (
    "ami-proxy.service",
    "ami-proxy.socket",
    "ami-proxy-certificate.service",
    "ami-proxy-certificate.timer",
)
NEWER, OLDER = UNITS / "ami-proxy.service", UNITS / "ami-proxy-252.service"
#: ``systemd-analyze security`` counts from 0 to 100 here; it prints this as 1.2.
_EXPOSURE = 12

_WITH_FILE = 'cat > "/etc/systemd/system/$0"; ln -sf /bin/true /usr/bin/ami-proxy; exec "$@"'

pytestmark = [pytest.mark.usefixtures("debian_tools"), pytest.mark.timeout(300)]


@pytest.mark.parametrize("unit", [NEWER, OLDER], ids=lambda unit: unit.name)
def test_the_exposure_does_not_grow(unit: Path) -> None:
    judged = run_tool(
        "sh", "-c", _WITH_FILE, "ami-proxy.service",
        "systemd-analyze", "security", "--offline=true", f"--threshold={_EXPOSURE}", "--no-pager",
        "ami-proxy.service",
        stdin=unit.read_bytes(),
    )  # fmt: skip
    assert judged.returncode == 0, judged.stdout.decode()[-3000:] + judged.stderr.decode()


def test_the_threshold_can_fail() -> None:
    judged = run_tool(
        "sh", "-c", _WITH_FILE, "ami-proxy.service",
        "systemd-analyze", "security", "--offline=true", f"--threshold={_EXPOSURE}", "ami-proxy.service",
        stdin=OLDER.read_bytes().replace(b"PrivateDevices=yes\n", b""),
    )  # fmt: skip
    assert judged.returncode == 1


@pytest.mark.parametrize("name", [*_ALL, _HTTP.name])
def test_systemd_analyze_verify_finds_nothing(name: str) -> None:
    script = 'tar -x -C /etc/systemd/system; ln -s /bin/true /usr/bin/ami-proxy; exec "$@"'
    others = {name: UNITS / name for name in _ALL[1:]}
    verified = run_tool(
        "sh", "-c", script, "sh",
        "systemd-analyze", "verify", "--man=no", "--recursive-errors=yes", f"/etc/systemd/system/{name}",
        stdin=_archive({"ami-proxy.service": OLDER, _HTTP.name: _HTTP, **others}),
    )  # fmt: skip
    assert (verified.returncode, verified.stderr.decode()) == (0, "")


def _archive(files: dict[str, Path]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, file in files.items():
            archive.add(file, name)
    return stream.getvalue()


def test_the_two_units_differ_only_in_how_they_reload() -> None:
    newer, older = NEWER.read_text().splitlines()[1:], OLDER.read_text().splitlines()[1:]
    only_newer = [line.partition("=")[0] for line in newer if line not in older and line[0] != "#"]
    assert only_newer == ["Type", "ExecReload"]
    assert "Type=notify-reload" in newer
    only_older = [line.partition("=")[0] for line in older if line not in newer and line[0] != "#"]
    assert only_older == ["Type", "ExecReload"]


@pytest.mark.parametrize(
    ("command", "file", "name"),
    [
        ("systemd-sysusers", "sysusers.conf", "/usr/lib/sysusers.d/ami-proxy.conf"),
        ("systemd-tmpfiles", "tmpfiles.conf", "/usr/lib/tmpfiles.d/ami-proxy.conf"),
    ],
)
def test_sysusers_and_tmpfiles_are_accepted(command: str, file: str, name: str) -> None:
    script = (
        'mkdir -p "${0%/*}"; cat > "$0"; echo "u ami-proxy -" | systemd-sysusers - ; '
        f'{command} "$0" $1 && id ami-proxy && ls -ld /etc/ami-proxy 2>/dev/null; true'
    )
    flag = "--create" if command.endswith("tmpfiles") else ""
    done = run_tool("sh", "-c", script, name, flag, stdin=(UNITS / file).read_bytes())
    said = done.stdout.decode()
    assert "(ami-proxy)" in said, done.stderr
    if flag:
        assert "drwxr-x--- 3 root ami-proxy" in said
