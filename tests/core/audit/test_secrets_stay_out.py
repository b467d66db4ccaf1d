"""No secret that a client sends is in the log or in a trace, whatever message it is sent in."""

import io
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy import log
from amiproxy.ami import privilege
from amiproxy.ami.message import Message
from amiproxy.core.audit import masking
from amiproxy.core.clients.session import Session
from amiproxy.core.model.hiddennames import HIDDEN_NAMES, HiddenName
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench, event

USERS = (
    User("boss", read=privilege.ALL, write=privilege.ALL, secret="plain:x"),
    User("wall", read=privilege.CALL, secret="plain:x"),
)


@pytest.fixture(autouse=True)
def restored(log_restored: None) -> Iterator[None]:
    yield
    masking.configure(HIDDEN_NAMES)


class Trace:
    """A Watcher that keeps all that it is given."""

    def __init__(self) -> None:
        self.shown = b""

    def saw(self, session: Session, sent: bool, message: bytes) -> None:
        self.shown += message


#: A word that none of Asterisk's texts contains by chance.
secret_values = st.text("bcdfghjkmnpqrstvwxz23456789", min_size=12, max_size=30)
hidden_names = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "_", "__", "ADMIN_", "my"]),
    st.sampled_from(["PIN", "pin", "PASSWORD", "Secret", "AUTH_TOKEN", "ApiKey", "CREDENTIALS", "IBAN"]),
    st.sampled_from(["", "_2", "x"]),
)
Lines = Callable[[str, str], list[str]]
actions: list[Lines] = [
    lambda n, s: ["Action: Originate", "Channel: PJSIP/1", "Application: Wait", f"Variable: {n}={s}"],
    lambda n, s: ["Action: Originate", "Channel: PJSIP/1", "Exten: 1", f"Variable: A=1,{n}={s},B=2"],
    lambda n, s: ["Action: Originate", "Channel: PJSIP/1", "Application: Set", f"Data: {n}={s}"],
    lambda n, s: ["Action: Originate", f"Channel: IAX2/me:{s}@host/1", "Application: Wait"],
    lambda n, s: ["Action: Originate", f"Channel: PJSIP/a/sip:me:{s}@host", "Application: Wait"],
    lambda n, s: ["Action: PJSIPNotify", f"URI: sip:me:{s}@host;transport=tcp", "Variable: Event=x"],
    lambda n, s: ["Action: MessageSend", f"To: pjsip:sips:me:{s}@host", f"From: <sip:me:{s}@host>"],
    lambda n, s: ["Action: Getvar", f"Variable: CURL(https://me:{s}@host/)"],
    lambda n, s: ["Action: Setvar", "Channel: PJSIP/1-1", f"Variable: {n}", f"Value: {s}"],
    lambda n, s: ["Action: Setvar", f"Variable: GLOBAL({n})", f"Value: {s}"],
    lambda n, s: ["Action: Command", f"Command: dialplan set global {n} {s}"],
    lambda n, s: ["Action: Command", f'Command: dialplan set chanvar PJSIP/1-1 {n} "two {s}"'],
    lambda n, s: ["Action: Command", f"Command: channel originate IAX2/me:{s}@host/1 extension 1@a"],
    lambda n, s: ["Action: Command", f"Command: pjsip send notify x uri sip:me:{s}@host"],
    lambda n, s: ["Action: Command", f"Command: database put {n} 100 {s}"],
    lambda n, s: ["Action: Command", f"Command: anything {n}={s}", f"Command: {n}: {s}"],
    lambda n, s: ["Action: AGI", "Channel: PJSIP/1-1", f"Command: SET VARIABLE {n} {s}", "CommandID: 1"],
    lambda n, s: ["Action: AGI", "Channel: PJSIP/1-1", f'Command: EXEC Set "{n}={s}"'],
    lambda n, s: ["Action: UserEvent", "UserEvent: Paid", f"{n}: {s}"],
    lambda n, s: ["Action: UserEvent", "UserEvent: Paid", f"Data: {n} {s}"],
    lambda n, s: ["Action: DBPut", f"Family: {n}", "Key: 1", f"Val: {s}"],
    lambda n, s: ["Action: UpdateConfig", "SrcFilename: a.conf", "DstFilename: a.conf",
                  "Action-000000: update", "Cat-000000: c", f"Var-000000: {n}", f"Value-000000: {s}"],
    lambda n, s: ["Action: Login", "Username: boss", f"Secret: {s}"],
    lambda n, s: ["Action: Login", "Username: boss", "AuthType: MD5", f"Key: {s}"],
    lambda n, s: ["Action: NoSuch", f"{n}: {s}", f"Command: {n} {s}"],
]  # fmt: skip


@given(
    style=st.sampled_from(["text", "json"]),
    user=st.sampled_from(["boss", "wall", ""]),
    sent=st.lists(st.tuples(st.sampled_from(actions), hidden_names), min_size=1, max_size=4),
    secret=secret_values,
)
def test_no_secret_is_in_the_log_or_in_a_trace(
    style: str, user: str, sent: list[tuple[Lines, str]], secret: str
) -> None:
    masking.configure((*HIDDEN_NAMES, HiddenName("*IBAN*")))
    told, trace, bench = io.StringIO(), Trace(), Bench(*USERS)
    log.configure(style, "debug", told)
    bench.link_up()
    if user:
        session, _ = bench.login(user)
        bench.hub.taps.watch(user, [session], trace)
    else:
        session, _ = bench.connect()
    for lines_of, name in sent:
        lines = lines_of(name, secret)
        session.receive(("\r\n".join(lines) + "\r\n\r\n").encode())
        for asked in bench.upstream.take():
            answer(bench, asked, name, secret)
        bench.feed(*events(name, secret))
        bench.clock.advance(2.0)
        bench.hub.tick(bench.clock.now())
    session.close("the end")
    assert told.getvalue()
    assert secret not in told.getvalue()
    assert secret.encode() not in trace.shown
    assert trace.shown or not user


def answer(bench: Bench, asked: Message, name: str, secret: str) -> None:
    """As Asterisk does: it repeats what it was sent."""
    rest = b""
    if asked.get(b"action") == b"Command":
        rest = f"Output: Global variable '{name}' set to '{secret}'\r\nOutput: {name}={secret}\r\n".encode()
    elif asked.get(b"action") == b"Setvar":
        rest = f"Variable: {name}\r\nValue: {secret}\r\n".encode()
    bench.answer(asked, rest)


def events(name: str, secret: str) -> list[bytes]:
    return [
        event("VarSet", "dialplan", Channel="PJSIP/1-1", Variable=name, Value=secret),
        event("Newexten", "dialplan,call", AppData=f"{name}={secret}", Application="Set"),
        event("Hangup", "call", **{f"ChanVariable({name})": secret, "ChanVariable": f"{name}={secret}"}),
        event("AGIExecStart", "agi", Command=f"SET VARIABLE {name} {secret}"),
        event("UserEvent", "user", **{"UserEvent": "x", name: secret}),
    ]
