"""Files are replaced as a whole, and for root nobody else decides which file that is."""

import os
import stat
from pathlib import Path

import pytest

from amiproxy.x509.errors import IssueError
from amiproxy.x509.files import write_atomically
from tests.support.requirements import need_root

_OTHER = 65534


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def of_another(tmp_path: Path) -> Path:
    """A folder that belongs to another user than root."""
    need_root("only root can give a folder away")
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, _OTHER, _OTHER)
    return folder


def test_links_are_followed_and_stay(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "folder").symlink_to(tmp_path / "real")
    (tmp_path / "real/f").write_bytes(b"old")
    (tmp_path / "link").symlink_to("folder/../real/f")
    write_atomically(tmp_path / "link", b"new", 0o600)
    write_atomically(tmp_path / "folder/g", b"new", 0o640)
    assert (tmp_path / "real/f").read_bytes() == b"new"
    assert (tmp_path / "link").is_symlink()
    assert names(tmp_path / "real") == ["f", "g"]
    assert stat.S_IMODE((tmp_path / "real/g").stat().st_mode) == 0o640


def test_a_relative_path_is_one_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomically(Path("f"), b"x", 0o600)
    assert (tmp_path / "f").read_bytes() == b"x"


def test_links_in_a_circle_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(IssueError):
        write_atomically(tmp_path / "a", b"x", 0o600)


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    with pytest.raises(IssueError):
        write_atomically(tmp_path / "f", b"x", 0o600)
    assert names(tmp_path) == ["f"]


def test_root_follows_no_link_that_another_user_made(tmp_path: Path, of_another: Path) -> None:
    (of_another / "f").symlink_to(tmp_path / "created")
    (of_another / "folder").symlink_to(tmp_path)
    for path in (of_another / "f", of_another / "folder/created"):
        with pytest.raises(IssueError):
            write_atomically(path, b"x", 0o600, (_OTHER, _OTHER))
    assert names(tmp_path) == ["theirs"]


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o1777])
def test_root_follows_no_link_in_a_folder_that_others_may_change(tmp_path: Path, mode: int) -> None:
    need_root("only root can give a link away")
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "f").symlink_to(tmp_path / "created")
    os.lchown(folder / "f", _OTHER, _OTHER)
    folder.chmod(mode)
    with pytest.raises(IssueError):
        write_atomically(folder / "f", b"x", 0o600)
    assert names(tmp_path) == ["shared"]


def test_root_writes_files_into_the_folder_of_another_user(of_another: Path) -> None:
    write_atomically(of_another / "f", b"x", 0o640, (_OTHER, _OTHER))
    found = (of_another / "f").stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (_OTHER, 0o640)
