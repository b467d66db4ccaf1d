"""The ``ami-proxy`` command: parses the arguments, calls the code, prints the result.

There is one module or package per subcommand.  Each has ``register(commands)``, which adds its
parser and sets ``run`` on it: a function from the parsed arguments to the exit status.
"""

import argparse
import errno
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from importlib import import_module
from itertools import groupby

from amiproxy import __version__

#: Each command and its module, in the order of the help text.
_COMMANDS = {
    "setup": "setup",
    "run": "run",
    "check": "check",
    "doctor": "doctor",
    "users": "users",
    "explain": "explain",
    "learn": "learn",
    "certs": "certs",
    "fleet": "fleet",
    "ctl": "ctl",
    "shell": "shell",
    "connect": "connect",
    "demo": "demo",
    "import": "import_",
    "simulate": "simulate",
}


#: What to do about an error of a file; for all others the same (see ``file_error``).
#: What a write to a full disk gives.
_FULL = (errno.ENOSPC, errno.EDQUOT)
_REMEDIES = {
    errno.ENOENT: "create it or its folder, or correct the path",
    errno.EACCES: "run this as a user who may use it",
    errno.EPERM: "run this as a user who may use it",
}


#: A word of a shell's line, of which quotes may be a part.
_SHELL_WORD = re.compile(r"""(?:'[^']*'|"[^"]*"|[^\s])+""")


class _Help(argparse.RawDescriptionHelpFormatter):
    """Breaks the lines of help texts between words only, at the width of the terminal.

    In descriptions and epilogs, lines that begin with a blank are examples: each begins on a line of its own,
    and a command that is too long for one goes on after a backslash.  All other lines are paragraphs.
    """

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrapped(" ".join(text.split()), width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines: list[str] = []
        whole = re.sub(r" \\\n +", " ", text)
        for is_example, group in groupby(whole.splitlines(), lambda line: line[:1] in {"", " "}):
            if is_example:
                for line in group:
                    lines += wrapped_example(line, width - len(indent)) if line else [""]
            else:
                lines += _wrapped(" ".join(group), width - len(indent))
        return "".join(f"{indent}{line}\n" for line in lines)


class _Parser(argparse.ArgumentParser):
    """A parser with our help format; those of its subcommands are of this class, too."""

    def _get_formatter(self) -> argparse.HelpFormatter:
        return _Help(self.prog)


def _wrapped(text: str, width: int, later: str = "") -> list[str]:
    return textwrap.wrap(
        text, width, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    ) or [""]


def wrapped_example(line: str, width: int) -> list[str]:
    """A line of an example, as lines that can still be pasted into a shell."""
    if len(line) <= width:
        return [line]
    lead = line[: len(line) - len(line.lstrip())]
    if "ami-proxy " not in line:
        return [lead + part for part in _wrapped(line.strip(), width - len(lead))]
    lines = [lead]
    for word in _SHELL_WORD.findall(line):
        # A line that is not the last needs room for the backslash.
        if lines[-1].strip() and len(f"{lines[-1]} {word}") > width - 2:
            lines.append(f"{lead}  {word}")
        else:
            lines[-1] += f" {word}" if lines[-1].strip() else word
    return [*(f"{part} \\" for part in lines[:-1]), lines[-1]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0 means success, 1 that the command was refused or found an error, 2 wrong usage, 130 Ctrl-C.  ``argv`` is
    without the program's name; the default is that of the process.  An OSError that names a file is printed
    as one line.  Raises SystemExit for ``--help`` and arguments that cannot be parsed.
    """
    given = sys.argv[1:] if argv is None else argv
    arguments = parser_for(given).parse_args(given)
    try:
        status: int = arguments.run(arguments)
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            print(file=sys.stderr)  # the shell's prompt goes below a question of ours
        return 130
    except BrokenPipeError:
        # The reader of our output (head, less) has exited: end without a traceback.
        sys.stderr.close()
        return 1
    except UnicodeEncodeError:
        wrong = next((one for one in given if not _is_text(one)), None)
        if wrong is None:
            raise
        print(f"ami-proxy: the argument {wrong!a} is not UTF-8; write it in UTF-8", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is None and error.errno in _FULL:
            print(f"ami-proxy: the output cannot be written: {error.strerror}", file=sys.stderr)
            return 1
        if error.filename is None:
            raise  # not the operator's file: the traceback is needed to find the cause
        print(f"ami-proxy: {file_error(error)}", file=sys.stderr)
        return 1
    return status


def _is_text(argument: str) -> bool:
    """Whether an argument was UTF-8; Python hands on other bytes as characters that cannot be written."""
    return not any("\ud800" <= character <= "\udfff" for character in argument)


def parser_for(given: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of the command that these arguments begin with; of all commands if they begin with none."""
    made = _Parser(prog="ami-proxy", description="A TLS edge for the Asterisk Manager Interface.")
    made.add_argument("--version", action="version", version=f"ami-proxy {__version__}")
    commands = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in _modules(given):
        import_module(f"amiproxy.cli.{module}").register(commands)
    return made


def file_error(error: OSError) -> str:
    """An error of one of the operator's files as one line: its path, what is wrong, what to do."""
    said = error.strerror or str(error)
    if error.filename is None:
        return said
    remedy = _REMEDIES.get(error.errno or 0, "correct the path, or fix what the system reports")
    return f"{os.fsdecode(error.filename)}: {said}; {remedy}"


def _modules(given: Sequence[str]) -> Iterable[str]:
    """The module of the given command, so that the service does not load what only others need; else all."""
    command = given[0] if given else ""
    return [_COMMANDS[command]] if command in _COMMANDS else _COMMANDS.values()
