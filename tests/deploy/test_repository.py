"""The apt repository: Debian installs from it, and refuses it once anything in it was changed."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.conftest import TOP, booted
from tests.deploy.debian import Machine
from tests.support.requirements import give_up

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]

PAGE = (TOP / "deploy/repository.md").read_text()
SERVED = "/srv/packages"
# Only this repository, because the machine has no network.
APT = (
    "-o",
    "Dir::Etc::SourceList=/dev/null",
    "-o",
    "Acquire::http::Proxy=DIRECT",
    "-o",
    "APT::Sandbox::User=root",
)
YEAR = ("ed25519", "sign", "1y")


class Keys:
    """A throw-away keyring of GPG's."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.home.chmod(0o700)

    def gpg(self, *arguments: str) -> str:
        line = ["gpg", "--homedir", str(self.home), "--batch", "--no-tty", *arguments]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout

    def make(self, name: str, *how: str, options: tuple[str, ...] = ()) -> str:
        """The fingerprint of a new key."""
        self.gpg(*options, "--passphrase", "", "--quick-generate-key", f"{name} <{name}@example.org>", *how)
        return re.findall(r"^fpr:+(\w{40}):", self.gpg("--with-colons", "--list-keys", name), re.MULTILINE)[0]


@pytest.fixture(scope="module")
def keys() -> Iterator[Keys]:
    if not (shutil.which("gpg") and shutil.which("apt-ftparchive")):
        give_up("PACKAGING", "Debian's packages gpg and apt-utils are not installed")
    # Not in pytest's folder: the path of the agent's socket has to be short.
    with tempfile.TemporaryDirectory() as home:
        yield Keys(Path(home))
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False, capture_output=True)


Build = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def build(keys: Keys) -> Build:
    """``deploy/debian/repository`` with the throw-away keyring."""

    def run(out: Path, *packages: Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [TOP / "deploy/debian/repository", out, *packages],
            check=False,
            env=os.environ | {"GNUPGHOME": str(keys.home)} | environment,
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture
def small(tmp_path: Path) -> Callable[..., Path]:
    """A package without content, which builds at once."""

    def make(name: str, python: str = "3.11", arch: str = "amd64", version: str = "1.0") -> Path:
        folder = tmp_path / f"stage-{name}"
        (folder / "DEBIAN").mkdir(parents=True)
        (folder / "DEBIAN/control").write_text(
            f"Package: ami-proxy\nVersion: {version}\nArchitecture: {arch}\nMaintainer: t <t@example.org>\n"
            f"Depends: python3 (>= {python})\nDescription: test\n"
        )
        out = tmp_path / f"{name}.deb"
        subprocess.run(["dpkg-deb", "--build", folder, out], check=True, capture_output=True)
        return out

    return make


def test_packages_go_to_their_release_and_architecture(
    build: Build, keys: Keys, small: Callable[..., Path], tmp_path: Path
) -> None:
    key = keys.make("sorted", *YEAR)
    out = tmp_path / "repository"
    packages = [small("a"), small("b", arch="arm64"), small("c", python="3.13"), small("d", version="2.0")]
    done = build(out, *packages, KEY=key, VALID_DAYS="30")
    assert done.returncode == 0, done.stderr
    assert key in done.stderr
    indexes = {
        str(path.relative_to(out / "dists").parent): re.findall(
            r"^Filename: (.*)", path.read_text(), re.MULTILINE
        )
        for path in out.rglob("Packages")
    }
    assert {name: sorted(files) for name, files in indexes.items()} == {
        "bookworm/main/binary-amd64": [
            "pool/bookworm/ami-proxy_1.0_amd64.deb",
            "pool/bookworm/ami-proxy_2.0_amd64.deb",
        ],
        "bookworm/main/binary-arm64": ["pool/bookworm/ami-proxy_1.0_arm64.deb"],
        "trixie/main/binary-amd64": ["pool/trixie/ami-proxy_1.0_amd64.deb"],
    }
    release = (out / "dists/bookworm/Release").read_text()
    assert "Architectures: amd64 arm64\n" in release
    assert "Valid-Until: " in release
    assert "by-hash/" not in release
    # A second build replaces the first, and leaves nothing of it.
    assert build(out, packages[0], KEY=key).returncode == 0
    assert [path.name for path in out.rglob("*.deb")] == ["ami-proxy_1.0_amd64.deb"]
    assert sorted(path.name for path in tmp_path.iterdir() if "repository" in path.name) == ["repository"]


def test_a_repository_that_cannot_be_signed_is_not_made(
    build: Build, keys: Keys, small: Callable[..., Path], tmp_path: Path
) -> None:
    package = small("a")
    early = ("--faked-system-time", "20200101T000000!")
    expired = keys.make("expired", "ed25519", "sign", "1d", options=early)
    keys.make("two-a", *YEAR)
    keys.make("two-b", *YEAR)
    for environment, what in (
        ({"KEY": ""}, "KEY"),
        ({"KEY": "nobody@example.org"}, "nobody@example.org"),
        ({"KEY": expired}, "expired"),
        ({"KEY": "two-"}, "two-"),
        ({"KEY": "two-a", "VALID_DAYS": "soon"}, "VALID_DAYS"),
    ):
        done = build(tmp_path / "out", package, **environment)
        assert (done.returncode, what in done.stderr, done.stdout) == (1, True, ""), environment
    assert build(tmp_path / "out", KEY="two-a").returncode == 1
    assert build(tmp_path / "out", small("b"), package, KEY="two-a").returncode == 1  # the same twice
    assert build(tmp_path / "out", small("old", python="3.9"), KEY="two-a").returncode == 1
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".repository*"))


@pytest.fixture(scope="module")
def debian(package: Path) -> Iterator[Machine]:
    for machine in booted("apt"):
        machine.run("mkdir", "-p", SERVED)
        serve = ("python3", "-m", "http.server", "--bind", "127.0.0.1", "--directory", SERVED, "8080")
        machine.run("systemd-run", "--quiet", "--unit=web", *serve)
        yield machine


@pytest.fixture
def published(debian: Machine, build: Build, keys: Keys, package: Path, tmp_path: Path) -> Machine:
    """A machine that is set up for a repository, as the page says, which a web server there publishes."""
    name = f"published-{os.urandom(4).hex()}"
    keys.make(name, *YEAR)
    out = tmp_path / "repository"
    done = build(out, package, KEY=name)
    assert done.returncode == 0, done.stderr
    put(debian, out)
    debian.write("/etc/apt/keyrings/ami-proxy.gpg", (out / "ami-proxy-archive-keyring.gpg").read_bytes())
    sources, preferences = re.findall(r"^```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    local = sources.replace("https://packages.example.org", "http://127.0.0.1:8080")
    debian.write("/etc/apt/sources.list.d/ami-proxy.sources", local.encode())
    debian.write("/etc/apt/preferences.d/ami-proxy", preferences.encode())
    debian.run("sh", "-c", "dpkg --purge ami-proxy; apt-get clean; rm -rf /var/lib/apt/lists/*")
    return debian


def put(machine: Machine, repository: Path) -> None:
    packed = subprocess.run(["tar", "-C", repository, "-c", "."], check=True, capture_output=True).stdout
    machine.run("sh", "-c", f"rm -rf {SERVED}/*; tar -x -C {SERVED}", stdin=packed)


def apt(machine: Machine, *command: str) -> subprocess.CompletedProcess[str]:
    return machine.run("apt-get", *APT, "-y", *command, check=False)


def test_debian_installs_from_it_as_the_page_says(published: Machine) -> None:
    updated = apt(published, "update")
    assert (updated.returncode, "W:" in updated.stderr) == (0, False), updated.stderr
    installed = apt(published, "install", "ami-proxy")
    assert installed.returncode == 0, installed.stderr
    assert published.run("ami-proxy", "--version").stdout.startswith("ami-proxy ")
    policy = published.run("apt-cache", *APT, "policy", "ami-proxy").stdout
    assert re.search(r"\*\*\* \S+ 500", policy)


# In all its forms, so that apt cannot take another.
CHANGE_THE_INDEX = f"""
cd {SERVED}/dists/bookworm/main/binary-amd64
sed -i 's/adduser/addus3r/' Packages
rm Packages.*
for file in by-hash/SHA256/*; do cp --remove-destination Packages $file; done
"""


@pytest.mark.parametrize(
    "change",
    [
        CHANGE_THE_INDEX,
        f"sed -i 's/^Suite:/Suite: x/' {SERVED}/dists/bookworm/InRelease",
        # Without a signature, and with that of a key which the machine does not have.
        f"rm {SERVED}/dists/bookworm/InRelease {SERVED}/dists/bookworm/Release.gpg",
        "rm /etc/apt/keyrings/ami-proxy.gpg",
    ],
    ids=["index", "signed text", "unsigned", "no key"],
)
def test_an_index_that_the_key_did_not_sign_is_refused(published: Machine, change: str) -> None:
    published.run("sh", "-e", "-c", change)
    updated = apt(published, "update")
    assert updated.returncode != 0, updated.stdout
    assert apt(published, "install", "ami-proxy").returncode != 0
    assert published.run("sh", "-c", "command -v ami-proxy", check=False).returncode != 0


def test_a_package_that_was_changed_is_not_installed(published: Machine) -> None:
    assert apt(published, "update").returncode == 0
    # One bit, so that the size is the same.
    script = """
    import glob
    [name] = glob.glob("/srv/packages/pool/bookworm/*.deb")
    with open(name, "r+b") as file:
        file.seek(5000)
        byte = file.read(1)[0]
        file.seek(5000)
        file.write(bytes([byte ^ 1]))
    """
    published.run("python3", "-c", "\n".join(line[4:] for line in script.splitlines()))
    refused = apt(published, "install", "ami-proxy")
    assert refused.returncode != 0
    assert "Hash Sum" in refused.stderr
    assert published.run("sh", "-c", "command -v ami-proxy", check=False).returncode != 0


def test_a_key_is_replaced_without_a_gap(
    published: Machine, build: Build, keys: Keys, package: Path, tmp_path: Path
) -> None:
    old, new = (keys.make(f"{name}-{os.urandom(4).hex()}", *YEAR) for name in ("old", "new"))
    rings = {}
    for step, key in (("old", old), ("both", f"{old} {new}"), ("new", new)):
        assert build(tmp_path / step, package, KEY=key).returncode == 0
        rings[step] = (tmp_path / step / "ami-proxy-archive-keyring.gpg").read_bytes()
    accepted = {}
    for step, ring in (("both", "old"), ("both", "both"), ("new", "both"), ("new", "new"), ("new", "old")):
        put(published, tmp_path / step)
        published.write("/etc/apt/keyrings/ami-proxy.gpg", rings[ring])
        published.run("sh", "-c", "rm -rf /var/lib/apt/lists/*")
        accepted[step, ring] = apt(published, "update").returncode == 0
    assert [pair for pair, good in accepted.items() if not good] == [("new", "old")]
