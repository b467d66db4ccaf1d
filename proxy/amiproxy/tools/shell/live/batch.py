"""Runs actions without a person: from ``-c``, or from lines on stdin."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

from amiproxy.tools.shell.completion.vocabulary import Vocabulary
from amiproxy.tools.shell.language.script import Statements
from amiproxy.tools.shell.live.connection import Account, Connection
from amiproxy.tools.shell.live.eventstream import EventStream
from amiproxy.tools.shell.live.output import Output
from amiproxy.tools.shell.live.session import ConnectionLost, LoginRefused
from amiproxy.tools.shell.live.shell import Shell
from amiproxy.tools.tlsclient import ConnectError


async def run(
    account: Account,
    account_of: Callable[[str], Account],
    commands: Iterable[str] | None,
    streams: tuple[TextIO, TextIO],
    environ: "dict[str, str]",
    *,
    json: bool,
    keep_going: bool,
    events: bool = False,
) -> bool:
    """Run the commands, or the lines of stdin if there are none; return whether all succeeded.

    It stops at the first that fails, unless ``keep_going``.  ``streams`` are for answers and for errors.
    """
    output, errors = (Output(stream, environ) for stream in streams)
    shell = Shell(output, errors, account_of, Vocabulary(), json=json)
    stream = EventStream(shell, output, paced=False)

    async def no_greeting(_: object) -> None:
        """Which actions the user may run matters only to a person."""

    broken = False
    async with asyncio.TaskGroup() as group:
        shell.connection = Connection(
            group, account, stream.arrived, errors.error, greet=no_greeting, again=False
        )
        shell.connection.events = events
        try:
            await shell.connection.open()
            given = iter(commands) if commands is not None else None
            succeeded = await (_run_all(shell, given, keep_going) if given else _run_stdin(shell, keep_going))
        except LoginRefused as refused:
            shell.say_refused(refused)
            succeeded = False
        except (ConnectError, ConnectionLost) as error:
            errors.error(str(error))
            succeeded = False
        except TimeoutError:
            errors.error(f"{account.server.destination} does not answer the login; see its log")
            succeeded = False
        except BrokenPipeError:
            broken = True  # the reader of our output has ended
            succeeded = False
        finally:
            if not broken:
                stream.flush()
            shell.close()
            await shell.connection.close()
    if broken or stream.is_broken:
        raise BrokenPipeError
    return succeeded


async def _run_all(shell: Shell, commands: Iterator[str], keep_going: bool) -> bool:
    succeeded = True
    for command in commands:
        if shell.is_over or not (succeeded or keep_going):
            break
        succeeded = await shell.run_lines(command.split("\n"), keep_going=keep_going) and succeeded
    return succeeded


async def _run_stdin(shell: Shell, keep_going: bool) -> bool:
    """Statements as they come, so that a program can write one, read the answer, and write the next."""
    reader = Statements()
    succeeded = True
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()

    def read() -> None:
        line = "more"
        while line:
            line = sys.stdin.readline()
            try:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            except RuntimeError:
                return  # the shell has ended meanwhile

    # A thread can read a pipe, a file and a terminal alike; a daemon does not delay the end.
    threading.Thread(target=read, daemon=True).start()
    while not shell.is_over:
        line = await lines.get()
        reader.raw = shell.raw
        statement = reader.feed(line) if line else reader.end()
        if statement and not await shell.run(statement):
            succeeded = False
            if not keep_going:
                break
        if not line:
            break
    return succeeded
