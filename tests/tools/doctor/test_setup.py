"""The doctor reports files that are lost while it runs, as it reports everything else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from amiproxy.config import load
from amiproxy.core.model.phc import dummy_hash
from amiproxy.tools.doctor import setup
from amiproxy.tools.doctor.finding import DoctorFinding
from tests.support.certificates import forge, install


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a valid proxy.yaml with users in a folder."""
    tmp_path.chmod(0o700)
    leaf = forge()
    install(tmp_path, leaf.pem, leaf.key_pem)
    (tmp_path / "users.d").mkdir(mode=0o700)
    for name, text in {
        "upstream.secret": "s3cret\n",
        "users.d/a.yaml": f'users:\n  wallboard: {{secret: "{dummy_hash()}", read: [call]}}\n',
        "proxy.yaml": "upstream: {username: amiproxy, secret_file: upstream.secret}\n"
        'listeners: [{address: "127.0.0.1:0", certificates: [{chain: server.crt, key: server.key}]}]\n'
        "users_files: [users.d/*.yaml]\n",
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    return tmp_path / "proxy.yaml"


def lose_users(home: Path) -> None:
    (home / "users.d/a.yaml").unlink()


def lose_folder(home: Path) -> None:
    (home / "users.d").rename(home / "moved")


def lose_configuration(home: Path) -> None:
    (home / "proxy.yaml").unlink()


def lose_everything(home: Path) -> None:
    home.rename(home.with_name(f"{home.name}-moved"))


def failures(path: Path, lose: Callable[[Path], None]) -> list[DoctorFinding]:
    loaded = load(path)
    lose(path.parent)
    return [finding for finding in setup.examine(path, loaded) if finding.level == "fail"]


@pytest.mark.parametrize(
    ("lose", "text"),
    [
        (lose_users, "users_files: no file matches {home}/users.d/*.yaml"),
        (lose_folder, "users_files: {home}/users.d: No such file or directory"),
        (lose_configuration, "{home}/proxy.yaml: No such file or directory"),
    ],
)
def test_a_file_lost_after_it_was_loaded_is_a_failure(
    path: Path, lose: Callable[[Path], None], text: str
) -> None:
    (failure,) = failures(path, lose)
    assert failure.text == text.format(home=path.parent)
    assert failure.remedy


def test_the_folder_of_everything_may_be_lost_as_well(path: Path) -> None:
    found = failures(path, lose_everything)
    assert {finding.subject for finding in found} == {"certificates", "configuration"}


def test_good_files_are_no_failure(path: Path) -> None:
    assert failures(path, lambda _: None) == []
