"""Each numbered event has one position, last, whatever its sender has put into it."""

import pytest

from amiproxy.ami.numbering import numbered


def test_the_header_is_the_last() -> None:
    raw = b"Event: Hangup\r\nPrivilege: call,all\r\nChannel: PJSIP/1\r\n\r\n"
    assert numbered(raw, b"A1") == raw[:-2] + b"ProxySequence: A1\r\n\r\n"


@pytest.mark.parametrize(
    "line",
    [
        b"ProxySequence: A0",
        b"proxysequence:",
        b" PROXYSEQUENCE \t: A0 ",
        b"\xc2\xa0ProxySequence\xe3\x80\x80: A0",
    ],
)
@pytest.mark.parametrize("times", [1, 3])
def test_what_a_client_could_take_for_the_header_is_removed(line: bytes, times: int) -> None:
    raw = b"Event: UserEvent\r\nPrivilege: user,all\r\n%bNote: a\r\n%b\r\n"
    many = (line + b"\r\n") * times
    assert numbered(raw % (many, many), b"A1") == raw % (b"", b"ProxySequence: A1\r\n")


@pytest.mark.parametrize("line", [b"ProxySequences: x", b"ProxySequence", b"Note: proxysequence:"])
def test_other_lines_stay(line: bytes) -> None:
    raw = b"Event: X\r\nPrivilege: call,all\r\n" + line + b"\r\n\r\n"
    assert numbered(raw, b"A1") == raw[:-2] + b"ProxySequence: A1\r\n\r\n"
