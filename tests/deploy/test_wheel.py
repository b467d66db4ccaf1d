"""Wheels and sdist: their contents, and that an installed wheel runs without the source tree.

The compiled wheel has to pass the tests of the modules that are compiled in it; so the suite's results for
the source apply to it as well.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from amiproxy import __version__
from tests.support.compiled import COMPILED, MARK
from tests.support.requirements import give_up

TOP = Path(__file__).parents[2]
SETTINGS = tomllib.loads((TOP / "pyproject.toml").read_text())
#: What the page is made of, within a wheel.
PAGE = "amiproxy/net/doors/http/page/files"
PURE = {"AMI_PROXY_COMPILE": "0"}
BUILD = "import setuptools.build_meta as b, sys; b.build_{kind}(sys.argv[1])"
WITHOUT_MYPYC = "import sys; sys.modules['mypyc'] = None; "

# Compiling takes a minute or two, and many on a busy machine.
pytestmark = [pytest.mark.timeout(1200), pytest.mark.long]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that git tracks: without other builds or bytecode."""
    copy = tmp_path_factory.mktemp("source")
    files = subprocess.run(
        ["git", "-C", TOP, "ls-files", "-z", "proxy", "*.toml", "setup.py", "README.md", "LICENSE"],
        check=True,
        capture_output=True,
    ).stdout
    for name in files.decode().split("\0"):
        if name and (TOP / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((TOP / name).read_bytes())
    return copy


def build(
    source: Path, out: Path, environment: dict[str, str], *, script: str = BUILD, kind: str = "wheel"
) -> subprocess.CompletedProcess[str]:
    """Build with the backend that pyproject.toml names; no network, no isolation."""
    return subprocess.run(
        [sys.executable, "-c", script.format(kind=kind), out],
        cwd=source,
        env={name: value for name, value in os.environ.items() if name != "AMI_PROXY_COMPILE"} | environment,
        check=False,
        capture_output=True,
        text=True,
    )


def built(source: Path, out: Path, environment: dict[str, str], *, kind: str = "wheel") -> Path:
    """The wheel that was built, if any."""
    done = build(source, out, environment, kind=kind)
    assert done.returncode == 0, done.stderr[-2000:]
    [file] = out.iterdir()
    return file


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(source, tmp_path_factory.mktemp("wheel"), PURE)


@pytest.fixture(scope="module")
def compiled(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled wheel: the one in ``AMIPROXY_WHEEL``, or one built now."""
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    if not headers.exists() or not shutil.which(os.environ.get("CC", "cc")):
        give_up("COMPILER", f"there is no C compiler, or no {headers}")
    if built_already := os.environ.get("AMIPROXY_WHEEL"):
        return Path(built_already)
    return built(source, tmp_path_factory.mktemp("compiled"), {"AMI_PROXY_COMPILE": "1"})


@pytest.fixture(scope="module")
def unpacked(compiled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that goes first on sys.path."""
    folder = tmp_path_factory.mktemp("unpacked")
    zipfile.ZipFile(compiled).extractall(folder)
    return folder


def test_the_wheel_contains_only_the_program_its_types_and_its_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.name == f"amiproxy-{__version__}-py3-none-any.whl"
    assert "amiproxy/py.typed" in names
    assert f"amiproxy-{__version__}.dist-info/licenses/LICENSE" in names
    # Bytecode is made at installation: by pip, and for the Debian package at build time.
    assert [name for name in names if name.endswith(".pyc")] == []
    assert {name.split("/")[0] for name in names} == {"amiproxy", f"amiproxy-{__version__}.dist-info"}
    packages = {str(file.parent.relative_to(TOP / "proxy")) for file in (TOP / "proxy").rglob("__init__.py")}
    assert packages <= {name.rpartition("/")[0] for name in names}


def test_the_wheel_contains_the_page(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    inside = f"{PAGE}/"
    found = {name.removeprefix(inside) for name in archive.namelist() if name.startswith(inside)}
    folder = TOP / "proxy" / PAGE
    files = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert "index.html" in found
    assert found == files
    for name in files:
        assert archive.read(inside + name) == (folder / name).read_bytes()


def test_a_wheel_can_be_built_from_the_sdist(source: Path, wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "sdist").mkdir()
    sdist = built(source, tmp_path / "sdist", {}, kind="sdist")
    (tmp_path / "unpacked").mkdir()
    # Not tarfile: its filters came with 3.11.4, and later versions warn where none is named.
    subprocess.run(["tar", "-xf", sdist, "-C", tmp_path / "unpacked"], check=True)
    [tree] = (tmp_path / "unpacked").iterdir()
    (tmp_path / "again").mkdir()
    again = built(tree, tmp_path / "again", PURE)
    assert again.name == f"amiproxy-{__version__}-py3-none-any.whl"
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


def test_the_installed_wheel_provides_the_command(wheel: Path, tmp_path: Path) -> None:
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
    assert list((packages / "amiproxy/service/__pycache__").glob("app.*.pyc"))
    (packages / "libraries.pth").write_text(f"{libraries}\n")
    shown = subprocess.run(
        [tmp_path / "venv/bin/ami-proxy", "--version"], cwd="/", check=True, capture_output=True, text=True
    )
    assert shown.stdout == f"ami-proxy {__version__}\n"
    where = subprocess.run(
        [python, "-c", "import amiproxy; print(amiproxy.__file__)"],
        cwd="/",
        check=True,
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(str(tmp_path))


def test_the_compiled_wheel_has_source_and_machine_code_of_the_same_modules(
    wheel: Path, compiled: Path
) -> None:
    assert re.fullmatch(rf"amiproxy-{re.escape(__version__)}-(cp3\d+)-\1-\w+\.whl", compiled.name)
    names = set(zipfile.ZipFile(compiled).namelist())
    assert set(zipfile.ZipFile(wheel).namelist()) <= names
    extensions = {name.partition(".")[0] for name in names if name.endswith(".so")}
    assert extensions == {path.removesuffix(".py") for path in COMPILED} | {"amiproxy__mypyc"}


def test_the_compiled_wheel_does_not_reveal_where_it_was_built(compiled: Path, source: Path) -> None:
    archive = zipfile.ZipFile(compiled)
    for name in archive.namelist():
        content = archive.read(name)
        assert str(source).encode() not in content
        assert b"/tmp/" not in content or not name.endswith(".so")


def test_the_compiled_wheel_runs_compiled_and_tracebacks_name_source_lines(
    unpacked: Path,
) -> None:
    script = """
from amiproxy.ami.framing import ActionFramer
from amiproxy.core.form import FORM
print(FORM)
ActionFramer().feed("no bytes")
"""
    shown = subprocess.run(
        [sys.executable, "-c", script],
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(unpacked)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert shown.stdout == "compiled\n"
    fault = re.search(r'File "(amiproxy/ami/framing\.py)", line (\d+), in feed\nTypeError: ', shown.stderr)
    assert fault is not None
    assert "def feed" in (unpacked / fault[1]).read_text().splitlines()[int(fault[2]) - 1]


#: Tests with kinds of their own: no interpreted class can be derived from a compiled one.  Those of the real
#: kinds, of snapshots and of repairs test the same code in compiled form.
WITH_OWN_KINDS = ("test_kind.py", "test_state.py")


def test_the_compiled_core_passes_the_tests_of_its_source(unpacked: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-o", f"pythonpath={unpacked} ."),
            *("tests/ami", "tests/core", "tests/fuzz", "tests/transcripts"),
            *(f"--ignore=tests/core/history/state/{name}" for name in WITH_OWN_KINDS),
        ],
        cwd=TOP,
        # The source has been tried with all examples; here a few show whether it was compiled as it is meant.
        env=os.environ | {"CORE_UNDER_TEST": "compiled", "HYPOTHESIS_PROFILE": "quick"},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]


@pytest.fixture
def one_module(source: Path, tmp_path: Path) -> Path:
    """The source with one module to compile, so that a failing compilation takes only seconds."""
    copy = tmp_path / "source"
    shutil.copytree(source, copy)
    marked = [file for file in copy.rglob("*.py") if MARK in file.read_text()]
    assert len(marked) > 1
    for file in marked:
        if file.name != "privilege.py":
            file.write_text(file.read_text().replace(MARK, "\n"))
    (tmp_path / "out").mkdir()
    return copy


@pytest.mark.parametrize(
    ("environment", "script", "reason"),
    [
        ({"CC": "false"}, BUILD, "'false'.* status 1"),
        ({"CC": "/nonexistent/cc"}, BUILD, "'/nonexistent/cc'"),
        ({}, WITHOUT_MYPYC + BUILD, "mypyc"),
    ],
    ids=["a compiler that fails", "no compiler", "no mypyc"],
)
def test_without_a_working_compiler_the_source_is_installed(
    one_module: Path, tmp_path: Path, environment: dict[str, str], script: str, reason: str
) -> None:
    done = build(one_module, tmp_path / "out", environment, script=script)
    assert done.returncode == 0
    [file] = (tmp_path / "out").iterdir()
    assert file.name.endswith("-py3-none-any.whl")
    assert not [name for name in zipfile.ZipFile(file).namelist() if name.endswith(".so")]
    [told] = [line for line in done.stderr.splitlines() if line.startswith("amiproxy: ")]
    assert re.search(f"^amiproxy: not compiled, the pure wheel is built instead: .*{reason}", told)


def test_demanding_the_compiled_wheel_gives_no_other(one_module: Path, tmp_path: Path) -> None:
    done = build(one_module, tmp_path / "out", {"CC": "false", "AMI_PROXY_COMPILE": "1"})
    assert done.returncode != 0
    assert "'false'" in done.stderr
    assert not list((tmp_path / "out").glob("*.whl"))


def test_the_compiler_is_the_one_that_was_tested() -> None:
    [required] = [name for name in SETTINGS["build-system"]["requires"] if name.startswith("mypy")]
    assert required in (TOP / "requirements-dev.txt").read_text().splitlines()


def test_an_editable_install_runs_the_source(source: Path, tmp_path: Path) -> None:
    file = built(source, tmp_path, {"AMI_PROXY_COMPILE": "1"}, kind="editable")
    assert not [name for name in zipfile.ZipFile(file).namelist() if name.endswith(".so")]
    assert not list(source.rglob("*.so"))
