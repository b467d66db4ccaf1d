"""The history file: what it may hold, and its mode."""

import stat
from pathlib import Path

import pytest

from amiproxy.tools.shell import history
from amiproxy.tools.shell.completion.vocabulary import Vocabulary
from amiproxy.tools.shell.history import may_be_stored, prepare


@pytest.mark.parametrize(
    "line",
    [
        "Ping",
        "Originate Channel=PJSIP/alice Context=default Exten=100 Priority=1 Variable=a=1",
        "Command core show channels",
        r"\watch 5 CoreShowChannels",
        r"\filter Channel=PJSIP/*",
        "Action: Ping\nActionID: 1",
        "Hangup Channel=PJSIP/alice-1\nPing",
    ],
)
def test_harmless_lines_are_stored(line: str) -> None:
    assert may_be_stored(line, Vocabulary())


@pytest.mark.parametrize(
    "line",
    [
        "Login Username=desk Secret=hunter2",
        "login desk",
        "Action: Login\nUsername: desk\nSecret: hunter2",
        "Ping\nAction: Login\nSecret: hunter2",
        "Challenge AuthType=MD5",
        "DBPut Family=a Key=b Val=hunter2",
        "Originate Channel=a Variable=PASSWORD=hunter2",
        "Setvar Variable=SECRET_PIN Value=hunter2",
        "Command database put auth 100 hunter2",
        r"\watch 5 Login Username=desk Secret=hunter2",
        "OfAnotherModule Password=hunter2",
        "hunter2!",
        "hunter2",
        "Originate 'hunter2",
        "",
        " \n",
    ],
)
def test_what_may_be_secret_is_not_stored(line: str) -> None:
    assert not may_be_stored(line, Vocabulary())


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "state/ami-proxy/shell_history"
    prepare(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.chmod(0o644)
    prepare(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_link_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "shell_history"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="shell_history"):
        prepare(path)


def test_a_large_file_loses_its_older_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "LARGEST", 200)
    path = tmp_path / "shell_history"
    path.write_text("".join(f"\n# time\n+Line{number}\n" for number in range(20)))
    prepare(path)
    kept = path.read_text()
    assert len(kept) < 250
    assert kept.startswith("\n# time\n+Line")
    assert kept.endswith("+Line19\n")
