import argparse
import errno
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from amiproxy import cli
from amiproxy.cli import main
from amiproxy.cli.run import CONFIGURATION
from tests.support.unprivileged import unprivileged

_LOADED = """\
import contextlib, sys
from amiproxy.cli import main
from amiproxy.cli.run import CONFIGURATION
with contextlib.suppress(SystemExit):
    main([*sys.argv[1:], "--help"])
print("loaded:", *(name for name in sys.modules if name.startswith("amiproxy.")))
"""


def loaded(*arguments: str) -> set[str]:
    """The modules of ours that are loaded to run this command."""
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, *arguments], text=True, capture_output=True, check=True
    )
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_the_service_loads_no_other_command_and_no_tools() -> None:
    modules = loaded("run")
    assert "amiproxy.service.app" in modules
    assert [name for name in modules if name.startswith("amiproxy.tools")] == []
    own = {"amiproxy.cli.run", "amiproxy.cli.configured"}
    assert {name for name in modules if name.startswith("amiproxy.cli.")} == own


def test_the_help_lists_all_commands_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.partition("COMMAND\n")[2].splitlines()
    assert [line.split()[0] for line in lines if line.startswith("    ") and line[4] != " "] == [
        *("setup", "run", "check", "doctor", "users", "explain", "learn", "certs", "fleet", "ctl"),
        *("shell", "connect", "demo", "import", "simulate"),
    ]


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in dict.fromkeys(action.choices.values()):
                yield from _parsers(verb)


@pytest.mark.parametrize("width", [80, 60])
def test_no_help_text_breaks_words_on_a_narrow_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    parsers = list(_parsers(cli.parser_for()))
    assert len(parsers) > 20
    for parser in parsers:
        text = parser.format_help()
        words = set(text.split())
        # Python's own lines of usage do not break before an option's value.
        lines = text.partition("\n\n")[2].splitlines()
        too_long = [line for line in lines if len(line) > width and " " in line.strip()]
        assert too_long == []
        for given in (parser.description, parser.epilog):
            assert not set((given or "").split()) - words


def _commands(text: str) -> list[list[str]]:
    lines = text.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.startswith("  ") and "ami-proxy " in line]


def test_examples_stay_commands_at_any_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    given, shown = [], []
    for parser in _parsers(cli.parser_for()):
        given += _commands(parser.epilog or "")
        shown += _commands(parser.format_help().rpartition("\nexample")[2])
    assert len(given) > 30
    assert [command for command in given if command not in shown] == []


#: A name that no file can have: every call of the system on it fails, also those that ask whether it exists.
_IMPOSSIBLE = "x" * 300


@pytest.mark.parametrize(
    "words",
    [
        "run --config FILE",
        "check --config FILE",
        "doctor --config FILE",
        "users add wallboard --generate --users FILE",
        "users add wallboard --generate --config FILE",
        "users show wallboard --users FILE",
        "explain --users FILE",
        "explain --users GOOD FILE",
        "explain --users GOOD --replay FILE",
        "learn --config GOOD --from FILE",
        "learn --config FILE --for 1s",
        "certs init FILE",
        "certs init FILE/ca",
        "certs issue --ca FILE --out . a.example",
        "certs issue --ca CA --out FILE a.example",
        "certs issue --ca CA --file-name b --csr FILE",
        "certs issue --ca CA --out FILE --csr GOOD",
        "certs renew --ca CA FILE FILE",
        "certs csr --out FILE a.example",
        "certs revoke --ca CA FILE",
        "certs revoke --ca CA --crl FILE",
        "certs inspect FILE",
        "certs check --chain FILE --key FILE",
        "certs check --config FILE",
        "certs check --chain GOOD --key GOOD --served FILE",
        "ctl status --config FILE",
        "ctl status --socket FILE",
        "connect --to localhost:5039 --ca FILE",
        "connect --to localhost:5039 --cert FILE",
        "demo --folder FILE",
        "demo --folder FILE/demo",
        "import manager.conf FILE",
        "import manager.conf CONF --out FILE",
        "simulate --secret-file FILE",
        "simulate --replay FILE",
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_error(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["certs", "init", str(tmp_path / "CA")]) == 0
    (tmp_path / "GOOD").write_text("users: {}\n")
    (tmp_path / "CONF").write_text("[general]\n")
    (tmp_path / "GOOD").chmod(0o600)
    capsys.readouterr()
    impossible = str(tmp_path / _IMPOSSIBLE)
    paths = {"FILE": impossible, **{name: str(tmp_path / name) for name in ("CA", "GOOD", "CONF")}}
    given = [re.sub("FILE|CA|GOOD|CONF", lambda found: paths[found[0]], word) for word in words.split()]
    assert main(given) in (1, 2, 3, CONFIGURATION)
    out, err = capsys.readouterr()
    # The doctor prints its findings, and the importer its report, on standard output.
    said = [line for line in (out + err).splitlines() if impossible in line]
    assert said
    assert "[Errno" not in out + err


@pytest.mark.parametrize(
    ("number", "name", "said"),
    [
        (errno.ENOENT, "a/b", "a/b: No such file or directory; create it or its folder, or correct the path"),
        (errno.EACCES, b"a/b", "a/b: Permission denied; run this as a user who may use it"),
        (errno.EIO, Path("a/b"), "a/b: Input/output error; correct the path, or fix what the system reports"),
    ],
)
def test_an_error_of_a_file_has_its_path_and_a_remedy(
    number: int,
    name: object,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: object) -> None:
        raise OSError(number, os.strerror(number), name)

    monkeypatch.setattr("amiproxy.tools.users.store.write_atomically", lambda file, *_, **__: fail(file))
    assert main(["users", "add", "wallboard", "--generate", "--users", "/tmp/none.yaml"]) == 1
    assert capsys.readouterr().err == f"ami-proxy: {said}\n"


def test_an_error_of_no_file_is_a_fault_and_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    monkeypatch.setattr("amiproxy.tools.users.store.write_atomically", fail)
    with pytest.raises(OSError, match="Bad file descriptor"):
        main(["users", "add", "wallboard", "--generate", "--users", "/tmp/none.yaml"])


def test_a_folder_that_may_not_be_entered_is_one_clear_error(capsys: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, unprivileged():
        file = Path(folder) / "closed/users.yaml"
        if os.geteuid() == os.getuid():  # pytest does not run as root: the folder is our own
            file.parent.mkdir(mode=0)
        status = main(["users", "add", "wallboard", "--generate", "--users", str(file)])
    assert status == 1
    assert capsys.readouterr().err == (
        f"ami-proxy: {file}: Permission denied; run this as a user who may use it\n"
    )


def test_an_argument_that_is_not_utf_8_is_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    users = tmp_path / "users.yaml"
    users.write_text("users:\n  me: {md5_secret: 0123456789abcdef0123456789abcdef}\n")
    users.chmod(0o600)
    tmp_path.chmod(0o700)
    assert main(["users", "allow", "me", "--read", "\udcff", "--users", str(users)]) == 2
    assert "'\\udcff'" in capsys.readouterr().err
