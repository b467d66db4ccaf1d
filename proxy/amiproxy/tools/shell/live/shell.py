"""Runs what is typed: actions and the shell's own commands."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from amiproxy.ami.actions import PROXY_SERVERS
from amiproxy.ami.errors import ProtocolError
from amiproxy.ami.message import Action
from amiproxy.tools.shell.answers.answer import Answer
from amiproxy.tools.shell.answers.remedies import Asker, error_text, remedies
from amiproxy.tools.shell.completion.vocabulary import Vocabulary
from amiproxy.tools.shell.events.filters import Filter, Filters
from amiproxy.tools.shell.language.actions import SERVER, Read, is_block, read_block, read_line
from amiproxy.tools.shell.language.commands import Typed, read_command, read_watch, switched, wrong_usage
from amiproxy.tools.shell.language.script import Statements
from amiproxy.tools.shell.language.words import UsageError
from amiproxy.tools.shell.live.connection import Account, Connection
from amiproxy.tools.shell.live.output import Output
from amiproxy.tools.shell.live.session import ConnectionLost, LoginRefused, Session
from amiproxy.tools.shell.showing import answers, json_lines
from amiproxy.tools.shell.showing import help as help_texts
from amiproxy.tools.shell.showing.answers import Look
from amiproxy.tools.shell.showing.records import by_event, columns
from amiproxy.tools.terminal import printable
from amiproxy.tools.tlsclient import ConnectError

#: In place of the name of a server.
_ALL: Final = "all"
#: Files that may read files with \i inside one another.
_DEEPEST: Final = 8
_LIST_COMMANDS: Final = Action([(b"Action", b"ListCommands")])
_PROXY_SERVERS: Final = Action([(b"Action", PROXY_SERVERS.name)])


class Shell:
    """Everything but the terminal.  ``output`` gets answers, ``errors`` what went wrong.

    ``account_of`` gives the account of a profile by its name; it may ask a person for the secret.
    """

    def __init__(
        self,
        output: Output,
        errors: Output,
        account_of: Callable[[str], Account],
        words: Vocabulary,
        *,
        json: bool = False,
    ) -> None:
        self.output = output
        self.errors = errors
        self.words = words
        self.filters = Filters()
        self.look = Look()
        self.json = json
        self.raw = False
        #: The server of actions that name none; "" if the proxy is to decide.
        self.server = ""
        #: True when nothing more is to be run.
        self.is_over = False
        #: True while \watch has the screen.
        self.watches = False
        self._account_of = account_of
        self._timing = False
        self._file: Output | None = None
        self._close_file: Callable[[], None] = lambda: None
        self._depth = 0
        self.connection: Connection | None = None
        #: Writes the events that wait to be shown.
        self.settle: Callable[[], None] = lambda: None

    @property
    def answers_to(self) -> Output:
        """Where answers are written: the file of ``\\o``, or ``output``."""
        return self._file or self.output

    async def greet(self, session: Session) -> None:
        """Learn which actions the user may run, and which servers the session has.  Raises ConnectionLost."""
        with suppress(TimeoutError):
            async with asyncio.timeout(10.0):
                listed = await session.ask(_LIST_COMMANDS)
                if listed.response is not None and not listed.failed:
                    self.words.learn(listed.response.headers)
                if self.words.has_servers:
                    for server in (await session.ask(_PROXY_SERVERS)).items:
                        self.words.seen.look(server)

    async def run(self, statement: str) -> bool:
        """Run one statement; return whether it succeeded.  It says itself what went wrong."""
        try:
            if statement.startswith("\\"):
                return await self._command(read_command(statement))
            is_raw = self.raw or is_block(statement)
            return await self._act(read_block(statement) if is_raw else read_line(statement))
        except UsageError as error:
            self.errors.error(printable(str(error)))
        except ConnectionLost as error:
            self.errors.error(f"no answer: {error}")
        except ProtocolError as error:
            self.errors.error(f"not sent, because Asterisk would refuse it ({error}); shorten it")
        except BrokenPipeError:
            raise  # the reader of our output has ended
        except OSError as error:
            self.errors.error(f"the answer cannot be written: {error.strerror}")
        return False

    async def run_lines(self, lines: "list[str]", *, keep_going: bool = False) -> bool:
        """Run the statements in these lines, up to the first that fails; return whether all succeeded."""
        reader = Statements()
        succeeded = True
        for line in [*lines, ""]:
            reader.raw = self.raw
            statement = reader.feed(line)
            if statement and not self.is_over and not await self.run(statement):
                succeeded = False
                if not keep_going:
                    break
        return succeeded

    def close(self) -> None:
        """Close the file of ``\\o``."""
        self._close_file()

    async def _act(self, read: Read) -> bool:
        for remark in read.remarks:
            self.errors.remark(f"note: {printable(remark)}")
        started = time.monotonic()
        answer = await self._ask(read.action)
        took = time.monotonic() - started
        self._show(answer)
        if self._timing:
            self.answers_to.remark(f"Time: {took * 1000:.1f} ms")
        if read.action.key == b"logoff":
            self.is_over = True
        return not answer.failed

    async def _ask(self, action: Action) -> Answer:
        assert self.connection is not None
        if self.server and not action.get(SERVER):
            action = Action([*action.headers, (b"Server", self.server.encode())])
        answer = await self.connection.ask(action)
        for message in filter(None, (answer.response, *answer.items)):
            self.words.seen.look(message)
        if answer.is_list and answer.items:
            self.words.columns = columns(one for group in by_event(answer.items).values() for one in group)
        return answer

    def _show(self, answer: Answer) -> None:
        out = self.answers_to
        if self.json:
            out.write("".join(f"{line}\n" for line in json_lines.answer(answer)))
        else:
            out.show(*answers.answer(answer, self.look, out.width))
        if answer.failed:
            for line in self._remedies(answer):
                self.errors.remark(printable(line))

    def _remedies(self, answer: Answer) -> list[str]:
        user = self.connection.account.user if self.connection is not None else ""
        return remedies(answer, Asker(user, self.words.table))

    async def _command(self, typed: Typed) -> bool:
        run = _COMMANDS[typed.name]
        done = run(self, typed)
        return await done if isinstance(done, Awaitable) else done

    def _help(self, typed: Typed) -> bool:
        width = self.output.width
        if typed.words:
            self.output.show(*help_texts.action(typed.words[0], self.words, width))
        else:
            self.output.show(*help_texts.overview(width))
        return True

    async def _events(self, typed: Typed) -> bool:
        assert self.connection is not None
        wanted = switched(typed, self.connection.events)
        mask = Action([(b"Action", b"Events"), (b"EventMask", b"on" if wanted else b"off")])
        answer = await self._ask(mask)
        if answer.failed:
            self._show(answer)
            return False
        if not wanted:
            self.settle()
        self.connection.events = wanted
        self._told(f"events are {'shown' if wanted else 'not shown'}")
        return True

    def _filter(self, typed: Typed) -> bool:
        if typed.words == ("clear",):
            self.filters.clear()
        elif typed.words:
            self.filters.add(Filter.from_words(typed.words))
        shown = [f"  {printable(str(one))}" for one in self.filters.all]
        self._told("\n".join(["filters:", *shown]) if shown else "no filter: all events are shown")
        if self.connection is not None and not self.connection.events:
            self._told("events are off; \\events on shows them")
        return True

    async def _watch(self, typed: Typed) -> bool:
        seconds, line = read_watch(typed)
        read = read_block(line) if is_block(line) else read_line(line)
        screen = self.output if self.output.is_terminal and self._file is None else None
        shown: list[RenderableType] = []
        self.watches = screen is not None
        try:
            if screen is not None:
                screen.write("\x1b[?1049h")
            while True:
                answer = await self._ask(read.action)
                if answer.failed:
                    self._show(answer)
                    return False
                title = f"{time.strftime('%H:%M:%S')}  every {seconds:g} s: {printable(line)}"
                if screen is None or self.json:
                    if not self.json:
                        self.answers_to.remark(title)
                    self._show(answer)
                else:
                    shown = [*answers.answer(answer, self.look, screen.width)]
                    text = "".join(map(screen.rendered, (Text(title, style="reverse"), *shown)))
                    # A line less than the screen has, so that it does not scroll.
                    kept = "".join(text.splitlines(keepends=True)[: screen.size[1] - 1])
                    screen.write(f"\x1b[H\x1b[2J{kept}")
                await asyncio.sleep(seconds)
        finally:
            self.watches = False
            if screen is not None:
                screen.write("\x1b[?1049l")
                screen.show(*shown)

    async def _server(self, typed: Typed) -> bool:
        if len(typed.words) > 1:
            raise wrong_usage("server")
        if typed.words == (_ALL,):
            self.server = ""
            self._told("the proxy decides where actions go: lists to all servers, others to the default one")
            return True
        assert self.connection is not None
        answer = await self.connection.ask(_PROXY_SERVERS)
        if answer.response is not None and error_text(answer.response).startswith("Invalid/unknown command"):
            raise UsageError("this session has one server: all actions go there, and none needs to name it")
        for item in answer.items:
            self.words.seen.look(item)
        if answer.failed or not typed.words:
            self._show(answer)
            return not answer.failed
        (name,) = typed.words
        known = [item.get(b"server").decode(errors="replace") for item in answer.items]
        if name.lower() not in known:
            raise UsageError(f"you have no server {name[:40]!r}; you may use {', '.join(known)}")
        self.server = name.lower()
        self._told(f"actions that name no server go to {printable(self.server)}; \\server all ends this")
        return True

    def _raw(self, _typed: Typed) -> bool:
        self.raw = not self.raw
        ways = "an empty line sends a block, \\raw ends this" if self.raw else "actions are lines again"
        self._told(f"raw mode is {'on' if self.raw else 'off'}: {ways}")
        return True

    def _records(self, typed: Typed) -> bool:
        if typed.words == ("auto",):
            self.look.records = None
        else:
            self.look.records = switched(typed, self.look.records is True) or None
        self._told("lists are shown as records" if self.look.records else "lists are shown as tables")
        return True

    def _columns(self, typed: Typed) -> bool:
        self.look.columns = tuple(word for given in typed.words for word in given.split(",") if word)
        chosen = ", ".join(map(printable, self.look.columns))
        self._told(f"columns of lists: {chosen or 'as many as fit'}")
        return True

    def _json(self, typed: Typed) -> bool:
        self.json = switched(typed, self.json)
        self._told(f"JSON is {'on' if self.json else 'off'}")
        return True

    def _time(self, typed: Typed) -> bool:
        self._timing = switched(typed, self._timing)
        self._told(f"timing is {'on' if self._timing else 'off'}")
        return True

    def _write_to(self, typed: Typed) -> bool:
        self._close_file()
        self._file, self._close_file = None, lambda: None
        if not typed.words:
            return True
        if len(typed.words) > 1:
            raise wrong_usage("o")
        path = Path(typed.words[0]).expanduser()
        try:
            # What it will hold may be for this user's eyes only.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            stream = os.fdopen(descriptor, "w", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}; name a file that can be written") from None
        self._file, self._close_file = Output(stream, os.environ), stream.close
        self._told(f"answers are written to {printable(str(path))}; \\o shows them here again")
        return True

    async def _read_from(self, typed: Typed) -> bool:
        if len(typed.words) != 1:
            raise wrong_usage("i")
        if self._depth == _DEEPEST:
            raise UsageError(f"{typed.words[0]}: files read each other with \\i; end the circle")
        lines = _lines_of(typed.words[0])
        self._depth += 1
        try:
            return await self.run_lines(lines)
        finally:
            self._depth -= 1

    async def _connect(self, typed: Typed) -> bool:
        assert self.connection is not None
        if typed.words:
            try:
                self.connection.account = self._account_of(typed.words[0])
            except (ConnectError, ValueError) as error:
                remedy = getattr(error, "remedy", "")
                raise UsageError(f"{error}{f'; {remedy}' if remedy else ''}") from None
        try:
            session = await self.connection.open()
        except LoginRefused as refused:
            self.say_refused(refused)
            return False
        except (ConnectError, ConnectionLost, TimeoutError) as error:
            self.errors.error(f"{error}" or "the server does not answer the login")
            return False
        self._told(self.greeting(session))
        return True

    def _quit(self, _typed: Typed) -> bool:
        self.is_over = True
        return True

    def greeting(self, session: Session) -> str:
        """A line about the connection."""
        assert self.connection is not None
        there, user = self.connection.account.server.destination, self.connection.account.user
        allowed = len(self.words.table.live)
        may = f"; {allowed} actions allowed" if allowed else ""
        return f"connected to {there} as {printable(user)} ({session.banner}, {session.tls}){may}"

    def say_refused(self, refused: LoginRefused) -> None:
        """Say why a login was refused."""
        self.errors.show(*answers.answer(refused.answer, self.look, self.errors.width))
        for line in self._remedies(refused.answer):
            self.errors.remark(printable(line))

    def _told(self, text: str) -> None:
        """Confirm a command, unless only JSON is to be written."""
        if not self.json or self.output.is_terminal:
            self.errors.remark(text)


def _lines_of(name: str) -> list[str]:
    path = Path(name).expanduser()
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"{path}: {said}; name a file of actions") from None


_COMMANDS: Final[dict[str, Callable[[Shell, Typed], bool | Awaitable[bool]]]] = {
    "h": Shell._help,
    "events": Shell._events,
    "filter": Shell._filter,
    "watch": Shell._watch,
    "server": Shell._server,
    "raw": Shell._raw,
    "x": Shell._records,
    "columns": Shell._columns,
    "json": Shell._json,
    "timing": Shell._time,
    "o": Shell._write_to,
    "i": Shell._read_from,
    "c": Shell._connect,
    "q": Shell._quit,
}
