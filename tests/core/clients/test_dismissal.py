from amiproxy.ami import privilege
from amiproxy.core.clients.dismissal import dismiss
from amiproxy.core.model.users import User
from tests.support.core_doubles import Bench, event

USER = User("u", read=privilege.CALL, secret="plain:x")


def test_the_reason_is_sent_last_after_earlier_events() -> None:
    bench = Bench(USER, interval=1.0)
    bench.link_up()
    session, transport = bench.login("u")
    bench.feed(event("Hangup", Number="0"), earlier := event("Hangup", Number="1"))
    dismiss(session, "client certificate revoked")
    said = transport.take()
    assert earlier in said
    assert said.endswith(b"Event: ProxySessionEnd\r\nReason: client certificate revoked\r\n\r\n")
    assert transport.closed == "close"


def test_an_unauthenticated_client_is_sent_no_reason() -> None:
    bench = Bench(USER)
    session, transport = bench.connect()
    dismiss(session, "client certificate revoked")
    assert transport.take() == b""
    assert transport.closed == "close"
