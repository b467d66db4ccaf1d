from pathlib import Path

import pytest

from amiproxy.config.fleet.files import MOST_TOKEN_KEYS, read_seed, read_token_keys
from amiproxy.config.fleet.nkeys import seed_of
from amiproxy.core.model.errors import Unfit

SEED = seed_of(bytes(range(32)))
FIRST, SECOND = "0" * 32, "0123456789abcdefABCDEF0123456789"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    return path


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_seed_is_read(file: Path, end: bytes) -> None:
    file.write_bytes(SEED + end)
    assert read_seed(file) == SEED


def test_keys_of_positions_are_read_in_their_order(file: Path) -> None:
    file.write_text(f"{SECOND}\n{FIRST}\r\n")
    assert read_token_keys(file) == (bytes.fromhex(SECOND), bytes(16))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"{FIRST}\n\n{SECOND}\n",
        f"{FIRST}\n{SECOND}0\n",
        f"{FIRST} {SECOND}\n",
        f"{FIRST}\n{FIRST}\n",
        "".join(f"{number:032x}\n" for number in range(MOST_TOKEN_KEYS + 1)),
        "ä" * 32,
    ],
)
def test_other_contents_are_no_keys_of_positions(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(Unfit) as error:
        read_token_keys(file)
    assert SECOND not in str(error.value)


@pytest.mark.parametrize("text", ["", "hunter2", f"{SEED.decode()}\n{SEED.decode()}\n"])
def test_other_contents_are_no_seed(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(Unfit) as error:
        read_seed(file)
    assert SEED.decode() not in str(error.value)
    assert "hunter2" not in str(error.value)


def test_files_that_others_can_read_are_refused(file: Path) -> None:
    file.chmod(0o644)
    for content, read in ((SEED.decode(), read_seed), (FIRST, read_token_keys)):
        file.write_text(content)
        with pytest.raises(Unfit, match="0644"):
            read(file)
