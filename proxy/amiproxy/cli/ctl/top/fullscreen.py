"""``ctl top`` on the whole terminal, with keys.  Needs prompt_toolkit, of the extra [tools]."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import FormattedTextControl, Layout, Window
from prompt_toolkit.output import Output

from amiproxy.cli.ctl import tables
from amiproxy.cli.ctl.connection import Refused
from amiproxy.cli.ctl.top.board import Board, Look
from amiproxy.cli.ctl.top.poller import Poller
from amiproxy.cli.ctl.top.screen import Line, Surroundings, screen
from amiproxy.cli.ctl.top.state import Mode, State, Wish
from amiproxy.counted import count
from amiproxy.tools.terminal import lines_of

_STYLES: Final = {
    "": "",
    "bold": "bold",
    "dim": "fg:ansibrightblack",
    "reverse": "reverse",
    "good": "fg:ansigreen",
    "bad": "bold fg:ansired",
    "warn": "fg:ansiyellow",
}
_NAMED: Final = {
    Keys.Up: "up",
    Keys.Down: "down",
    Keys.Left: "left",
    Keys.Right: "right",
    Keys.PageUp: "pageup",
    Keys.PageDown: "pagedown",
    Keys.Home: "home",
    Keys.End: "end",
    Keys.ControlM: "enter",
    Keys.ControlJ: "enter",
    Keys.Escape: "escape",
    Keys.ControlH: "backspace",
}
#: Seconds after which a lone Esc is taken as such, and not as the beginning of an arrow key.
_ESCAPE: Final = 0.05


class FullScreen:
    """The application.  ``keys`` and ``output`` are those of the terminal unless a test gives others."""

    def __init__(
        self, path: Path, interval: float, *, keys: Input | None = None, output: Output | None = None
    ) -> None:
        self._board = Board()
        self._state = State()
        self._trouble = ""
        self._details: dict[str, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._poller = Poller(
            path,
            interval,
            looked=lambda look: self._call(self._looked, look),
            failed=lambda text: self._call(self._failed, text),
            answered=lambda wish, result: self._call(self._answered, wish, result),
        )
        self._application: Application[None] = Application(
            layout=Layout(
                Window(FormattedTextControl(self._text), wrap_lines=False, always_hide_cursor=True)
            ),
            key_bindings=self._bindings(),
            full_screen=True,
            input=keys,
            output=output,
        )
        self._application.ttimeoutlen = self._application.timeoutlen = _ESCAPE

    async def run(self) -> None:
        """Show the screen until q or Ctrl-C, SIGTERM or SIGHUP; the terminal is restored in any case."""
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._loop.add_signal_handler(number, self._quit)
        # prompt_toolkit's own handler prints a traceback over the screen, and waits for Enter.
        self._loop.set_exception_handler(self._fault)
        self._poller.start()
        try:
            await self._application.run_async(set_exception_handler=False)
        finally:
            self._loop.set_exception_handler(None)
            self._poller.stop()
            for number in (signal.SIGTERM, signal.SIGHUP):
                self._loop.remove_signal_handler(number)

    def _fault(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception") or RuntimeError(context.get("message"))
        with contextlib.suppress(Exception):  # it is ending already, with the first fault
            self._application.exit(exception=error)

    # -- from the poller's thread ----------------------------------------------

    def _call(self, function: Callable[..., None], *arguments: Any) -> None:
        loop = self._loop
        assert loop is not None
        # The loop may have ended while the thread waited for an answer.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(function, *arguments)

    def _looked(self, look: Look) -> None:
        self._trouble = ""
        if not self._state.paused:
            self._board.take(look)
        self._application.invalidate()

    def _failed(self, text: str) -> None:
        self._trouble = text
        self._application.invalidate()

    def _answered(self, wish: Wish, result: Any) -> None:
        if wish.what == "kick":
            kicked = f"{count(len(result['kicked']), 'session')} ended" if isinstance(result, dict) else ""
            self._state.message = kicked or str(result)
        else:
            self._details = {wish.target: result}
        self._application.invalidate()

    # -- keys and picture --------------------------------------------------------

    def _bindings(self) -> KeyBindings:
        bindings = KeyBindings()
        for key, name in _NAMED.items():
            bindings.add(key)(lambda _, name=name: self._pressed(name))

        @bindings.add("c-c")
        def _quit(_: KeyPressEvent) -> None:
            self._quit()

        @bindings.add("c-z")
        def _suspend(event: KeyPressEvent) -> None:
            event.app.suspend_to_background()

        @bindings.add("c-l")
        def _redraw(event: KeyPressEvent) -> None:
            event.app.renderer.clear()

        @bindings.add(Keys.Any)
        def _other(event: KeyPressEvent) -> None:
            self._pressed(event.data)

        @bindings.add(Keys.BracketedPaste)
        def _pasted(event: KeyPressEvent) -> None:
            # Only text for the filter: pasted text must not act as keys.
            if self._state.mode is Mode.FILTER:
                for character in event.data:
                    self._pressed(character)

        return bindings

    def _pressed(self, key: str) -> None:
        wish = self._state.press(key, self._board)
        details = self._state.mode is Mode.DETAILS and self._state.selected is not None
        self._poller.watch(Wish("details", self._state.selected or "") if details else None)
        if wish is None:
            return
        if wish.what == "quit":
            self._quit()
        else:
            self._poller.wish(wish)

    def _quit(self) -> None:
        with contextlib.suppress(Exception):  # prompt_toolkit's own, when it is ending already
            self._application.exit()

    def _text(self) -> StyleAndTextTuples:
        size = self._application.output.get_size()
        lines = screen(self._board, self._state, size.columns, size.rows, self._around(size.columns))
        return list(_fragments(lines))

    def _around(self, width: int) -> Surroundings:
        details: list[str] = []
        if self._state.mode in {Mode.DETAILS, Mode.CONFIRM}:
            found = self._details.get(self._state.selected or "")
            if isinstance(found, Refused):
                details = ["The session has ended."]
            elif found is not None:
                details = lines_of(tables.session(found), width)
        return Surroundings(self._trouble, details)


def _fragments(lines: Iterable[Line]) -> Iterable[tuple[str, str]]:
    for number, line in enumerate(lines):
        if number:
            yield "", "\n"
        for style, text in line:
            yield _STYLES[style], text


def watch(path: Path, interval: float) -> None:
    """Show the screen until it is left."""
    asyncio.run(FullScreen(path, interval).run())
