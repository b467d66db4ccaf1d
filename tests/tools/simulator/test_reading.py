"""Client bytes as Asterisk reads them; the cases were measured on Asterisk 22 and 16."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.tools.simulator.reading import Problem, RequestReader


def read(data: bytes) -> list[tuple[list[bytes], Problem | None]]:
    return [(request.lines, request.problem) for request in RequestReader().feed(data)]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"Action: Ping\r\n\r\n", [b"Action: Ping"]),
        (b"Action: Ping\n\n", [b"Action: Ping"]),
        (b"Action: Ping\r\nA: 1\n\r\n", [b"Action: Ping", b"A: 1"]),
        (b"A: one\rtwo\r\n\n", [b"A: one\rtwo"]),
        (b"A: 1\r\r\n\r\r\n\n", [b"A: 1\r", b"\r"]),
        (b"A: 1\0gone\r\n\n", [b"A: 1"]),
        (b"A: 1\r\n\0gone\r\n", [b"A: 1"]),
        (b"\r\n", []),
    ],
)
def test_a_message_is_split_into_lines(data: bytes, lines: list[bytes]) -> None:
    assert read(data) == [(lines, None)]


@pytest.mark.parametrize(
    ("length", "end", "problem"),
    [
        (1022, b"\r\n", None),
        (1024, b"\r\n", Problem.LINE_TOO_LONG),
        (1023, b"\n", None),
        (1024, b"\n", Problem.LINE_TOO_LONG),
        (1025, b"\n", Problem.LINE_TOO_LONG),
    ],
)
def test_a_line_must_fit_into_the_buffer(length: int, end: bytes, problem: Problem | None) -> None:
    requests = read(b"X" * length + end + end)
    assert [found for _, found in requests] == [problem]


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_line_that_fills_the_buffer_except_its_lf_makes_the_rest_another_action(times: int) -> None:
    requests = read(b"Action: Ping\r\n" + b"X" * (1023 * times) + b"\r\nAction: Command\r\n\r\n")
    assert requests == [([b"Action: Ping"], Problem.LINE_TOO_LONG), ([b"Action: Command"], None)]


def test_a_line_that_starts_with_nul_does_the_same() -> None:
    assert read(b"Action: Ping\n\0X\nAction: Command\n\n") == [
        ([b"Action: Ping"], None),
        ([b"Action: Command"], None),
    ]


@pytest.mark.parametrize(("count", "problem"), [(128, None), (129, Problem.TOO_MANY_LINES)])
def test_a_message_has_at_most_128_lines(count: int, problem: Problem | None) -> None:
    ((lines, found),) = read(b"A: 1\n" * count + b"\n")
    assert (len(lines), found) == (128, problem)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"Variable: 1\nVariable: 2\n\n", b"1"),
        (b"Variable:\nVariable: 2\n\n", b""),
        (b"VARIABLE:1\n\n", b"1"),
        (b"Variable:\x01\x1f \t1 \n\n", b"1 "),
        (b"Variable:\xa01\n\n", b"\xa01"),
        (b"Variable : 1\n\n", b""),
        (b" Variable: 1\n\n", b""),
        (b"Variables: 1\n\n", b""),
        (b"Variable:   \n\n", b""),
    ],
)
def test_headers_are_read_as_in_asterisk(data: bytes, value: bytes) -> None:
    (request,) = RequestReader().feed(data)
    assert request.get(b"variable") == value


def test_the_first_action_header_that_is_not_empty_counts() -> None:
    (request,) = RequestReader().feed(b"Action:\nAction: Ping\nAction: Command\nActionID: 1\nActionID: 2\n\n")
    assert (request.action, request.action_id) == (b"Ping", b"1")


def test_variables_come_in_the_order_they_are_set() -> None:
    (request,) = RequestReader().feed(b"Variable: A=1,B=2,junk\nVariable: A=3\n\n")
    assert request.variables() == [("A", "3"), ("B", "2"), ("A", "1")]


def test_text_keeps_bytes_that_are_not_utf_8() -> None:
    (request,) = RequestReader().feed(b"Name: \xff\xc3\xa5\n\n")
    assert request.text("Name").encode("utf-8", "surrogateescape") == b"\xff\xc3\xa5"


@given(st.lists(st.sampled_from([b"A: 1", b"\r", b"\n", b"\0", b"X" * 1021, b"XX"]), max_size=30), st.data())
def test_splitting_the_bytes_makes_no_difference(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cut = data.draw(st.integers(0, len(stream)))
    reader = RequestReader()
    requests = reader.feed(stream[:cut]) + reader.feed(stream[cut:])
    assert [(request.lines, request.problem) for request in requests] == read(stream)
    assert stream.startswith(b"".join(request.raw for request in requests))
