"""UserStore: which files are meant, what is validated, and how files are replaced."""

import errno
import fcntl
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from amiproxy.config import ConfigErrors, Unfit, load_users
from amiproxy.config.editing.entries import changed
from amiproxy.tools.users import UserStore, store
from amiproxy.x509.errors import IssueError
from tests.support.proxy_process import hashed
from tests.support.requirements import need_root

SECRET = hashed("x")
ONE = f'users:\n  first: {{secret: "{SECRET}"}}\n'
TWO = f'users:\n  second: {{secret: "{SECRET}"}}\n'


def written(folder: Path, files: Mapping[str, str]) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.touch(0o600)
        file.write_text(text)


def proxy(users: str) -> str:
    return (
        "upstream: {username: a, secret_file: s}\n"
        "listeners: [{address: '127.0.0.1:0', certificates: [{chain: none, key: none}]}]\n" + users
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The proxy.yaml of two users files; secret and certificates do not exist yet, as in a fresh package."""
    texts = {"users.d/10.yaml": ONE, "users.d/20.yaml": TWO}
    written(tmp_path, {**texts, "proxy.yaml": proxy("users_files: [users.d/*.yaml]\n")})
    return tmp_path / "proxy.yaml"


def version(file: Path) -> tuple[int, int]:
    return file.stat().st_ino, file.stat().st_mtime_ns


def put(file: Path, text: str) -> Callable[[Mapping[Path, bytes]], Mapping[Path, bytes]]:
    return lambda _: {file: text.encode()}


class TestFilesThatAreMeant:
    def test_those_of_the_configuration(self, config: Path) -> None:
        users = UserStore.named(None, config, Path("/none"))
        assert [file.name for file in users.files] == ["10.yaml", "20.yaml"]
        assert users.first == users.files[0]

    def test_one_of_them_for_new_users_all_for_the_validation(self, config: Path, tmp_path: Path) -> None:
        users = UserStore.named(tmp_path / "users.d/../users.d/20.yaml", config, Path("/none"))
        assert users.first.name == "20.yaml"
        assert len(users.files) == 2

    def test_the_default_configuration_counts_if_it_names_the_file(
        self, config: Path, tmp_path: Path
    ) -> None:
        assert UserStore.named(tmp_path / "users.d/20.yaml", None, config).config == config
        assert UserStore.named(None, None, config).config == config
        written(tmp_path, {"other.yaml": ONE})
        alone = UserStore.named(tmp_path / "other.yaml", None, config)
        assert (alone.config, alone.files) == (None, [tmp_path / "other.yaml"])
        assert UserStore.named(tmp_path / "other.yaml", None, Path("/none")).config is None

    def test_a_file_that_the_configuration_does_not_name_is_refused(
        self, config: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(Unfit, match="is not among the users files"):
            UserStore.named(tmp_path / "other.yaml", config, Path("/none"))

    def test_a_configuration_that_names_none_is_an_error(self, tmp_path: Path) -> None:
        written(tmp_path, {"proxy.yaml": proxy("users_files: [none/*.yaml]\n"), "s": "secret\n"})
        for users in (None, tmp_path / "x"):
            with pytest.raises(ConfigErrors):
                UserStore.named(users, tmp_path / "proxy.yaml", Path("/none"))


class TestUsers:
    def test_a_user_is_found_in_its_file_whatever_its_case(self, config: Path) -> None:
        users = UserStore.named(None, config, Path("/none"))
        file, name = users.holder(users.read(), "SECOND")
        assert (file.name, name) == ("20.yaml", "second")

    @pytest.mark.parametrize(("name", "remedy"), [("secnod", "second"), ("zzz", "users list")])
    def test_an_unknown_user_is_refused_with_a_similar_name(
        self, config: Path, name: str, remedy: str
    ) -> None:
        users = UserStore.named(None, config, Path("/none"))
        with pytest.raises(Unfit) as refused:
            users.holder(users.read(), name)
        assert remedy in refused.value.remedy


class TestChanges:
    def test_a_change_replaces_the_file_and_keeps_its_mode_and_owner(self, config: Path) -> None:
        users = UserStore.named(None, config, Path("/none"))
        file = users.files[1]
        file.chmod(0o640)
        if os.geteuid() == 0:
            os.chown(file, 1234, 2345)
        before = file.stat()
        change = users.change(lambda texts: {file: changed(file, texts[file], "second", {"disabled": True})})
        assert change.files == (file,)
        assert not change.before["second"].disabled
        assert change.after["second"].disabled
        assert set(change.after) == {"first", "second"}
        after = file.stat()
        assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
        assert sorted(path.name for path in file.parent.iterdir()) == ["10.yaml", "20.yaml"]

    def test_nothing_is_written_if_nothing_changes(self, config: Path) -> None:
        users = UserStore.named(None, config, Path("/none"))
        before = version(users.first)
        assert users.change(lambda texts: texts).files == ()
        assert version(users.first) == before

    @pytest.mark.parametrize(
        "text",
        [
            f'users:\n  second: {{secret: "{SECRET}"}}\n',  # the other file has this name
            "users:\n  a: {secret: plain}\n",
            "users: [\n",
        ],
    )
    def test_a_result_that_is_not_valid_as_a_whole_is_not_written(self, config: Path, text: str) -> None:
        users = UserStore.named(None, config, Path("/none"))
        before = version(users.first)
        with pytest.raises(ConfigErrors):
            users.change(put(users.first, text))
        assert version(users.first) == before

    def test_nothing_is_written_while_the_rest_of_the_configuration_has_errors(self, config: Path) -> None:
        users = UserStore.named(None, config, Path("/none"))
        config.write_text(config.read_text() + "colour: blue\n")
        with pytest.raises(ConfigErrors, match="colour"):
            users.change(put(users.first, TWO.replace("second", "third")))
        assert list(load_users(users.first).users) == ["first"]

    def test_what_an_editor_saves_meanwhile_is_not_lost(self, config: Path) -> None:
        users = UserStore.named(None, config, Path("/none"))
        file, calls = users.first, 0

        def edit(texts: Mapping[Path, bytes]) -> Mapping[Path, bytes]:
            nonlocal calls
            calls += 1
            if calls == 1:
                file.write_text(f"# an editor was here\n{ONE}")
            return {file: changed(file, texts[file], "first", {"disabled": True})}

        users.change(edit)
        assert calls == 2
        assert file.read_text().startswith("# an editor was here\n")
        assert load_users(file).users["first"].disabled

    def test_a_file_that_changes_all_the_time_is_left_alone(self, config: Path) -> None:
        users = UserStore.named(None, config, Path("/none"))
        file, calls = users.first, 0

        def edit(texts: Mapping[Path, bytes]) -> Mapping[Path, bytes]:
            nonlocal calls
            calls += 1
            file.write_text(f"# {calls}\n{ONE}")
            return {file: changed(file, texts[file], "first", {"disabled": True})}

        with pytest.raises(Unfit, match="changes all the time"):
            users.change(edit)
        assert file.read_text() == f"# {calls}\n{ONE}"

    def test_a_file_that_cannot_be_written_is_an_error_with_a_remedy(
        self, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(file: Path, *_: object) -> None:
            raise IssueError(f"cannot write {file}: Permission denied")

        monkeypatch.setattr(store, "write_atomically", refuse)
        users = UserStore.named(None, config, Path("/none"))
        with pytest.raises(Unfit) as refused:
            users.change(put(users.first, TWO.replace("second", "third")))
        assert str(users.first) in str(refused.value)
        assert "root" in refused.value.remedy

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
    def test_the_remedy_for_a_disk_that_cannot_be_written_is_not_another_user(
        self, config: Path, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        def refuse(file: Path, *_: object) -> None:
            error = OSError(number, os.strerror(number))
            raise IssueError(f"cannot write {file}: {error.strerror}") from error

        monkeypatch.setattr(store, "write_atomically", refuse)
        users = UserStore.named(None, config, Path("/none"))
        with pytest.raises(Unfit) as refused:
            users.change(put(users.first, TWO.replace("second", "third")))
        assert "file system" in refused.value.remedy
        assert "root" not in refused.value.remedy

    def test_a_link_stays_and_its_target_is_replaced(self, tmp_path: Path) -> None:
        written(tmp_path, {"real/users.yaml": ONE})
        link = tmp_path / "users.yaml"
        link.symlink_to("real/users.yaml")
        users = UserStore.named(link, None, Path("/none"))
        users.change(lambda texts: {link: changed(link, texts[link], "first", {"disabled": True})})
        assert link.is_symlink()
        assert load_users(tmp_path / "real/users.yaml").users["first"].disabled

    def test_commands_at_the_same_time_lose_nothing(self, config: Path) -> None:
        command = [sys.executable, "-m", "amiproxy", "users", "add", "--generate", "--no-reload"]
        names = [f"user{number}" for number in range(6)]
        running = [
            subprocess.Popen(
                [*command, name, "--generate", "--no-reload", "--config", str(config)], stdout=-3
            )
            for name in names
        ]
        assert [process.wait(60) for process in running] == [0] * len(names)
        users = load_users(config.parent / "users.d/10.yaml").users
        assert set(users) == {"first", *names}

    def test_a_lock_that_is_never_released_is_reported(
        self, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(store, "_PATIENCE", 0.1)
        users = UserStore.named(None, config, Path("/none"))
        held = os.open(users.first.parent, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(Unfit, match="another command"):
                users.change(lambda texts: texts)
        finally:
            os.close(held)


class TestNewFiles:
    @pytest.mark.parametrize(
        ("folder_mode", "group", "mode", "owner_group"),
        [
            (0o750, 2345, 0o640, 2345),  # as the package makes it
            (0o755, 2345, 0o640, 2345),
            (0o700, 2345, 0o600, None),  # only its owner may enter
            (0o755, None, 0o600, None),  # no group was chosen
            (0o1777, 2345, 0o600, None),  # everybody's
        ],
    )
    def test_mode_and_group_are_those_that_the_folder_was_set_up_for(
        self, tmp_path: Path, folder_mode: int, group: int | None, mode: int, owner_group: int | None
    ) -> None:
        need_root("only root may give a folder to another group")
        written(tmp_path, {"etc/proxy.yaml": proxy("users_file: users.yaml\n"), "etc/s": "secret\n"})
        folder = tmp_path / "etc"
        if group is not None:
            os.chown(folder, 0, group)
        folder.chmod(folder_mode)
        users = UserStore.named(None, folder / "proxy.yaml", Path("/none"))
        users.change(put(users.first, ONE), may_be_new=True)
        made = (folder / "users.yaml").stat()
        assert stat.S_IMODE(made.st_mode) == mode
        assert made.st_gid == (os.getegid() if owner_group is None else owner_group)
        assert (made.st_mode & 0o007) == 0

    def test_a_missing_file_is_an_error_unless_it_may_be_new(self, tmp_path: Path) -> None:
        written(tmp_path, {"proxy.yaml": proxy("users_file: users.yaml\n"), "s": "secret\n"})
        users = UserStore.named(None, tmp_path / "proxy.yaml", Path("/none"))
        with pytest.raises(Unfit) as refused:
            users.read()
        assert "users add" in refused.value.remedy
        assert users.read(may_be_new=True) == {users.first: b""}
