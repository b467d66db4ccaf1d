"""``ami-proxy doctor``: checks the host before problems become outages."""

import argparse
import json
from collections.abc import Iterator
from typing import Final

from rich.text import Text

from amiproxy.cli.configured import add_config_option
from amiproxy.tools import terminal
from amiproxy.tools.doctor import DoctorFinding, examine

_EXAMPLE = """\
examples:
  ami-proxy doctor
  ami-proxy doctor --config proxy.yaml

Checks the configuration, certificates, file modes, Asterisk (by logging in as the
link does), the nats-servers of a fleet (by trying what they let this process do, with
empty messages), file descriptors, kernel, clock, Python, TLS library and the systemd unit.
Nothing is changed.  Checks that cannot be made are marked with a ?, followed by how
to make them.
Exit status 0 if all is well, 1 with warnings or a ?, 2 if a check fails."""

_STYLES: Final = {"ok": "green", "warn": "yellow", "unknown": "cyan", "fail": "bold red"}
#: The column in which texts begin: after the mark and the subject.
_TEXT: Final = 20
_STATUS: Final = {"ok": 0, "warn": 1, "unknown": 1, "fail": 2}
#: The marks that differ from the name of the level.
_MARKS: Final = {"unknown": "?"}


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        help="check the host for problems",
        description="Check everything around the service, and say how to fix each problem.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object per finding, one per line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print each finding as soon as it is made; return the exit status, which the worst finding decides.

    0 if all is well, 1 for a warning or something that could not be checked, 2 for a failure.
    """
    worst = 0
    for finding in examine(arguments.config):
        worst = max(worst, _STATUS[finding.level])
        if arguments.json:
            print(json.dumps(finding._asdict()), flush=True)
        else:
            terminal.show(*_lines(finding))
    return worst


def _lines(finding: DoctorFinding) -> Iterator[terminal.Paragraph]:
    mark = Text(f"{_MARKS.get(finding.level, finding.level):<4}  ", style=_STYLES[finding.level])
    mark.append(f"{terminal.printable(finding.subject):<13} ", style="none")
    yield terminal.Paragraph(_plain(finding.text), _TEXT, mark)
    if finding.remedy:
        yield terminal.Paragraph(Text(_plain(finding.remedy), style="italic"), _TEXT, Text(" " * _TEXT))


def _plain(text: str) -> str:
    return "\n".join(map(terminal.printable, text.split("\n")))
