"""The text of the Containerfile: no root user, pinned versions, and a place for the control socket."""

import re
from pathlib import Path

from amiproxy.cli import ctl

DEPLOY = Path(__file__).parents[2] / "deploy"
TEXT = (DEPLOY / "Containerfile").read_text()
HEAD = "".join(line for line in TEXT.splitlines(keepends=True) if line.startswith("#"))
STEPS = [
    line.split(maxsplit=1)
    for line in TEXT.replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]


def of(kind: str) -> list[str]:
    """The arguments of every instruction of this kind, in order."""
    return [rest for name, rest in STEPS if name == kind]


def test_the_process_is_unprivileged_and_receives_the_stop_signal() -> None:
    [user] = of("USER")
    uid, gid = map(int, user.split(":"))
    assert uid > 999
    assert gid > 999
    names = [name for name, _ in STEPS]
    assert names.index("USER") > max(number for number, name in enumerate(names) if name in {"COPY", "RUN"})
    # Without a shell in between, which would not pass signals on.
    assert of("ENTRYPOINT")[0].startswith("[")
    assert of("CMD")[0].startswith("[")
    assert of("STOPSIGNAL") == ["SIGTERM"]


def test_base_images_and_packages_are_pinned() -> None:
    bases = [base.split()[0] for base in of("FROM")]
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim", bases[0])
    assert not of("ADD")
    [install] = [step for step in of("RUN") if "pip install" in step]
    assert "-r /source/requirements.txt" in install
    assert "-r /source/requirements-tools.txt" in install


def test_the_build_gets_its_files_and_the_compiler_is_left_behind() -> None:
    pins = ("requirements.txt", "requirements-tools.txt")
    for name in ("pyproject.toml", "setup.py", *pins, "README.md", "LICENSE"):
        assert name in of("COPY")[0].split()
    steps = TEXT.split("FROM ")
    assert "ARG AMI_PROXY_COMPILE=1" in steps[1]
    assert "gcc" in steps[1]
    assert "gcc" not in steps[2]


def test_the_image_contains_no_operators_files() -> None:
    copied = " ".join(of("COPY"))
    for name in ("users.yaml", "proxy.yaml", ".secret", ".key", ".crt"):
        assert name not in copied
    assert not [line for line in of("ENV") if "SECRET" in line]


def test_the_command_lines_grant_no_more_than_necessary() -> None:
    [user] = of("USER")
    for text in (HEAD, (DEPLOY / "install.md").read_text()):
        assert "--privileged" not in text
        for option in (
            "--read-only",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
            ":/etc/ami-proxy:ro",
        ):
            assert option in text
        assert f"--user {user.partition(':')[0]} " in text


def test_its_user_owns_the_folder_of_the_control_socket() -> None:
    uid, _, gid = of("USER")[0].partition(":")
    folder = ctl.DEFAULT_SOCKET.parent
    for text in (HEAD, (DEPLOY / "install.md").read_text()):
        assert f"o=uid={uid},gid={gid},mode=0700" in text
        assert f":{folder}" in text
