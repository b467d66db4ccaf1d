"""What the shell learns after each login."""

import io

import pytest

from amiproxy.ami import message
from amiproxy.ami.message import Action, Message
from amiproxy.tools.shell.answers.answer import Answer
from amiproxy.tools.shell.completion.vocabulary import Vocabulary
from amiproxy.tools.shell.live.output import Output
from amiproxy.tools.shell.live.shell import Shell

PING = (b"Ping", b"Keepalive  (Priv: <none>)")
SERVERS = (b"ProxyServers", b"List the servers of this session  (Priv: <none>)")


class Answering:
    """A session in which ListCommands has these rows, and ProxyServers these servers."""

    def __init__(self, rows: list[tuple[bytes, bytes]], servers: list[bytes]) -> None:
        self.asked: list[bytes] = []
        self._answers = {
            b"listcommands": [message.response(b"Success", b"1", *rows)],
            b"proxyservers": [
                message.response(b"Success", b"1", (b"EventList", b"start")),
                *[
                    message.event(b"ProxyServer", (b"ActionID", b"1"), (b"Server", name), (b"Status", b"Up"))
                    for name in servers
                ],
                message.event(b"ProxyServersComplete", (b"ActionID", b"1"), (b"EventList", b"Complete")),
            ],
        }

    async def ask(self, action: Action) -> Answer:
        self.asked.append(action.key)
        answer = Answer(action, b"1")
        for raw in self._answers[action.key]:
            assert answer.take(Message(raw))
        return answer


@pytest.mark.parametrize(
    ("rows", "asked", "known"),
    [
        ([PING], [b"listcommands"], []),
        ([PING, SERVERS], [b"listcommands", b"proxyservers"], ["pbx1", "pbx2"]),
    ],
)
async def test_it_asks_for_the_servers_if_the_session_has_several(rows, asked, known):
    session = Answering(rows, [b"pbx1", b"pbx2"])
    words = Vocabulary()
    output = Output(io.StringIO(), {})
    await Shell(output, output, lambda _: None, words).greet(session)
    assert session.asked == asked
    assert list(words.seen.servers) == known
