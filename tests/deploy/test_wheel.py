"""Wheel and sdist: what they hold, and that an installed wheel runs without the tree."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from proxy import __version__

TOP = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git has: neither other builds nor bytecode in it."""
    copy = tmp_path_factory.mktemp("source")
    files = subprocess.run(
        ["git", "-C", TOP, "ls-files", "-z", "proxy", "*.toml", "README.md", "LICENSE"],
        check=True,
        capture_output=True,
    ).stdout
    for name in files.decode().split("\0"):
        if name and (TOP / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((TOP / name).read_bytes())
    return copy


def built(source: Path, out: Path, kind: str) -> Path:
    """Build with the backend that pyproject.toml names; no network, no isolation."""
    script = f"import setuptools.build_meta as b, sys; b.build_{kind}(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, out], cwd=source, check=True, capture_output=True)
    [file] = out.iterdir()
    return file


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(source, tmp_path_factory.mktemp("wheel"), "wheel")


def test_the_wheel_has_the_program_its_types_and_its_licence_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.name == f"amiproxy-{__version__}-py3-none-any.whl"
    assert "proxy/py.typed" in names
    assert f"amiproxy-{__version__}.dist-info/licenses/LICENSE" in names
    # Bytecode is made where it is installed: pip does it, and the Debian package beforehand.
    assert [name for name in names if name.endswith(".pyc")] == []
    assert {name.split("/")[0] for name in names} == {"proxy", f"amiproxy-{__version__}.dist-info"}
    packages = {str(file.parent.relative_to(TOP)) for file in (TOP / "proxy").rglob("__init__.py")}
    assert packages <= {name.rpartition("/")[0] for name in names}


def test_the_sdist_can_be_built_from(source: Path, tmp_path: Path) -> None:
    (tmp_path / "sdist").mkdir()
    sdist = built(source, tmp_path / "sdist", "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    [tree] = (tmp_path / "unpacked").iterdir()
    (tmp_path / "again").mkdir()
    again = built(tree, tmp_path / "again", "wheel")
    assert again.name == f"amiproxy-{__version__}-py3-none-any.whl"


def test_the_installed_wheel_is_the_command(wheel: Path, tmp_path: Path) -> None:
    # Its libraries are those of the tests; pip itself installs the wheel, and compiles it.
    venv.create(tmp_path / "venv", system_site_packages=False)
    python = tmp_path / "venv/bin/python"
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    quiet.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--quiet",
            "--python",
            python,
            "install",
            "--no-deps",
            "--no-index",
            wheel,
        ],
        check=True,
        env=quiet,
    )
    [packages] = (tmp_path / "venv/lib").glob("python*/site-packages")
    assert list((packages / "proxy/__pycache__").glob("app.*.pyc"))
    (packages / "libraries.pth").write_text(f"{libraries}\n")
    shown = subprocess.run(
        [tmp_path / "venv/bin/ami-proxy", "--version"], cwd="/", check=True, capture_output=True, text=True
    )
    assert shown.stdout == f"ami-proxy {__version__}\n"
    where = subprocess.run(
        [python, "-c", "import proxy; print(proxy.__file__)"],
        cwd="/",
        check=True,
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(str(tmp_path))
