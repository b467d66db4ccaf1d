"""The interactive shell on a terminal: prompt, history, completion menu, live events above the prompt."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output import Output as Screen

from amiproxy.tools.shell.completion.completing import complete
from amiproxy.tools.shell.completion.vocabulary import Vocabulary
from amiproxy.tools.shell.history import may_be_stored, prepare
from amiproxy.tools.shell.language.script import Statements, statements
from amiproxy.tools.shell.live.connection import Account, Connection
from amiproxy.tools.shell.live.eventstream import EventStream
from amiproxy.tools.shell.live.output import Output
from amiproxy.tools.shell.live.session import ConnectionLost, LoginRefused
from amiproxy.tools.shell.live.shell import Shell
from amiproxy.tools.terminal import printable
from amiproxy.tools.tlsclient import ConnectError

#: Lines below the prompt that are kept free for the menu.
_MENU = 6


class AbovePrompt(Output):
    """The terminal: while a prompt is shown, text is written above it."""

    prompt: "PromptSession[str] | None" = None

    def write(self, text: str) -> None:
        """Write the text as it is; above the prompt if there is one."""
        write = super().write
        if self.prompt is not None and self.prompt.app.is_running:
            run_in_terminal(lambda: write(text))
        else:
            write(text)


class SafeHistory(FileHistory):
    """Lines that may hold a secret are remembered until the shell ends, but not stored in the file."""

    def __init__(self, path: Path, words: Vocabulary) -> None:
        super().__init__(str(path))
        self._words = words

    def store_string(self, string: str) -> None:
        """Append a line to the file."""
        if may_be_stored(string, self._words):
            super().store_string(string)


class LineCompleter(Completer):
    """``complete`` for prompt_toolkit; files for ``\\i`` and ``\\o``."""

    def __init__(self, words: Vocabulary) -> None:
        self._words = words
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """The candidates for the text before the cursor."""
        text = document.text_before_cursor
        if text.startswith(("\\i ", "\\o ")):
            yield from self._paths.get_completions(Document(text[3:]), complete_event)
            return
        for one in complete(text.rpartition("\n")[2], self._words):
            yield Completion(
                one.text,
                -one.replaces,
                display=printable(one.label),
                display_meta=printable(one.about),
                style="fg:ansibrightblack" if one.dim else "",
            )


class Terminal:
    """One interactive run.  ``keyboard`` and ``screen`` replace the terminal, for tests."""

    def __init__(
        self,
        account: Account,
        account_of: Callable[[str], Account],
        words: Vocabulary,
        history: Path,
        *,
        json: bool = False,
        events: bool = False,
        keyboard: Input | None = None,
        screen: Screen | None = None,
    ) -> None:
        self._account = account
        self._wants_events = events
        self._output = AbovePrompt(sys.stdout, os.environ)
        self._shell = Shell(self._output, self._output, account_of, words, json=json)
        self._stream = EventStream(self._shell, self._output, paced=True)
        self._reader = Statements()
        self._running: asyncio.Task[bool] | None = None
        #: Whether Ctrl-C came since the last prompt.
        self._interrupted = False
        self._prompt: PromptSession[str] = PromptSession(
            message=self._message,
            history=self._history(history, words),
            completer=LineCompleter(words),
            complete_while_typing=True,
            reserve_space_for_menu=_MENU,
            enable_suspend=True,
            color_depth=ColorDepth.DEPTH_1_BIT if "NO_COLOR" in os.environ else None,
            input=keyboard,
            output=screen,
        )
        self._output.prompt = self._prompt

    async def run(self) -> bool:
        """Connect and run what is typed, up to the end; return False if it could not log in."""
        async with asyncio.TaskGroup() as group:
            connection = Connection(
                group,
                self._account,
                self._stream.arrived,
                self._output.remark,
                greet=self._shell.greet,
                again=True,
            )
            connection.events = self._wants_events
            self._shell.connection = connection
            try:
                session = await connection.open()
            except LoginRefused as refused:
                self._shell.say_refused(refused)
                return False
            except (ConnectError, ConnectionLost) as error:
                self._output.error(str(error))
                return False
            except TimeoutError:
                self._output.error(
                    f"{self._account.server.destination} does not answer the login; see its log"
                )
                return False
            self._output.remark(f"{self._shell.greeting(session)}\n\\h for help, \\q to quit")
            # While a prompt is shown, Ctrl-C is a key.  At all other times it ends the wait for an answer.
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._interrupt)
            try:
                await self._loop(group)
            finally:
                asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
                self._stream.flush()
                self._shell.close()
                await connection.close()
        return True

    async def _loop(self, group: asyncio.TaskGroup) -> None:
        while not self._shell.is_over:
            self._interrupted = False
            try:
                text = await self._prompt.prompt_async(handle_sigint=False)
            except KeyboardInterrupt:
                self._reader.end()
                continue
            except EOFError:
                if not self._shell.raw:
                    return
                self._shell.raw = False
                continue
            for statement in self._statements(text):
                if not self._ends_here:
                    await self._run(group, statement)

    def _statements(self, text: str) -> list[str]:
        """What a line completes; a paste may hold several statements."""
        self._reader.raw = self._shell.raw
        if "\n" in text.strip() and not self._shell.raw and not self._reader.inside:
            return statements(text)
        found = [self._reader.feed(line) for line in text.split("\n")]
        return [statement for statement in found if statement]

    async def _run(self, group: asyncio.TaskGroup, statement: str) -> None:
        """Run one statement; Ctrl-C ends the wait for its answer."""
        task = self._running = group.create_task(self._shell.run(statement))
        await asyncio.wait([task])
        self._running = None
        if task.cancelled() and not statement.startswith("\\watch"):
            self._output.remark("stopped waiting; the action may still be carried out")

    @property
    def _ends_here(self) -> bool:
        """Whether nothing more of what was typed at the last prompt is to be run."""
        return self._shell.is_over or self._interrupted

    def _interrupt(self) -> None:
        self._interrupted = True
        if self._running is not None:
            self._running.cancel()

    def _message(self) -> str:
        connection = self._shell.connection
        assert connection is not None
        account = connection.account
        if self._reader.inside:
            return "...> "
        if self._shell.raw:
            return "raw> "
        server = f"/{self._shell.server}" if self._shell.server else ""
        there = f"{printable(account.user)}@{account.server.destination.host}{server}"
        return f"{there}> " if connection.session is not None else f"{there} (not connected)> "

    def _history(self, path: Path, words: Vocabulary) -> History:
        try:
            prepare(path)
        except OSError as error:
            self._output.remark(f"{path}: {error.strerror}; the history ends with this shell")
            return InMemoryHistory()
        return SafeHistory(path, words)
