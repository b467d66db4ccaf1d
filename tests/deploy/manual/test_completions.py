"""Each shell completes commands, verbs, options, files and users, as it does when Tab is pressed."""

import contextlib
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.manual.completions import PLACES
from tests.support.requirements import give_up

_SECONDS = 30.0


def need(shell: str) -> str:
    program = shutil.which(shell)
    if program is None:
        give_up("SHELLS", f"Debian's package {shell} is not installed")
    return program


class Terminal:
    """A shell in a terminal of its own; what it prints is read until a condition is met."""

    def __init__(self, *command: str, home: Path) -> None:
        self._pid, self._master = pty.fork()
        if not self._pid:
            environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", "LC_ALL": "C.UTF-8"}
            os.execve(command[0], command, environment)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def wait_for(self, pattern: str) -> str:
        """What was printed since the last call, once it has the pattern."""
        deadline = time.monotonic() + _SECONDS
        while not re.search(pattern, self.shown):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.shown!r}"
            if select.select([self._master], [], [], 0.1)[0]:
                self.shown += os.read(self._master, 4096).decode(errors="replace")
        shown, self.shown = self.shown, ""
        return shown

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._master)


@pytest.fixture
def terminal(request: pytest.FixtureRequest, written: Path, tmp_path: Path) -> Iterator[Terminal]:
    """The shell of the parameter, with the completions loaded."""
    shell = str(request.param)
    file = written / PLACES[shell]
    if shell == "bash":
        started = Terminal(need("bash"), "--norc", "--noprofile", "-i", home=tmp_path)
        started.type(f"source {file}; bind 'set enable-bracketed-paste off'; PS1='rea''dy> '\n")
    else:
        started = Terminal(need("zsh"), "-f", "-i", home=tmp_path)
        started.type(f"fpath=({file.parent} $fpath); autoload -U compinit; compinit -D -u; PS1='rea''dy> '\n")
    try:
        started.wait_for("ready> ")
        yield started
    finally:
        started.end()


@pytest.mark.parametrize("terminal", ["bash", "zsh"], indirect=True)
def test_tab_completes_commands_verbs_options_and_files(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "here.yaml").touch()
    terminal.type(f"cd {tmp_path}\n")
    terminal.wait_for("ready> ")
    for typed, completed in (
        ("ami-proxy us\t", "users "),
        ("sh\t", "show "),
        ("--con\t", "--config "),
        ("her\t", r"here\.yaml"),
    ):
        terminal.type(typed)
        terminal.wait_for(completed)


def candidates(shell: str, file: Path, line: str) -> set[str]:
    """What the shell offers for the line's last word, without a terminal."""
    if shell == "fish":
        script = f"source {file}; complete -C '{line}'"
        done = subprocess.run([need("fish"), "-c", script], check=True, capture_output=True, text=True)
        return {one.partition("\t")[0] for one in done.stdout.splitlines()}
    script = f"""
    source {file}
    compopt() {{ :; }}
    COMP_WORDS=({line}); [[ "{line}" != *" " ]] || COMP_WORDS+=("")
    COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )) COMP_LINE="{line}" COMP_POINT={len(line)} COMPREPLY=()
    _shtab_ami_proxy ami-proxy "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run([need("bash"), "-c", script], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_all_that_fits_is_offered(shell: str, written: Path, tmp_path: Path) -> None:
    file = written / PLACES[shell]
    assert {"run", "users", "ctl", "certs"} <= candidates(shell, file, "ami-proxy ")
    assert {"hash", "add", "show"} <= candidates(shell, file, "ami-proxy users ")
    assert {"--read", "--write", "--config"} <= candidates(shell, file, "ami-proxy users add --")
    assert candidates(shell, file, "ami-proxy ctl log-level ") == {"debug", "info", "warning", "error"}
    (tmp_path / "proxy.yaml").touch()
    offered = candidates(shell, file, f"ami-proxy check --config {tmp_path}/pro")
    assert offered == {f"{tmp_path}/proxy.yaml"}


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_users_of_the_configuration_are_offered_as_users(shell: str, written: Path, tmp_path: Path) -> None:
    text = (written / PLACES[shell]).read_text()
    assert "/etc/ami-proxy" in text
    configured = tmp_path / "etc"
    (configured / "users.d").mkdir(parents=True)
    (configured / "users.yaml").write_text("users:\n  wallboard:\n    secret: x\n  # not this\n")
    (configured / "users.d/more.yaml").write_text("users:\n  dialer.1:\n    read: [call]\n")
    (configured / "users.d/old.yaml~").write_text("users:\n  old:\n    read: [call]\n")
    file = tmp_path / "script"
    file.write_text(text.replace("/etc/ami-proxy", str(configured)))
    for line in ("ami-proxy ctl trace ", "ami-proxy users show ", "ami-proxy explain --user "):
        assert candidates(shell, file, line) == {"wallboard", "dialer.1"}


def test_every_command_and_verb_has_its_script(written: Path) -> None:
    from amiproxy.cli import parser_for
    from deploy.manual.parsers import command_of

    root = command_of(parser_for())
    scripts = {shell: (written / place).read_text() for shell, place in PLACES.items()}
    for command in root.walk():
        for option in (option for group in command.groups for option in group.options):
            for form in option.action.option_strings:
                for shell, text in scripts.items():
                    wanted = form.lstrip("-") if shell == "fish" else form
                    assert wanted in text, (command.name, form, shell)
