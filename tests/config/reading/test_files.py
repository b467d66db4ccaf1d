import os
from pathlib import Path

import pytest

from amiproxy.config.reading.files import check_readable, is_missing, read_file, read_private, read_secret
from amiproxy.core.model.errors import Unfit

ALL = [check_readable, read_file, read_private, read_secret]
PRIVATE = [read_private, read_secret]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    file = tmp_path / "upstream.secret"
    file.write_text("s3cret\n")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("look", ALL)
def test_a_valid_file_is_accepted(file: Path, look: object) -> None:
    look(file)  # type: ignore[operator]


@pytest.mark.parametrize("look", ALL)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, look: object) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, says in (
        (tmp_path / "gone", "No such file"),
        (tmp_path, "not a regular file"),
        (fifo, "not a regular file"),
    ):
        with pytest.raises(Unfit, match=says) as error:
            look(path)  # type: ignore[operator]
        assert str(path) in str(error.value)
        assert error.value.remedy


@pytest.mark.parametrize("look", ALL)
def test_a_denial_for_another_reason_is_not_blamed_on_owner_and_mode(
    file: Path, look: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: object, *_: object) -> int:
        raise PermissionError(13, os.strerror(13), str(path))

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", denied)
        with pytest.raises(Unfit, match="Permission denied, although owner and mode") as error:
            look(file)  # type: ignore[operator]
    assert error.value.remedy.startswith("restart the proxy")


@pytest.mark.parametrize("look", PRIVATE)
def test_a_folder_that_vanishes_while_its_file_is_read_is_reported(
    file: Path, look: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def open_then_lose(path: Path, flags: int) -> int:
        descriptor = real(path, flags)
        file.parent.rename(file.parent.with_name(f"{file.parent.name}-moved"))
        return descriptor

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", open_then_lose)
        with pytest.raises(Unfit, match=f"{file}: No such file") as error:
            look(file)  # type: ignore[operator]
    assert error.value.remedy


@pytest.mark.parametrize("look", [read_file, *PRIVATE])
def test_a_file_whose_content_cannot_be_read_is_refused(look: object) -> None:
    memory = Path("/proc/self/mem")  # opens like a regular file, but nothing is mapped at its beginning
    with pytest.raises(Unfit, match=f"{memory}: Input/output error") as error:
        look(memory)  # type: ignore[operator]
    assert error.value.remedy


@pytest.mark.parametrize("look", PRIVATE)
@pytest.mark.parametrize(
    ("mode", "says", "remedy"),
    [
        (0o644, "mode 0644: readable by all users", "chmod 0640 "),
        (0o604, "mode 0604: readable by all users", "chmod 0600 "),
        (0o620, "mode 0620: writable by others", "chmod 0600 "),
        (0o660, "mode 0660: writable by others", "chmod 0640 "),
        (0o602, "mode 0602: writable by others", "chmod 0600 "),
    ],
)
def test_a_loose_mode_is_reported_with_the_chmod_that_fixes_it(
    file: Path, look: object, mode: int, says: str, remedy: str
) -> None:
    file.chmod(mode)
    with pytest.raises(Unfit, match=says) as error:
        look(file)  # type: ignore[operator]
    assert error.value.remedy == f"{remedy}{file}"
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640])
def test_a_private_mode_is_accepted(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert read_private(file) == b"s3cret\n"


@pytest.mark.parametrize(("mode", "fits"), [(0o777, False), (0o770, False), (0o1777, True), (0o755, True)])
def test_the_folder_must_not_let_others_replace_the_file(file: Path, mode: int, fits: bool) -> None:
    file.parent.chmod(mode)
    if fits:
        read_private(file)
    else:
        with pytest.raises(Unfit, match="others could replace upstream") as error:
            read_private(file)
        assert error.value.remedy == f"chmod go-w {file.parent}"


def test_a_link_is_checked_at_its_own_place_and_at_its_target(file: Path) -> None:
    loose = file.parent / "loose"
    loose.mkdir()
    target = file.rename(loose / "target")
    file.symlink_to(target)
    read_private(file)
    for folder, mended in ((loose, 0o700), (file.parent, 0o700)):
        folder.chmod(0o777)
        with pytest.raises(Unfit, match=f"{folder} has mode 0777: others could replace"):
            read_private(file)
        folder.chmod(mended)
    read_private(file)


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"s3cret", b"s3cret"),
        (b"s3cret\n", b"s3cret"),
        (b"s3cret\r\n", b"s3cret"),
        (b" s3cret \n", b" s3cret "),
        (b"s\xc3\xbc\n", b"s\xc3\xbc"),
    ],
)
def test_one_newline_at_the_end_is_not_part_of_a_secret(file: Path, content: bytes, secret: bytes) -> None:
    file.write_bytes(content)
    assert read_secret(file) == secret


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\r\n", "is empty"), (b"hunter2\n\n", "more than one line"),
     (b"hunter2\nx", "more than one line"), (b"hunter2\0", "control characters")],
)  # fmt: skip
def test_content_that_is_not_one_secret_is_refused_and_not_shown(
    file: Path, content: bytes, says: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(Unfit, match=says) as error:
        read_secret(file)
    assert "hunter2" not in f"{error.value} {error.value.remedy}"


def test_a_file_is_missing_only_if_its_folder_can_be_searched(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    (tmp_path / "link").symlink_to("nowhere")
    assert is_missing(tmp_path / "gone")
    assert is_missing(tmp_path / "gone" / "further")
    assert not is_missing(tmp_path / "there")
    assert not is_missing(tmp_path / "link")
    assert not is_missing(tmp_path / "there" / "below")
