import io
import json
import logging
import os
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy import log

pytestmark = pytest.mark.usefixtures("log_restored")


def written(style: str, what: str, *, journal: bool = False, level: int = log.INFO, **fields: object) -> str:
    stream = io.StringIO()
    log.configure(style, "debug", stream, journal)
    log.say(level, what, **fields)
    return stream.getvalue()


def after_the_time(line: str) -> str:
    stamp, _, rest = line.partition(" ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    return rest


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, ""),
        ({"user": "anna", "peer": "192.0.2.1"}, " user=anna peer=192.0.2.1"),
        ({"user": None, "seconds": 1.5, "count": 3, "ok": True}, " seconds=1.5 count=3 ok=True"),
        ({"reason": "two words"}, ' reason="two words"'),
        ({"reason": ""}, ' reason=""'),
        ({"reason": 'say "no"'}, r' reason="say \"no\""'),
        ({"user": "x peer=10.0.0.1"}, ' user="x peer=10.0.0.1"'),
        ({"user": "x=y"}, ' user="x=y"'),
        ({"user": "a\r\nb\x1b[31mc\x00"}, r" user=a\x0d\x0ab\x1b[31mc\x00"),
        ({"user": r"a\x0d"}, r" user=a\\x0d"),
        ({"user": b"\xff\xc3\xa9"}, r" user=\xff\xc3\xa9"),
        ({"user": "\u2028\u0085\x7f\ud800"}, r" user=\u2028\x85\x7f\ud800"),
        ({"user": "日本"}, " user=日本"),
        ({"user": "x" * 256}, f" user={'x' * 256}"),
        ({"user": "x" * 257}, f" user={'x' * 256}…"),
    ],
)
def test_text_lines_quote_and_escape_values(fields: dict[str, object], shown: str) -> None:
    assert after_the_time(written("text", "login", **fields)) == f"info login{shown}\n"


def test_json_has_the_monotonic_time_if_there_is_a_clock() -> None:
    stream = io.StringIO()
    log.configure("json", "info", stream, clock=lambda: 12.3456789)
    log.say(log.INFO, "fact", user="anna")
    entry = json.loads(stream.getvalue())
    assert list(entry) == ["time", "monotonic", "level", "event", "user"]
    assert entry["monotonic"] == 12.345679


def test_json_lines_contain_every_field() -> None:
    line = written(
        "json",
        "login",
        user="ann\r\na",
        seconds=1.5,
        count=3,
        ok=True,
        nothing=None,
        raw=b"\xff",
        level=log.WARNING,
    )
    assert line.endswith("}\n")
    entry = json.loads(line)
    moment = datetime.fromisoformat(entry.pop("time"))
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
    assert entry == {
        "level": "warning",
        "event": "login",
        "user": r"ann\x0d\x0aa",
        "seconds": 1.5,
        "count": 3,
        "ok": True,
        "raw": r"\xff",
    }


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize(
    ("level", "priority"), [(log.DEBUG, 7), (log.INFO, 6), (log.WARNING, 4), (log.ERROR, 3)]
)
def test_the_journal_gets_the_priority(style: str, level: int, priority: int) -> None:
    line = written(style, "started", journal=True, level=level)
    assert line.startswith(f"<{priority}>")
    if style == "text":
        assert line == f"<{priority}>started\n", "the journal has a time of its own"
    else:
        assert json.loads(line[3:])["event"] == "started"


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_records_below_the_level_are_left_out(level: str) -> None:
    stream = io.StringIO()
    log.configure("text", level, stream)
    names = ["debug", "info", "warning", "error"]
    for name in names:
        log.say(getattr(log, name.upper()), "fact")
    said = [after_the_time(line).split()[0] for line in stream.getvalue().splitlines()]
    assert said == names[names.index(level) :]


def test_a_reconfigured_log_writes_each_record_once() -> None:
    first, second = io.StringIO(), io.StringIO()
    log.configure("text", "info", first)
    log.configure("json", "info", second)
    log.say(log.INFO, "fact")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1


def test_the_default_stream_is_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("text", "info")
    log.say(log.INFO, "fact")
    told = capsys.readouterr()
    assert told.out == ""
    assert after_the_time(told.err) == "info fact\n"


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_traceback_is_on_the_same_line(style: str) -> None:
    stream = io.StringIO()
    log.configure(style, "info", stream)
    try:
        raise ValueError('\n2026-01-01T00:00:00.000Z info login user="root"')
    except ValueError as error:
        log.exception("fault", error, user="anna")
    (line,) = stream.getvalue().splitlines()
    assert "test_log.py" in line
    assert "ValueError" in line
    if style == "json":
        assert json.loads(line)["user"] == "anna"
    else:
        assert after_the_time(line).startswith('error fault user=anna traceback="Traceback (most')


values = st.one_of(
    st.text(), st.binary(), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False)
)


@given(st.dictionaries(st.sampled_from(["user", "peer", "reason", "action"]), values), st.booleans())
def test_one_record_is_one_printable_line(fields: dict[str, object], journal: bool) -> None:
    for style in ("text", "json"):
        said = written(style, "fact", journal=journal, **fields)
        assert said.endswith("\n")
        assert said[:-1].isprintable()
        assert len(said.splitlines()) == 1


@given(st.dictionaries(st.sampled_from(["user", "peer", "reason"]), st.text(max_size=200)))
def test_no_value_can_pass_for_another_field(fields: dict[str, object]) -> None:
    line = after_the_time(written("text", "fact", **fields))
    # Any reader of key=value with quotes finds the fields that were given, and no others.
    found = re.findall(r' (\w+)=(?:"((?:\\.|[^"\\])*)"|([^ "]*))(?= |$)', line.rstrip("\n"))
    assert [key for key, _, _ in found] == list(fields)
    for (_, quoted, bare), value in zip(found, fields.values(), strict=True):
        shown = quoted.replace('\\"', '"') or bare
        assert shown == log.text_of(value)


@given(st.text())
def test_two_values_never_look_alike(value: str) -> None:
    cut = value[:200]
    escape = re.compile(r"\\(?:\\|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")

    def read(found: re.Match[str]) -> str:
        digits = found[1] or found[2] or found[3]
        return chr(int(digits, 16)) if digits else "\\"

    assert escape.sub(read, log.text_of(cut)) == cut


class TestRationed:
    @pytest.fixture
    def stream(self) -> io.StringIO:
        stream = io.StringIO()
        log.configure("text", "info", stream, journal=True)
        return stream

    def test_lines_of_a_kind_are_limited_for_one_peer(self, stream: io.StringIO) -> None:
        rationed = log.Rationed()
        for _ in range(15):
            rationed.say(log.WARNING, "limit-hit", "192.0.2.1", limit="x")
        rationed.say(log.WARNING, "login-failed", "192.0.2.1")
        rationed.say(log.WARNING, "limit-hit", "192.0.2.2", limit="x")
        lines = stream.getvalue().splitlines()
        assert lines == [
            *["<4>limit-hit peer=192.0.2.1 limit=x"] * 10,
            "<4>login-failed peer=192.0.2.1",
            "<4>limit-hit peer=192.0.2.2 limit=x",
        ]

    def test_lines_of_a_kind_are_limited_in_total_and_the_rest_is_summarised(
        self, stream: io.StringIO
    ) -> None:
        rationed = log.Rationed()
        rationed.tick(100.0)
        for number in range(250):
            rationed.say(log.INFO, "tls-failed", f"2001:db8::{number:x}")
        rationed.tick(109.0)
        assert len(stream.getvalue().splitlines()) == 100
        rationed.tick(110.0)
        assert stream.getvalue().splitlines()[100:] == [
            "<4>log-suppressed line=tls-failed lines=150 seconds=10.0"
        ]
        rationed.say(log.INFO, "tls-failed", "2001:db8::1")
        rationed.tick(120.0)
        assert len(stream.getvalue().splitlines()) == 102

    def test_each_user_has_a_ration_that_no_other_uses_up(self, stream: io.StringIO) -> None:
        rationed = log.Rationed()
        for number in range(200):
            rationed.say(log.WARNING, "action-denied", f"2001:db8::{number:x}")
        for user in ("anna", *[f"user{number}" for number in range(50)]):
            for _ in range(15):
                rationed.say_of(log.WARNING, "action-denied", user, peer="192.0.2.1")
        lines = stream.getvalue().splitlines()[100:]
        assert lines[:10] == ["<4>action-denied user=anna peer=192.0.2.1"] * 10
        assert len(lines) == 510
        rationed.tick(100.0)
        summed_up = stream.getvalue().splitlines()[610:]
        assert summed_up[:2] == [
            "<4>log-suppressed line=action-denied lines=100 seconds=10.0",
            "<4>log-suppressed line=action-denied user=anna lines=5 seconds=10.0",
        ]
        rationed.say_of(log.WARNING, "action-denied", "anna", peer="192.0.2.1")
        rationed.tick(110.0)
        assert len(stream.getvalue().splitlines()) == 610 + 52 + 1

    def test_records_below_the_level_use_no_ration(self, stream: io.StringIO) -> None:
        rationed = log.Rationed()
        for _ in range(100):
            rationed.say(log.DEBUG, "session-open", "192.0.2.1")
            rationed.say_of(log.DEBUG, "action-denied", "anna")
        rationed.tick(100.0)
        assert stream.getvalue() == ""


class TestOutlet:
    class Kept:
        def __init__(self) -> None:
            self.lines: list[str] = []
            self.settled = 0

        def write(self, text: str) -> int:
            self.lines.append(text)
            return len(text)

        def flush(self) -> None:
            return

        def settle(self) -> None:
            self.settled += 1

    def test_lines_go_to_the_outlet_whatever_is_configured_later(self, capsys):
        log.configure("text", "info", journal=True)
        outlet = self.Kept()
        log.set_output(outlet)
        try:
            log.say(log.INFO, "one")
            log.configure("text", "info", journal=True)
            log.say(log.INFO, "two")
            log.settle()
        finally:
            log.set_output(None)
        log.say(log.INFO, "three")
        log.settle()
        assert outlet.lines == ["<6>one\n", "<6>two\n"]
        assert outlet.settled == 1
        assert capsys.readouterr().err == "<6>three\n"


@pytest.mark.parametrize("journal", [False, True])
def test_a_security_event_has_a_second_line_as_asterisk_writes_it(journal: bool) -> None:
    stream = io.StringIO()
    log.configure("text", "info", stream, journal)
    log.say(
        log.WARNING,
        "login-failed",
        peer="2001:db8::7",
        user=b'a": x\n',
        session="s1",
        security_event=b"FailedACL",
    )
    first, second = stream.getvalue().splitlines()
    assert "login-failed peer=2001:db8::7" in first
    said = (
        f"NOTICE[{os.getpid()}] ami-proxy: "
        r'SecurityEvent="FailedACL",Severity="Error",Service="AMI",AccountID="a\x22\x3a x\x0a",'
        'SessionID="s1",RemoteAddress="IPV6/TLS/2001:db8::7/0"'
    )
    assert second.endswith(said)
    assert second.startswith("<4>NOTICE" if journal else "20")


def test_json_has_the_security_event_as_a_field() -> None:
    stream = io.StringIO()
    log.configure("json", "info", stream)
    log.say(log.WARNING, "login-failed", peer="192.0.2.7", security_event=b"InvalidPassword")
    [line] = stream.getvalue().splitlines()
    assert json.loads(line)["security_event"] == "InvalidPassword"


def test_once_logs_each_record_once_and_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "amiproxy")
    once = log.Once()
    for _ in range(2):
        once.say(log.INFO, "header-not-sent", action="Park", header="more")
    once.say(log.INFO, "header-not-sent", action="Park", header="other")
    assert len(caplog.records) == 2
    for number in range(log.Once.MOST + 10):
        once.say(log.INFO, "header-not-sent", action="Park", header=str(number))
    assert len(caplog.records) == log.Once.MOST
