"""The table of AGI commands: how a verb is found in it."""

from proxy.ami.agicommands import COMMANDS, Argument, find


def test_the_longest_verb_is_found() -> None:
    assert find([b"get", b"full", b"variable", b"x"]) == (b"get", b"full", b"variable")
    assert find([b"exec", b"noop"]) == (b"exec",)
    assert find([b"get", b"nothing"]) is None
    assert find([b"answer"]) == (b"answer",)


def test_what_reaches_the_database_or_any_file_is_closed() -> None:
    closed = {b" ".join(verb) for verb, arguments in COMMANDS.items() if arguments is None}
    assert closed == {
        b"database del",
        b"database deltree",
        b"database get",
        b"database put",
        b"speech load grammar",
    }
    assert Argument.WRITTEN in (COMMANDS[(b"set", b"variable")] or ())
