"""The application with keys from a pipe, on a terminal in memory, against prepared answers."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from amiproxy.cli.ctl.top import fullscreen
from amiproxy.cli.ctl.top.fullscreen import FullScreen
from amiproxy.cli.ctl.top.state import Mode
from tests.cli.ctl.answering import DETAIL, STATUS, Answering, reply
from tests.cli.ctl.top.looks import session
from tests.support.waiting import DEADLINE, until

SESSIONS = [session(number, f"user-{number:02}", age=1.0, bytes_out=100 * number) for number in range(40)]


class Terminal:
    """A terminal of 80 x 24 and the application on it."""

    def __init__(self, answering: Answering, keys: PipeInput, interval: float) -> None:
        self.answering = answering
        self.keys = keys
        self.size = Size(rows=24, columns=80)
        self.written = io.StringIO()
        output = Vt100_Output(self.written, lambda: self.size, term="xterm")
        self.top = FullScreen(answering.path, interval, keys=keys, output=output)

    @property
    def lines(self) -> list[str]:
        """What is on the terminal."""
        drawn = self.top._application.renderer.last_rendered_screen
        if drawn is None:
            return []
        rows = range(self.size.rows)
        columns = range(self.size.columns)
        return ["".join(drawn.data_buffer[row][column].char for column in columns).rstrip() for row in rows]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def shows(self, text: str) -> None:
        await until(lambda: text in self.text, lambda: f"{text!r} in\n{self.text}")

    def press(self, *keys: str) -> None:
        names = {"down": "\x1b[B", "enter": "\r", "pagedown": "\x1b[6~", "escape": "\x1b", "ctrl-c": "\x03"}
        for key in keys:
            self.keys.send_text(names.get(key, key))


def answers(asked: dict[str, Any]) -> list[bytes]:
    if asked["command"] == "session":
        return [reply({**DETAIL, "id": asked["arguments"]["id"]})]
    if asked["command"] == "kick":
        return [reply({"kicked": [asked["arguments"]["target"]]})]
    return [reply(STATUS if asked["command"] == "status" else SESSIONS)]


@asynccontextmanager
async def running(answering: Answering, interval: float = 0.05) -> AsyncIterator[Terminal]:
    answering.answer = answers
    with create_pipe_input() as keys:
        terminal = Terminal(answering, keys, interval)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(terminal.top.run())
            await terminal.shows("user-39")
            yield terminal
            if not task.done():
                terminal.press("ctrl-c")
            async with asyncio.timeout(DEADLINE):
                await asyncio.shield(task)
    # The alternative screen was left again, and the cursor is shown.
    assert terminal.written.getvalue().rfind("\x1b[?1049l") > terminal.written.getvalue().rfind("\x1b[?1049h")
    assert "\x1b[?25h" in terminal.written.getvalue()


async def test_keys_sort_filter_select_and_quit(answering: Answering) -> None:
    async with running(answering) as terminal:
        rows = [line for line in terminal.lines if "user-" in line]
        assert [line.split()[1] for line in rows][:3] == ["user-39", "user-38", "user-37"]
        assert len(rows) > 12
        terminal.press("r")
        await terminal.shows("user-00")
        terminal.press("/", "r", "-", "1", "7", "enter")
        await until(lambda: sum("user-" in line for line in terminal.lines) == 1)
        assert "user-17" in terminal.text
        terminal.press("h")
        await terminal.shows("any key closes the help")
        terminal.press("x")
        await terminal.shows("user-17")
        terminal.press("q")


async def test_enter_shows_details_and_k_kicks_after_a_y(answering: Answering) -> None:
    async with running(answering) as terminal:
        terminal.press("down", "down", "enter")
        await terminal.shows("logged in, nothing under way")
        chosen = f"{38:012x}"
        assert chosen in terminal.text
        terminal.press("k")
        await terminal.shows(f"kick session {chosen} of user-38")
        assert all(asked["command"] != "kick" for asked in answering.asked)
        terminal.press("y")
        await terminal.shows("1 session ended")
        kicks = [asked for asked in answering.asked if asked["command"] == "kick"]
        assert [kick["arguments"] for kick in kicks] == [{"target": chosen}]


async def test_details_of_a_session_that_has_ended(answering: Answering) -> None:
    async with running(answering) as terminal:
        gone = b'{"ok": false, "error": "unknown session"}\n'
        answering.answer = lambda asked: [gone] if asked["command"] in {"session", "kick"} else answers(asked)
        terminal.press("down", "enter")
        await terminal.shows("The session has ended.")
        terminal.press("escape")
        await terminal.shows("q quit")
        terminal.press("k", "y")
        await terminal.shows("unknown session")


async def test_a_pause_keeps_the_picture(answering: Answering) -> None:
    async with running(answering) as terminal:
        terminal.press(" ")
        await terminal.shows("paused")
        answering.answer = lambda asked: [reply([])] if asked["command"] == "sessions" else answers(asked)
        number = len(answering.asked)
        await until(lambda: len(answering.asked) > number + 6)
        assert "user-39" in terminal.text
        terminal.press(" ")
        await terminal.shows("no sessions")


async def test_it_waits_for_a_service_that_has_gone(answering: Answering) -> None:
    async with running(answering) as terminal:
        answering.answer = lambda _: [b"{"]
        await terminal.shows("no answer from the service, trying again")
        assert "user-39" in terminal.text
        answering.answer = answers
        await until(lambda: "no answer" not in terminal.text)


async def test_a_refusal_is_shown_and_it_goes_on(answering: Answering) -> None:
    async with running(answering) as terminal:
        answering.answer = lambda _: [b'{"ok": false, "error": "too many requests"}\n']
        await terminal.shows("too many requests")
        answering.answer = answers
        await until(lambda: "too many requests" not in terminal.text)


async def test_a_key_needs_no_answer_of_the_service(answering: Answering) -> None:
    async with running(answering, interval=3600) as terminal:
        terminal.press("u")
        await terminal.shows("sessions peer")
        terminal.press("down", "enter")
        await until(lambda: terminal.top._state.mode is Mode.LIST and terminal.top._state.filter)


async def test_pasted_text_does_not_act_as_keys(answering: Answering) -> None:
    async with running(answering) as terminal:
        terminal.press("down", "\x1b[200~ky\x1b[201~")
        terminal.press("/", "\x1b[200~user-1\n2\x1b[201~")
        await terminal.shows("filter: user-12")
        assert all(asked["command"] != "kick" for asked in answering.asked)


async def test_another_size_of_the_terminal_is_used_at_once(answering: Answering) -> None:
    async with running(answering) as terminal:
        before = sum("user-" in line for line in terminal.lines)
        terminal.size = Size(rows=40, columns=120)
        await until(lambda: sum("user-" in line for line in terminal.lines) > before + 10)
        assert "asterisk" in terminal.text


@pytest.mark.parametrize("broken", ["screen", "tables"])
async def test_a_fault_of_the_screen_restores_the_terminal(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    answering.answer = answers
    with create_pipe_input() as keys:
        terminal = Terminal(answering, keys, 0.05)
        task = asyncio.get_running_loop().create_task(terminal.top.run())
        await terminal.shows("user-39")
        # Drawn from a callback of the loop, or by a key.
        monkeypatch.setattr(fullscreen, broken, lambda *_: 1 / 0)
        terminal.press("down", "enter")
        with pytest.raises((ZeroDivisionError, AttributeError)):
            async with asyncio.timeout(DEADLINE):
                await task
    assert "\x1b[?1049l" in terminal.written.getvalue()
