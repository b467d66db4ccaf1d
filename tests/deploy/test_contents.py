"""The files in the Debian package, without installing it."""

import os
import subprocess
from pathlib import Path

import pytest

from deploy.manual.completions import PLACES
from tests.deploy.conftest import built

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    return folder


def test_it_has_the_manual_and_the_completions(unpacked: Path, tmp_path: Path) -> None:
    from deploy.manual import __main__ as manual

    manual.main(tmp_path)
    wanted = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if not path.is_dir()}
    assert set(PLACES.values()) < wanted
    assert [name for name in sorted(wanted) if not (unpacked / name).exists()] == []


#: e_machine in the header of an ELF file.
MACHINES = {"amd64": 62, "arm64": 183}


def machines_of(package: Path, folder: Path) -> dict[str, int]:
    """The machine that each library in the package is for."""
    subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    # Not the link to the machine's own Python.
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    headers = {path: path.read_bytes()[:20] for path in files}
    return {
        str(path.relative_to(folder)): int.from_bytes(header[18:20], "little")
        for path, header in headers.items()
        if header.startswith(b"\x7fELF")
    }


def field(package: Path, name: str) -> str:
    line = ["dpkg-deb", "--field", package, name]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout.strip()


def test_all_its_machine_code_is_for_its_architecture(package: Path, tmp_path: Path) -> None:
    found = machines_of(package, tmp_path)
    assert any("wcwidth" in name for name in found)
    assert set(found.values()) == {MACHINES[field(package, "Architecture")]}


def test_the_package_of_another_architecture_has_its_machine_code(tmp_path: Path) -> None:
    here = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True)
    [other] = {"amd64", "arm64"} - {here.stdout.strip()}
    # Without the core, which a cross compiler makes and this test need not have.
    package = Path(os.environ.get("AMIPROXY_OTHER_DEB") or built(tmp_path, ARCH=other, AMI_PROXY_COMPILE="0"))
    assert package.name.endswith(f"_{other}.deb")
    assert field(package, "Architecture") == other
    found = machines_of(package, tmp_path / "unpacked")
    assert set(found.values()) == {MACHINES[other]}
    libraries = {name.partition("site-packages/")[2].partition("/")[0].partition(".")[0] for name in found}
    assert {"cryptography", "uvloop", "wcwidth", "yaml", "msgspec", "_cffi_backend"} <= libraries
    uncompiled = not any("/amiproxy/" in name for name in found)
    assert uncompiled == ("is not compiled" in field(package, "Description"))
    # What the manual needs ran on this machine.
    assert (tmp_path / "unpacked/usr/share/man/man1/ami-proxy.1.gz").exists()


def test_it_has_the_libraries_of_all_extras(unpacked: Path) -> None:
    [packages] = unpacked.glob("usr/lib/ami-proxy/lib/python3*/site-packages")
    installed = {
        path.name.partition("-")[0].lower().replace(".", "_") for path in packages.glob("*.dist-info")
    }
    assert {"prompt_toolkit", "wcwidth", "h11", "websockets", "nats_py", "nkeys", "pynacl"} <= installed
    # They are the build's: neither part of the program nor needed by it.
    assert not {"shtab", "mypy", "setuptools", "pip"} & installed
    assert not list(packages.glob("deploy"))


def test_all_files_belong_to_root_and_only_root_may_write(package: Path) -> None:
    listed = subprocess.run(["dpkg-deb", "-c", package], check=True, capture_output=True, text=True).stdout
    lines = [line.split(maxsplit=2) for line in listed.splitlines()]
    assert len(lines) > 500
    assert {owner for _, owner, _ in lines} == {"root/root"}
    # Symbolic links have all bits, which mean nothing.
    assert [line for line in lines if line[0][0] != "l" and (line[0][5] == "w" or line[0][8] == "w")] == []
