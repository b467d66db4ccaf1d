"""The table of CLI commands: how it is searched, and that no alias is circular."""

import pytest

from amiproxy.ami.catalogue.clicommands import ALIASES, COMMANDS, as_markdown, find, find_alias, is_stem
from amiproxy.ami.privilege import ALL, CALL, NONE, REPORTING, SYSTEM


@pytest.mark.parametrize(
    ("command", "classes"),
    [
        (b"core show version", ALL),
        (b"core show channels verbose", ALL),
        (b"core stop now", NONE),
        (b"database del a b", SYSTEM),
        (b"database show a", SYSTEM | REPORTING),
        (b"channel request hangup x", SYSTEM | CALL),
        (b"manager show connected", ALL),
        (b"manager kick session 1", NONE),
        (b"pri set debug 2 span 1", ALL),
        (b"pri set debug file x", SYSTEM),
    ],
)
def test_the_longest_entry_decides(command: bytes, classes: int) -> None:
    known = find(command.split())
    assert known is not None
    assert COMMANDS[known] == classes


@pytest.mark.parametrize(
    "command", [b"core", b"core show", b"core showdown", b"none-such", b"pjsip x y z w v"]
)
def test_a_command_without_entry_is_unknown(command: bytes) -> None:
    assert find(command.split()) is None


def test_a_prefix_of_several_commands_is_a_stem_and_a_command_is_not() -> None:
    assert is_stem([b"core"])
    assert is_stem([b"core", b"show"])
    assert not is_stem([b"core", b"show", b"version"])
    assert not is_stem([b"none-such"])


@pytest.mark.parametrize("alias", ALIASES, ids=lambda alias: b" ".join(alias).decode())
def test_an_alias_leads_to_a_known_command_without_a_circle(alias: tuple[bytes, ...]) -> None:
    said, steps = list(alias), 0
    while (found := find_alias(said)) is not None:
        said = [*ALIASES[found].split(), *said[len(found) :]]
        steps += 1
        assert steps < 3
    assert find(said) is not None


def test_no_command_is_listed_twice() -> None:
    assert all(word == word.lower() for words in COMMANDS for word in words)
    rows = [row.split(" | ") for row in as_markdown().splitlines()[2:]]
    written = [command for row in rows for command in row[1].removesuffix(" |").split(", ")]
    assert len(written) == len(set(written)) == len(COMMANDS)


def test_the_table_is_rendered_as_markdown() -> None:
    text = as_markdown()
    assert "| refused to all users | `!`, `console`" in text
    assert "`pjsip show auths`" in next(line for line in text.splitlines() if line.startswith("| system |"))
