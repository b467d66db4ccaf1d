"""The RPM has the files of the Debian package, with the owners and modes that the service needs.

It is built here from the same files, on Debian; no distribution that uses RPM is installed for this.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.conftest import TOP
from tests.support.requirements import give_up

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]

RPM = TOP / "deploy/rpm"
#: What is elsewhere in that family of distributions, or has no counterpart.
MOVED = {
    "/usr/share/zsh/vendor-completions/_ami-proxy": "/usr/share/zsh/site-functions/_ami-proxy",
    "/usr/share/doc/ami-proxy/copyright": "/usr/share/licenses/ami-proxy/LICENSE",
}


@pytest.fixture(scope="module")
def rpm(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("rpmbuild") is None:
        give_up("PACKAGING", "Debian's package rpm, which has rpmbuild, is not installed")
    folder = tmp_path_factory.mktemp("rpm")
    subprocess.run(["dpkg-deb", "-x", package, folder / "stage"], check=True)
    done = subprocess.run(
        [RPM / "build", folder / "out"],
        check=False,
        env=os.environ | {"STAGE": str(folder / "stage"), "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    [file] = (folder / "out").iterdir()
    assert str(file) in done.stdout
    return file


def ask(rpm: Path, *options: str) -> list[str]:
    line = ["rpm", "--nosignature", "-qp", *options, rpm]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.splitlines()


def test_it_has_the_same_files(rpm: Path, package: Path) -> None:
    listed = subprocess.run(["dpkg-deb", "-c", package], check=True, capture_output=True, text=True).stdout
    paths = [line.split(maxsplit=5)[5].partition(" -> ")[0][1:] for line in listed.splitlines()]
    files = {MOVED.get(path, path) for path in paths if not path.endswith("/")}
    files |= {"/etc/ami-proxy/proxy.yaml", "/etc/ami-proxy/users.yaml"}
    modes = [line.split("\t") for line in ask(rpm, "--queryformat", r"[%{FILENAMES}\t%{FILEMODES:perms}\n]")]
    assert {path for path, mode in modes if not mode.startswith("d")} == files


def test_the_service_may_read_its_configuration_and_nobody_else_may(rpm: Path) -> None:
    form = r"[%{FILENAMES}\t%{FILEMODES:perms}\t%{FILEUSERNAME}:%{FILEGROUPNAME}\t%{FILEFLAGS:fflags}\n]"
    files = {path: rest for path, *rest in (line.split("\t") for line in ask(rpm, "--queryformat", form))}
    ours = "root:ami-proxy"
    assert {path: rest for path, rest in files.items() if path.startswith("/etc/")} == {
        "/etc/ami-proxy": ["drwxr-x---", ours, ""],
        "/etc/ami-proxy/certs": ["drwxr-x---", ours, ""],
        "/etc/ami-proxy/proxy.yaml": ["-rw-r-----", ours, "cn"],
        "/etc/ami-proxy/users.yaml": ["-rw-r-----", ours, "cn"],
    }
    others = {path: rest for path, rest in files.items() if not path.startswith("/etc/")}
    assert {owner for _, owner, _ in others.values()} == {"root:root"}
    writable = [path for path, (mode, *_) in others.items() if mode[0] != "l" and "w" in mode[5] + mode[8]]
    assert writable == []


def test_it_needs_the_python_that_it_was_built_with(rpm: Path) -> None:
    requires = ask(rpm, "--requires")
    assert f"python(abi) = {sys.version_info[0]}.{sys.version_info[1]}" in requires
    assert "/usr/bin/python3" in requires
    # No library inside is promised to other packages, or expected of them.
    assert [line for line in requires if ".so" in line] == []
    assert [line for line in ask(rpm, "--provides") if not line.startswith("ami-proxy")] == []


def test_its_scriptlets_are_shell(rpm: Path) -> None:
    text = "\n".join(ask(rpm, "--scripts"))
    parts = re.split(r"^(\w+) scriptlet \(using /bin/sh\):$", text, flags=re.MULTILINE)
    assert set(parts[1::2]) == {"preinstall", "postinstall", "preuninstall", "postuninstall"}
    for script in parts[2::2]:
        subprocess.run(["sh", "-n"], check=True, input=script.encode())
    assert "useradd" in text
    assert "userdel" not in text


def test_the_containers_build_gets_its_files() -> None:
    text = (RPM / "Containerfile").read_text()
    copied = {
        name for line in re.findall(r"^COPY (?!--from)(.*)", text, re.MULTILINE) for name in line.split()[:-1]
    }
    stage = (TOP / "deploy/stage").read_text()
    needed = set(re.findall(r'\$top"?/([\w.-]+)', stage))
    needed |= set(re.search(r"--exclude=__pycache__ -c ([\w. ]+)\)", stage)[1].split())
    assert needed - {".venv"} <= copied
    pinned = {
        line.partition("==")[0]
        for line in (TOP / "requirements-dev.txt").read_text().splitlines()
        if "==" in line
    }
    [names] = re.findall(r"\^\(([\w|]+)\)==", text)
    assert set(names.split("|")) <= pinned
