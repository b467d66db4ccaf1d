"""Each message names its own server, last and once, whatever callers have put into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.message import Message
from amiproxy.ami.relay import BROADCAST
from amiproxy.ami.stamp import numbered, stamp_of, stamped, stamped_all, stamped_response, without_server

PBX = stamp_of(b"pbx1")


def test_the_header_is_the_last() -> None:
    raw = b"Event: Hangup\r\nPrivilege: call,all\r\nChannel: PJSIP/1\r\n\r\n"
    assert stamped(raw, PBX) == raw[:-2] + b"Server: pbx1\r\n\r\n"


@pytest.mark.parametrize(
    "line",
    [
        b"Server: pbx2",
        b"server: pbx2",
        b"SERVER:pbx2",
        b" Server: pbx2",
        b"\t\v\fServer \t: pbx2",
        b"Server:",
        b"sErVeR  :  pbx2 ",
        b"\xa0Server\x85: pbx2",
        b"\xc2\xa0Server\xe3\x80\x80: pbx2",
        b"\xef\xbb\xbfServer: pbx2",
        b"\x1fServer\x1c: pbx2",
    ],
)
@pytest.mark.parametrize("times", [1, 3])
def test_what_a_client_could_take_for_the_header_is_removed(line: bytes, times: int) -> None:
    raw = b"Event: UserEvent\r\nPrivilege: user,all\r\n%bNote: a\r\n%b\r\n"
    many = (line + b"\r\n") * times
    assert stamped(raw % (many, many), PBX) == raw % (b"", b"Server: pbx1\r\n")


@pytest.mark.parametrize(
    "line",
    [
        b"Output: Server: Asterisk",
        b"ServerName: x",
        b"Server",
        b"XServer: x",
        b"Note: server:",
        b"X-Server: x",
        b"1Server: x",
    ],
)
def test_other_lines_stay(line: bytes) -> None:
    raw = b"Event: X\r\nPrivilege: call,all\r\n" + line + b"\r\n\r\n"
    assert stamped(raw, PBX) == raw[:-2] + PBX


def test_a_response_is_stamped_behind_its_headers() -> None:
    raw = b"Response: Success\r\nActionID: 1\r\nOutput: Server: Asterisk\r\nServer: pbx2\r\n\r\n"
    assert stamped_response(raw, PBX) == (
        b"Response: Success\r\nActionID: 1\r\nOutput: Server: Asterisk\r\nServer: pbx1\r\n\r\n"
    )


@pytest.mark.parametrize(
    "head", [b"", b"Privilege: Command\r\n", b"ActionID: 1\r\n", b"Privilege: Command\r\nActionID: 1\r\n"]
)
def test_the_free_text_of_a_command_stays_behind_the_header(head: bytes) -> None:
    text = b"Privilege: a\nOutput: Server: b\nEvent: c\n--END COMMAND--\r\n\r\n"
    raw = b"Response: Follows\r\n" + head + b"x\n" + text
    assert stamped_response(raw, PBX) == b"Response: Follows\r\n" + head + b"Server: pbx1\r\nx\n" + text


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("first", [b"Response: Follows\r\nPrivilege: Command\r\n", b"Response: Follows x\n"])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"Server: pbx2\n server : b\n", b"Output: Server: pbx2\nOutput:  server : b\n"),
        (b"a\r\n\r\nEvent: Hangup\r\nServer: pbx2\r\n\r\nb\n", None),
        (b"a\n\n\n\nEvent: Hangup\nServer: pbx2\n\nb\n", None),
        (b"\r\n\r\nEvent: Hangup\r\nServer: pbx2\r\n\r\n", None),
        (b"a\n\r\r\nEvent: Hangup\rServer: pbx2\r\r", None),
        (b"", b""),
    ],
)
def test_the_free_text_of_a_command_speaks_for_no_other_server(
    text: bytes, shown: bytes | None, first: bytes, end: bytes
) -> None:
    found = stamped_all(first + text + b"--END COMMAND--" + end + end, PBX)
    last = b"--END COMMAND--\r\n\r\n"
    assert found.endswith(last)
    body = found.removesuffix(b"\r\n")
    for line_end in (b"\r\n", b"\n", b"\r"):
        lines = body.replace(b"\r\n", line_end).split(line_end)[:-1]
        assert [line for line in lines if line.lower().lstrip().startswith(b"server")] in (
            [b"Server: pbx1"],
            [],
        )
    assert b"" not in body.splitlines()
    if shown is not None:
        assert (
            found == first.removesuffix(b"\r\n").removesuffix(b"\n") + b"\r\nServer: pbx1\r\n" + shown + last
        )


names = st.sampled_from(
    [b"Server", b"server", b" SERVER", b"Ser ver", b"Note", b"Servers", b"\tserver\t", b"Output"]
)
lines = st.tuples(
    names, st.sampled_from([b":", b": ", b" : ", b""]), st.sampled_from([b"pbx2", b"Server: x", b""])
)


@given(st.lists(lines, max_size=8))
def test_every_stamped_event_is_well_formed_and_names_its_own_server_alone(
    body: list[tuple[bytes, bytes, bytes]],
) -> None:
    head = b"Event: UserEvent\r\nPrivilege: user,all\r\n"
    raw = head + b"".join(b"".join(line) + b"\r\n" for line in body) + b"\r\n"
    found = stamped(raw, PBX)
    assert BROADCAST.fullmatch(found)
    headers = [name.strip().lower() for name, _ in Message(found).headers]
    assert headers.count(b"server") == 1
    assert found.endswith(b"\r\n" + PBX)
    others = [line for line in raw.split(b"\r\n") if line.partition(b":")[0].strip().lower() != b"server"]
    without = [line for line in found.split(b"\r\n") if line.partition(b":")[0].strip().lower() != b"server"]
    assert [line for line in without if line] == [line for line in others if line]


def test_each_of_several_messages_is_stamped() -> None:
    one = b"Response: Success\r\nserver: pbx2\r\nMessage: x\r\n\r\n"
    two = b"Event: Status\r\nOutput: Server: x\r\n\r\n"
    both = b"".join(stamped(raw, PBX) for raw in (one, two))
    assert stamped_all(one + two, PBX) == both
    assert b"pbx2" not in both
    assert stamped_all(one, PBX) == stamped(one, PBX)


def test_the_first_line_of_an_answer_is_no_exception() -> None:
    raw = b"Server: pbx2\r\n server: pbx3\r\nResponse: Success\r\n\r\n"
    assert stamped_all(raw, PBX) == b"Response: Success\r\nServer: pbx1\r\n\r\n"
    assert stamped_all(raw + raw, PBX) == 2 * b"Response: Success\r\nServer: pbx1\r\n\r\n"
    assert stamped_all(b"Server: pbx2\r\n\r\n", PBX) == b"Server: pbx1\r\n\r\n"


def test_messages_without_their_server_are_otherwise_the_same() -> None:
    raw = b"Event: A\r\nSERVER: x\r\nB: c\r\n\r\nEvent: D\r\n\r\n"
    assert without_server(raw) == b"Event: A\r\nB: c\r\n\r\nEvent: D\r\n\r\n"
    assert without_server(b"Event: A\r\n\r\n") == b"Event: A\r\n\r\n"


def test_a_position_is_the_last_header() -> None:
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
def test_what_a_client_could_take_for_the_position_is_removed(line: bytes, times: int) -> None:
    raw = b"Event: UserEvent\r\nPrivilege: user,all\r\n%bNote: a\r\n%b\r\n"
    many = (line + b"\r\n") * times
    assert numbered(raw % (many, many), b"A1") == raw % (b"", b"ProxySequence: A1\r\n")


@pytest.mark.parametrize("line", [b"ProxySequences: x", b"ProxySequence", b"Note: proxysequence:"])
def test_lines_like_a_position_stay(line: bytes) -> None:
    raw = b"Event: X\r\nPrivilege: call,all\r\n" + line + b"\r\n\r\n"
    assert numbered(raw, b"A1") == raw[:-2] + b"ProxySequence: A1\r\n\r\n"
