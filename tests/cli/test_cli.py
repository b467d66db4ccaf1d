import subprocess
import sys

import pytest

from amiproxy.cli import main

_LOADED = """\
import contextlib, sys
from amiproxy.cli import main
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
    assert {name for name in modules if name.startswith("amiproxy.cli.")} == {"amiproxy.cli.run"}


def test_the_help_lists_all_commands_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.partition("COMMAND\n")[2].splitlines()
    assert [line.split()[0] for line in lines if line.startswith("    ") and line[4] != " "] == [
        *("run", "check", "doctor", "users", "explain", "learn", "certs", "ctl"),
        *("connect", "demo", "import", "simulate"),
    ]
