"""The forms of an event: each is made once."""

from amiproxy.core.fanout.forms import Forms

RAW = b"Event: X\r\nPrivilege: call,all\r\n\r\n"


def test_each_form_of_an_event_is_made_once() -> None:
    forms = Forms("pbx1")
    assert forms.named(RAW) is forms.named(RAW) == RAW[:-2] + b"Server: pbx1\r\n\r\n"
    for named in (False, True):
        assert forms.numbered(RAW, b"A", named=named) is forms.numbered(RAW, b"A", named=named)


def test_the_name_of_the_server_is_behind_the_position() -> None:
    forms = Forms("pbx1")
    assert forms.numbered(RAW, b"A", named=True) == RAW[:-2] + b"ProxySequence: A\r\nServer: pbx1\r\n\r\n"
    assert forms.numbered(RAW, b"A", named=False) == RAW[:-2] + b"ProxySequence: A\r\n\r\n"


def test_an_event_with_another_position_has_another_form() -> None:
    forms = Forms("pbx1")
    for token in (b"A", b"B"):
        for named in (True, False):
            assert b"\r\nProxySequence: %b\r\n" % token in forms.numbered(RAW, token, named=named)
