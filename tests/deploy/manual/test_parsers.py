"""What a parser says is sorted by what it is."""

import argparse

import pytest

from deploy.manual.parsers import Epilog, command_of, epilog_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Epilog((), "", "")),
        ("Example: tool run", Epilog(("tool run",), "", "")),
        (
            "The exit status is 3 if it fails.  Example: tool run",
            Epilog(("tool run",), "The exit status is 3 if it fails.", ""),
        ),
        (
            "examples:\n  tool a\n  tool b \\\n      --more\n\nEach is a line.  Exit status 0 or 1.",
            Epilog(("tool a", "tool b \\", "    --more"), "Exit status 0 or 1.", "Each is a line."),
        ),
        (
            "keys:\n  q   quit\n  s   sort\n\nexample:\n  tool top",
            Epilog(("tool top",), "", "keys:\n  q   quit\n  s   sort"),
        ),
    ],
)
def test_an_epilog_has_examples_an_exit_status_and_notes(text: str, expected: Epilog) -> None:
    assert epilog_of(text) == expected


def test_a_command_has_its_verbs_and_what_the_help_text_shows() -> None:
    parser = argparse.ArgumentParser(prog="tool")
    verbs = parser.add_subparsers()
    verb = verbs.add_parser("make", help="make it", aliases=["build"])
    verb.add_argument("name", metavar="NAME", help="what to call it")
    verb.add_argument("-s", "--size", type=int, default=5, help="bytes (default: %(default)s)")
    verb.add_argument("--secret", help=argparse.SUPPRESS)
    command = command_of(parser, ("tool",))
    [made] = command.verbs
    assert (made.name, made.summary) == (("tool", "make"), "make it")
    assert made.usage == ("tool make [-h] [-s SIZE] NAME",)
    shown = [(option.forms, option.text) for group in made.groups for option in group.options]
    assert shown == [
        (("NAME",), "what to call it"),
        (("-h", "--help"), "show this help message and exit"),
        (("-s SIZE", "--size SIZE"), "bytes (default: 5)"),
    ]
