"""The table of a session's states: real sessions take each transition, and no other is possible."""

from collections.abc import Callable

import pytest

from amiproxy.ami.privilege import ALL
from amiproxy.core.clients.session import Session
from amiproxy.core.model.errors import WrongTransition
from amiproxy.core.model.limits import Limits
from amiproxy.core.model.state import (
    ADMIT,
    CLOSE,
    END,
    FINISH,
    HOLD_BACK,
    JUDGE,
    LET_GO,
    REFUSE,
    RESUME,
    SEND,
    TRANSITIONS,
    WAIT,
    State,
    Transition,
)
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench, ListTransport

LOGIN = b"Action: Login\r\nUsername: a\r\nSecret: x\r\n\r\n"
PING = b"Action: Ping\r\n\r\n"
ASKED = b"Action: CoreStatus\r\n\r\n"


class Client:
    """A session with one action a second, and what it needs to be brought into each state."""

    def __init__(self) -> None:
        self.bench = Bench(
            User("a", secret="plain:x", read=ALL, write=ALL), limits=Limits(action_rate=1, action_burst=1)
        )
        self.bench.verifier.at_once = False
        self.bench.link_up()
        self.transport = ListTransport()
        self.session: Session
        self.session, _ = self.bench.connect(by=self.transport)

    def send(self, data: bytes) -> None:
        self.session.receive(data)

    def log_in(self) -> None:
        self.send(LOGIN)
        self.bench.verifier.answer()

    def fill(self) -> None:
        """Leave bytes that the client does not read."""
        self.transport.room = 0
        self.session.answer(b"Response: Success\r\n\r\n")
        self.session.push()


def log_in_and(data: bytes) -> Callable[[Client], None]:
    def bring(client: Client) -> None:
        client.log_in()
        client.send(data)

    return bring


def be_closing(client: Client) -> None:
    client.fill()
    client.session.close("test")


#: How a session gets into each state.
BRING: dict[State, Callable[[Client], None]] = {
    State.GREETED: lambda _: None,
    State.JUDGED: lambda client: client.send(LOGIN),
    State.READY: Client.log_in,
    State.BUSY: log_in_and(ASKED),
    State.HELD: log_in_and(PING + PING),
    State.WAITING: log_in_and(b"Action: WaitEvent\r\n\r\n"),
    State.CLOSING: be_closing,
    State.CLOSED: lambda client: client.session.lost("test"),
}


def answer(client: Client) -> None:
    (asked,) = client.bench.upstream.take()
    client.bench.answer(asked, b"")


def refuse(client: Client) -> None:
    if client.session.state is State.GREETED:
        # Its address is under a penalty, so the secret is not compared.
        for _ in range(client.bench.hub.limits.login_failure_burst + 1):
            client.bench.hub.limit_state.login_failed(client.transport.peer.address, client.bench.clock.now())
        client.send(LOGIN)
    else:
        _, _, done = client.bench.verifier.asked[-1]
        done(False)


def close(client: Client) -> None:
    client.fill()
    client.session.close("test")


def read_all(client: Client) -> None:
    client.transport.room = 1 << 20
    client.session.writable()


#: How a session takes each transition.
TAKE: dict[Transition, Callable[[Client], None]] = {
    JUDGE: lambda client: client.send(LOGIN),
    REFUSE: refuse,
    ADMIT: lambda client: client.bench.verifier.answer(),
    SEND: lambda client: client.send(ASKED),
    FINISH: answer,
    HOLD_BACK: lambda client: client.send(PING + PING),
    LET_GO: lambda client: client.bench.clock.advance(1.5),
    WAIT: lambda client: client.send(b"Action: WaitEvent\r\n\r\n"),
    RESUME: lambda client: client.session.receive(b"A"),
    CLOSE: close,
    END: read_all,
}
EDGES = [(step, before) for step in TRANSITIONS for before in step.before]


@pytest.mark.parametrize(("step", "before"), EDGES, ids=[f"{s.name} from {b.name}" for s, b in EDGES])
def test_a_session_takes_each_transition_of_the_table(step: Transition, before: State) -> None:
    client = Client()
    BRING[before](client)
    assert client.session.state is before
    TAKE[step](client)
    assert client.session.state is step.after


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("step", TRANSITIONS, ids=[step.name for step in TRANSITIONS])
def test_a_transition_from_any_other_state_is_a_fault_and_changes_nothing(
    step: Transition, before: State
) -> None:
    client = Client()
    BRING[before](client)
    if before in step.before:
        client.session.move(step)
        assert client.session.state is step.after
    else:
        with pytest.raises(WrongTransition):
            client.session.move(step)
        assert client.session.state is before


def test_each_state_is_reached_and_only_the_last_one_is_not_left() -> None:
    assert {step.after for step in TRANSITIONS} | {State.GREETED} == set(State)
    assert set(State) - {before for step in TRANSITIONS for before in step.before} == {State.CLOSED}
