import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from amiproxy.config import Unfit
from amiproxy.config.fleet.files import read_seed, read_token_keys
from amiproxy.config.fleet.nkeys import public_of
from amiproxy.tools.fleet.keyfolder import KeyFolder


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[KeyFolder]:
    with KeyFolder.locked(tmp_path / "keys") as folder:
        folder.make_missing(("a", "b"))
        yield folder


def modes(folder: KeyFolder) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()}


def test_missing_keys_are_made_for_their_owner_alone(folder: KeyFolder) -> None:
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert modes(folder) == {"a.seed": 0o600, "b.seed": 0o600, "token.key": 0o600}
    assert len(read_token_keys(folder.token_key_file)) == 1
    assert len({read_seed(folder.seed_file(name)) for name in "ab"}) == 2


def test_keys_that_are_there_stay_as_they_are(folder: KeyFolder) -> None:
    before = {path: path.read_bytes() for path in folder.path.iterdir()}
    assert folder.make_missing(("a", "b")) == []
    assert folder.make_missing(("c", "a")) == [folder.seed_file("c")]
    assert {path: path.read_bytes() for path in before} == before
    assert folder.unused(("a", "b")) == [folder.seed_file("c")]


def test_both_keys_of_a_process_are_known_until_the_old_one_is_retired(folder: KeyFolder) -> None:
    old = folder.public_keys("a")
    folder.rotate("a")
    new = public_of(read_seed(folder.seed_file("a")))
    assert folder.public_keys("a") == (new, *old)
    assert modes(folder)["a.seed"] == 0o600
    with pytest.raises(Unfit, match="has not ended"):
        folder.rotate("a")
    folder.retire("a")
    assert folder.public_keys("a") == (new,)
    with pytest.raises(Unfit):
        folder.retire("a")


def test_a_rotation_that_was_cut_short_can_be_repeated(folder: KeyFolder) -> None:
    old = folder.public_keys("a")
    folder.write_public("a.old.pub", old[0])
    assert folder.public_keys("a") == old
    folder.rotate("a")
    assert folder.public_keys("a")[1:] == old


def test_a_file_with_anything_but_a_public_key_does_not_reach_the_accounts(folder: KeyFolder) -> None:
    folder.write_public("a.old.pub", "UA}, permissions: {publish: [>]}")
    with pytest.raises(Unfit):
        folder.public_keys("a")


def test_a_process_without_a_seed_has_no_public_key(folder: KeyFolder) -> None:
    with pytest.raises(Unfit):
        folder.public_keys("c")


def test_a_key_of_positions_is_known_everywhere_before_it_seals(folder: KeyFolder) -> None:
    (old,) = read_token_keys(folder.token_key_file)
    with pytest.raises(Unfit):
        folder.rotate_token_key("use")
    folder.rotate_token_key("add")
    first, new = read_token_keys(folder.token_key_file)
    assert first == old
    with pytest.raises(Unfit):
        folder.rotate_token_key("add")
    folder.rotate_token_key("use")
    assert read_token_keys(folder.token_key_file) == (new, old)
    folder.rotate_token_key("drop")
    assert read_token_keys(folder.token_key_file) == (new,)
    with pytest.raises(Unfit):
        folder.rotate_token_key("drop")


def test_a_folder_where_others_could_put_files_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(Unfit, match="0777"), KeyFolder.locked(tmp_path):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(Unfit), KeyFolder.locked(tmp_path / "file"):
        pass
    with pytest.raises(Unfit), KeyFolder.locked(tmp_path / "gone" / "keys"):
        pass


def test_a_folder_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    tmp_path.chmod(0o700)
    with pytest.raises(Unfit, match="another user"), KeyFolder.locked(tmp_path):
        pass


def test_two_commands_do_not_change_a_folder_at_once(folder: KeyFolder) -> None:
    with pytest.raises(Unfit, match="another command"), KeyFolder.locked(folder.path):
        pass
