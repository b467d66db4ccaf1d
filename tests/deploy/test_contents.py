"""The files in the Debian package, without installing it."""

import subprocess
from pathlib import Path

import pytest

from deploy.manual.completions import PLACES

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


def test_it_has_the_libraries_of_the_tools(unpacked: Path) -> None:
    [packages] = unpacked.glob("usr/lib/ami-proxy/lib/python3*/site-packages")
    installed = {
        path.name.partition("-")[0].lower().replace(".", "_") for path in packages.glob("*.dist-info")
    }
    assert {"prompt_toolkit", "ruamel_yaml", "wcwidth"} <= installed
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
