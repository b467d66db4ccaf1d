"""Both displays, on a console that writes to memory."""

import io

import pytest
from rich.console import Console

from amiproxy.tools.demo.accounts import desk, wallboard
from amiproxy.tools.demo.display.ledger import Kind, Ledger
from amiproxy.tools.demo.display.screen import MovingScreen, PlainScreen, users, verdict
from amiproxy.tools.demo.evidence import Promise

ACCOUNTS = (wallboard(), desk())


def console(width=80, height=24, *, terminal=False):
    return Console(file=io.StringIO(), width=width, height=height, force_terminal=terminal, color_system=None)


def filled(rows=3):
    ledger = Ledger(2)
    for number in range(rows):
        ledger.saw(0, number, f"Event{number} [bold]", 0.0, "12:00:00")
    return ledger


def test_in_a_pipe_every_row_is_printed_once_without_escape_sequences():
    ledger, pipe = filled(), console()
    with PlainScreen(pipe, ACCOUNTS, ledger) as screen:
        screen.refresh(0.1)  # not final yet
        assert "Event0" not in pipe.file.getvalue()
        screen.refresh(1.0)
        screen.refresh(2.0)
        ledger.did(1, "-> Ping", Kind.ACTION, 2.0, "12:00:01")
        screen.say("a [bold] line " + "x" * 200)
    text = pipe.file.getvalue()
    assert [text.count(f"Event{number} [bold]") for number in range(3)] == [1, 1, 1]
    assert "12:00:01" in text
    assert text.rstrip().endswith("-> Ping")  # the remaining rows are printed at the end
    assert "a [bold] line " + "x" * 200 + "\n" in text  # lines to paste are not wrapped
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [60, 80, 140])
def test_no_line_is_wider_than_the_terminal(width):
    ledger, pipe = Ledger(2), console(width)
    for user in (0, 1):
        ledger.saw(user, "same", "E" * 300, 0.0, "12:00:00")
    with PlainScreen(pipe, ACCOUNTS, ledger):
        pass
    lines = pipe.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert lines[-1].count("…") == 2


@pytest.mark.parametrize(("height", "lines_of_text", "rows"), [(24, 0, 15), (24, 18, 5), (50, 0, 24)])
def test_the_live_part_fits_below_the_text(height, lines_of_text, rows):
    terminal = console(height=height, terminal=True)
    ledger = filled(60)
    with MovingScreen(terminal, ACCOUNTS, ledger) as screen:
        if lines_of_text:
            screen.say(*["text"] * lines_of_text)
        terminal.file.truncate(0)
        screen.refresh(1.0)
        picture = terminal.file.getvalue()
    assert picture.count("Event") == rows
    assert "Event59" in picture


def test_text_and_live_part_fit_a_small_terminal_as_soon_as_the_text_is_shown():
    terminal = console(terminal=True)
    with MovingScreen(terminal, ACCOUNTS, filled(60)) as screen:
        screen.refresh(1.0)
        terminal.file.truncate(0)
        screen.say("the last line")
        _, _, below = terminal.file.getvalue().rpartition("the last line")
    # What was drawn below the text with more rows would leave empty lines there, and push the text out.
    assert below.count("Event") == 5


def test_the_verdict_marks_promises_that_were_not_kept():
    pipe = console()
    pipe.print(verdict([Promise("one", True, "3 events"), Promise("two", False)]))
    lines = pipe.file.getvalue().splitlines()
    assert lines[0].split() == ["ok", "one", "3", "events"]
    assert lines[1].split() == ["NO", "two"]


def test_the_users_are_shown_with_secrets_and_rights():
    pipe = console()
    pipe.print(users(ACCOUNTS))
    lines = pipe.file.getvalue().splitlines()
    assert lines[1].split() == ["wallboard", ACCOUNTS[0].secret, "call,agent", "nothing"]
    assert lines[2].split() == ["desk", ACCOUNTS[1].secret, "call,dtmf,user", "call,originate,user"]


@pytest.mark.parametrize("width", [60, 80])
def test_no_word_is_broken_on_a_narrow_terminal(width):
    terminal = console(width, terminal=True)
    promise = Promise(
        "desk: Originate is allowed, and everybody who may see it sees it", True, "Permission denied"
    )
    text = "then enter this, with an empty line at the end (next, try Action: ListCommands), and wait"
    with PlainScreen(terminal, ACCOUNTS, filled()) as screen:
        screen.say(text, verdict([promise]), users(ACCOUNTS))
    lines = terminal.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    shown = " ".join(lines).split()
    words = [*text.split(), *promise.text.split(), *(account.secret for account in ACCOUNTS)]
    assert [word for word in words if word not in shown] == []
