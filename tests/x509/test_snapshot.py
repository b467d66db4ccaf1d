"""A set of files is read as it was at one time, wherever its links lead."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from amiproxy.x509.errors import SnapshotError
from amiproxy.x509.snapshot import SIZE_LIMIT, SourceFile, hops, read_file, read_set


def publish(volume: Path, name: str, content: str) -> None:
    """One generation of a Kubernetes volume: files a and b with the same content."""
    (volume / name).mkdir(parents=True)
    for file in "ab":
        (volume / name / file).write_text(content)
    (volume / "..tmp").symlink_to(name)
    (volume / "..tmp").replace(volume / "..data")


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    publish(tmp_path, "..1", "old")
    for file in "ab":
        (tmp_path / file).symlink_to(f"..data/{file}")
    return tmp_path


def contents(files: object) -> list[bytes]:
    assert isinstance(files, dict)
    return [file.data for file in files.values()]


def test_a_stable_set_is_read(volume: Path) -> None:
    assert contents(read_set([volume / "a", volume / "b"])) == [b"old", b"old"]


def test_a_set_swapped_between_two_reads_is_read_again(volume: Path) -> None:
    swaps = [lambda: publish(volume, "..2", "new")]

    def read(path: Path) -> SourceFile:
        file = read_file(path)
        if swaps:
            swaps.pop()()
        return file

    assert contents(read_set([volume / "a", volume / "b"], read=read)) == [b"new", b"new"]


def rewrite(path: Path) -> None:
    path.write_text(path.read_text() + "x")


def replace(path: Path) -> None:
    path.with_name("new").write_text("another")
    path.with_name("new").replace(path)


def remove_and_create(path: Path) -> None:
    content = path.read_text()
    path.unlink()
    path.write_text(content)


@pytest.mark.parametrize("change", [rewrite, replace, remove_and_create])
def test_a_set_that_keeps_changing_is_not_used(tmp_path: Path, change: Callable[[Path], None]) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")

    def read(path: Path) -> SourceFile:
        file = read_file(path)
        change(one)
        return file

    with pytest.raises(SnapshotError, match="change while they are read") as refused:
        read_set([one, two], read=read)
    assert refused.value.transient


def test_one_bad_file_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "good").write_text("x")
    files = read_set([tmp_path / "good", tmp_path / "bad"])
    assert isinstance(files[tmp_path / "good"], SourceFile)
    error = files[tmp_path / "bad"]
    assert isinstance(error, SnapshotError)
    assert str(error) == f"{tmp_path}/bad: there is no such file; create it, or correct the path"


def test_a_huge_file_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(SIZE_LIMIT * 1000)
    with pytest.raises(SnapshotError, match="is larger than"):
        read_file(tmp_path / "huge")


def test_a_link_to_itself_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(SnapshotError, match="cannot be read"):
        read_file(tmp_path / "loop")
    assert hops(tmp_path / "loop") == (tmp_path,)


def test_mode_and_directories_where_others_may_write_are_noted(tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    loose.mkdir()
    (loose / "file").write_text("x")
    (loose / "file").chmod(0o640)
    assert read_file(loose / "file").loose_directories == ()
    (tmp_path / "link").symlink_to(loose / "file")
    for mode in (0o777, 0o775, 0o757):
        loose.chmod(mode)
        file = read_file(tmp_path / "link")
        (said,) = file.loose_directories
        assert (file.mode, said.remedy) == (0o640, f"chmod go-w {loose}")
        assert said.text == f"{loose} has mode {mode:04o}: others could replace link in it"
    loose.chmod(0o1777)
    assert read_file(tmp_path / "link").loose_directories == ()


def test_a_link_in_a_directory_of_others_is_noted_too(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "link").symlink_to(tmp_path / "file")
    drop.chmod(0o770)
    assert [said.remedy for said in read_file(drop / "link").loose_directories] == [f"chmod go-w {drop}"]


def test_directories_as_the_kubelet_creates_them_are_accepted(volume: Path) -> None:
    volume.chmod(0o3777)
    (volume / "..1").chmod(0o2755)
    (volume / "..1/a").chmod(0o440)
    file = read_file(volume / "a")
    assert (file.mode, file.loose_directories) == (0o440, ())


def test_credentials_as_systemd_creates_them_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "tls.key").write_text("x")
    (tmp_path / "tls.key").chmod(0o440)
    tmp_path.chmod(0o550)
    assert read_file(tmp_path / "tls.key").loose_directories == ()


def test_a_denial_for_another_reason_is_not_blamed_on_owner_and_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")

    def denied(path: object, *_: object) -> int:
        raise PermissionError(13, os.strerror(13), str(path))

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", denied)
        with pytest.raises(SnapshotError, match="permission denied, although owner and mode") as refused:
            read_file(tmp_path / "file")
    assert "restart the proxy" in refused.value.remedy
    assert "chgrp" not in str(refused.value)


class TestHops:
    """The directories that have to be watched for a file."""

    def test_a_plain_file_needs_its_directory(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert hops(tmp_path / "file") == (tmp_path,)

    def test_a_kubernetes_volume_needs_volume_and_generation(self, volume: Path) -> None:
        assert set(hops(volume / "a")) == {volume, volume / "..1"}

    def test_a_certbot_link_needs_live_and_archive(self, tmp_path: Path) -> None:
        for directory in ("live/pbx", "archive/pbx"):
            (tmp_path / directory).mkdir(parents=True)
        (tmp_path / "archive/pbx/key1.pem").touch()
        (tmp_path / "live/pbx/key.pem").symlink_to("../../archive/pbx/key1.pem")
        assert set(hops(tmp_path / "live/pbx/key.pem")) == {tmp_path / "live/pbx", tmp_path / "archive/pbx"}

    def test_a_linked_directory_needs_parent_and_target(self, tmp_path: Path) -> None:
        (tmp_path / "v1").mkdir()
        (tmp_path / "v1/file").touch()
        (tmp_path / "current").symlink_to("v1")
        assert set(hops(tmp_path / "current/file")) == {tmp_path, tmp_path / "v1"}

    def test_a_missing_file_needs_the_nearest_existing_directory(self, tmp_path: Path) -> None:
        assert hops(tmp_path / "not/yet/file") == (tmp_path,)

    def test_a_relative_path_needs_the_current_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("file").touch()
        assert [os.path.realpath(hop) for hop in hops(Path("file"))] == [os.path.realpath(tmp_path)]
