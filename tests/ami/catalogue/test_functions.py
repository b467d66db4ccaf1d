"""Dialplan functions: the table says for each which users may use it, and how."""

from amiproxy.ami.arguments import Kind
from amiproxy.ami.catalogue.functions import FUNCTIONS, OpenTo, Tells, open_to


def test_every_function_can_be_read_or_written() -> None:
    assert len(FUNCTIONS) == 226
    assert all(function.reads or function.writes for function in FUNCTIONS.values())


def test_forms_have_arguments_of_a_kind_or_of_listed_words() -> None:
    header = FUNCTIONS[b"PJSIP_HEADER"].writes[0]
    assert header.who is OpenTo.ALL
    assert header.arguments == (frozenset({b"add", b"update", b"remove"}), Kind.WORD, Kind.INTEGER)
    assert (header.value, header.repeats) == (Kind.TEXT, False)
    assert FUNCTIONS[b"CUT"].reads[0].arguments == (Kind.VARIABLE_NAME, Kind.TEXT)
    assert FUNCTIONS[b"CUT"].reads[0].repeats
    assert FUNCTIONS[b"CHANNELS"].reads[0].arguments == ()
    assert [form.value for form in FUNCTIONS[b"CHANNEL"].writes] == [Kind.ACCOUNT, Kind.TEXT, Kind.PLAIN_NAME]


def test_functions_that_reveal_secrets_are_closed_and_those_that_run_code_restricted() -> None:
    assert {"AST_CONFIG", "AST_SORCERY", "CURL", "ENV", "REALTIME"} <= set(
        open_to(OpenTo.CLOSED, written=False)
    )
    assert {"SHELL", "EVAL", "DB", "FILE", "REGEX", "INC"} <= set(open_to(OpenTo.SYSTEM, written=False))
    assert {"ARRAY", "EXPORT", "GLOBAL", "SHARED"} <= set(open_to(OpenTo.SYSTEM, written=True))


def test_functions_are_marked_by_what_they_reveal_and_undo() -> None:
    assert FUNCTIONS[b"CHANNELS"].tells is Tells.ALL
    assert FUNCTIONS[b"DEVICE_STATE"].tells is Tells.DEVICE
    assert FUNCTIONS[b"CALLERID"].tells is Tells.OWN
    assert FUNCTIONS[b"CHANNEL"].undoes == {b"account", b"codecs"}
