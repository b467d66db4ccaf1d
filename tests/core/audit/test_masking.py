"""Masking hides possible secrets, and leaves the rest unchanged."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.core.audit.masking import configure, masked, masked_text, masked_value
from amiproxy.core.model.hiddennames import HIDDEN_NAMES, HiddenName


@pytest.mark.parametrize(
    "line",
    [
        b"Secret: hunter2",
        b"secret:hunter2",
        b"SECRET : hunter2",
        b"Key: hunter2",
        b"Challenge: hunter2",
        b"Md5Cred: hunter2",
        b"Password: hunter2",
        b"ReceivedHash: hunter2",
        b"ExpectedResponse: hunter2",
        b"Val: hunter2",
        b"Variable: PIN=hunter2",
        b"Variable: x=1,SIP_PASSWORD=hunter2",
        b"Variable: _MYSECRET=hunter 2,hunter2",
        b'Line-000001-000002: secret="hunter2 hunter2"',
        b"Line-000001-000002: secret=>hunter2",
        b"Output:     secret : hunter2",
        b"Output: md5secret=hunter2;x",
        b"a token=hunter2 without a header",
    ],
)
def test_a_secret_is_hidden(line: bytes) -> None:
    shown = masked(line + b"\r\n\r\n")
    assert b"***" in shown
    assert b"hunter" not in shown.replace(b",hunter2", b"")
    assert shown.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("header", [b"Variable: PIN", b"Variable: __MY_PASSWORD", b"Var-000001: secret"])
def test_the_value_of_a_secret_variable_is_hidden(header: bytes) -> None:
    value = b"Value-000001" if header.startswith(b"Var-") else b"Value"
    shown = masked(b"Action: Setvar\r\n" + header + b"\r\n" + value + b": hunter2\r\n\r\n")
    assert b"hunter2" not in shown
    assert header in shown


@pytest.mark.parametrize(
    "message",
    [
        b"Response: Success\r\nPing: Pong\r\nTimestamp: 1.2\r\n\r\n",
        b"Response: Error\r\nMessage: Authentication failed\r\n\r\n",
        b"Action: Login\r\nAuthType: MD5\r\nUsername: u\r\nActionID: 1\r\n\r\n",
        b"Event: VarSet\r\nVariable: COLOUR\r\nValue: blue\r\n\r\n",
        b"Event: Newexten\r\nApplication: Park\r\nAppData: PJSIP/100,20\r\n\xff\x00\r\n\r\n",
    ],
)
def test_other_messages_are_left_unchanged(message: bytes) -> None:
    assert masked(message) == message


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (b"Application: Authenticate\r\nData: 1234,j", b"Data: ***"),
        (b"Data: 1234\r\napplication : vmauthenticate", b"Data: ***"),
        (b"Application: DISA\r\nData:1234,lab", b"Data:***"),
        (b"Application: MyOwn\r\nAppData: anything", b"AppData: ***"),
        (b"Application: Dial\r\nAppData: SIP/a:pw@h&PJSIP/t/sip:b:p/w@h,20,U(s^1)",
         b"AppData: SIP/a:***@h&PJSIP/t/sip:b:***@h,***"),
        (b"Application: Dial\r\nApplicationData: PJSIP/100&Local/5@lab/n", None),
        (b"Application: Queue\r\nData: sales,t,,,60", b"Data: sales,t,***"),
        (b"Application: Playback\r\nData: tt-monkeys&demo", None),
        (b"Application: Playback\r\nApplication: Authenticate\r\nData: 1234", b"Data: ***"),
        (b"Application: Set\r\nAppData: PIN=1", b"AppData: PIN=***"),
        (b"LastApplication: Authenticate\r\nLastData: 1234", b"LastData: ***"),
        (b"AppData: 1234", b"AppData: ***"),
        (b"Data: 1234", None),
        (b"Application: Authenticate\r\nAppData: ", None),
        (b"Output:   1. Authenticate(1234,d)    [x.conf:7]", b"Output:   1. Authenticate(***)    ***"),
        (b"Output:   1. Dial(PJSIP/1,20)  [x.conf:7]", b"Output:   1. Dial(PJSIP/1,***)  [x.conf:7]"),
        (b"Output: Set(CALLERID(num)=1) (x)", None),
        (b"Output: a (parenthesis)", None),
    ],
)  # fmt: skip
def test_application_data_are_shown_only_where_they_are_harmless(message: bytes, shown: bytes | None) -> None:
    lines = [b"Event: Newexten", *message.split(b"\r\n"), b"", b""]
    hidden = masked(b"\r\n".join(lines)).split(b"\r\n")
    changed = [after for before, after in zip(lines, hidden, strict=True) if after != before]
    assert changed == ([] if shown is None else [shown])


@given(
    secret=st.text("abcdefghijkmnopqrstuvwxyz0123456789", min_size=12, max_size=40).map(str.encode),
    before=st.binary(max_size=60),
    after=st.binary(max_size=60),
)
def test_a_secret_header_is_hidden_whatever_is_around_it(secret: bytes, before: bytes, after: bytes) -> None:
    raw = before + b"\r\nSecret: " + secret + b"\r\n" + after
    assert secret not in masked(raw)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"dialplan set global ADMIN_PIN 4711", b"dialplan set global ADMIN_PIN ***"),
        (b"dialplan set global __ADMIN_PIN 4711 and all else", b"dialplan set global __ADMIN_PIN ***"),
        (b"pjsip set secret s3cr3t77", b"pjsip set secret ***"),
        (b'EXEC Set "GLOBAL(PIN)=4711"', b'EXEC Set "GLOBAL(PIN)=***'),
        (b"set%20variable%20pin%204711", b"set%20variable%20pin%20***"),
        (b"'ADMIN_PIN' => '4711'", b"'ADMIN_PIN' => ***"),
        (b"\xe4PIN\xff=4711", b"\xe4PIN\xff=***"),
        (b"ping 1,ping pin 4711", b"ping 1,ping pin ***"),
        (b"SIP/a:4711@b&IAX2/c:4711@d,e", b"SIP/a:***@b&IAX2/c:***@d,e"),
        (b"sip:a:4711@b;x", b"sip:a:***@b;x"),
        (b"PJSIP/a/sips:b:4711@c", b"PJSIP/a/sips:b:***@c"),
        (b"<sip:a@b:5060>, <sip:c:4711@d>", b"<sip:a@b:5060>, <sip:c:***@d>"),
        (b"https://a:4711@b/c", b"https://a:***@b/c"),
        (b"sip:a@b:5060;x", b"sip:a@b:5060;x"),
        (b"core show channels", b"core show channels"),
        (b"Local/100@auth-keys/n", b"Local/100@auth-keys/n"),
        (b"dialplan show pin", b"dialplan show pin"),
        (b"dialplan show pin ", b"dialplan show pin "),
        (b"", b""),
    ],
)
def test_text_behind_the_name_of_a_secret_is_hidden(text: bytes, shown: bytes) -> None:
    assert masked_value(text) == shown


@pytest.mark.parametrize("sentence", [b"Authentication failed", b"Missing key parameter"])
def test_asterisks_own_sentences_are_shown_and_those_of_others_masked(sentence: bytes) -> None:
    answer = b"Response: Error\r\nMessage: " + sentence + b"\r\n\r\n"
    assert masked(answer) == answer
    assert (
        masked(b"Action: SendText\r\nMessage: PIN 4711\r\n\r\n")
        == b"Action: SendText\r\nMessage: PIN ***\r\n\r\n"
    )


class TestConfiguredNames:
    @pytest.fixture(autouse=True)
    def restored(self) -> Iterator[None]:
        yield
        configure(HIDDEN_NAMES)

    def test_configured_names_are_hidden_too(self) -> None:
        configure([HiddenName("CARD_?O"), HiddenName("*Kürzel*")])
        assert masked(b"Variable: __card_no=1") == b"Variable: __card_no=***"
        assert masked("Variable: MeinKürzel2=1".encode()) == "Variable: MeinKürzel2=***".encode()
        assert masked(b"Variable: MY_CARD_NO=1,CARD_NOS=2") == b"Variable: MY_CARD_NO=1,CARD_NOS=2"
        assert masked(b"CARD_NO: 1\r\n") == b"CARD_NO: ***\r\n"
        assert masked(b"Variable: CARD_NO\r\nValue: 1\r\n") == b"Variable: CARD_NO\r\nValue: ***\r\n"
        assert masked_text(b"dialplan set global PIN 1") == b"dialplan set global PIN 1"
        assert masked_text(b"dialplan set global CARD_NO 1") == b"dialplan set global CARD_NO ***"

    def test_built_in_names_stay_hidden_without_configured_ones(self) -> None:
        configure([])
        for line in (
            b"Secret: x",
            b"Key: x",
            b"Challenge: x",
            b"Variable: SECRET=x",
            b"Output: md5secret = x",
        ):
            assert masked(line).endswith(b"***"), line
        assert masked(b"Variable: PIN=1") == b"Variable: PIN=1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"", b""),
        (b"core show channels", b"core show channels"),
        (b"core ping taskprocessor x", b"core ping taskprocessor x"),
        (b"pjsip show auths", b"pjsip show auths"),
        (b"database put auth secret hunter2", b"database put auth ***"),
        (b"dialplan set global MYPIN 1234", b"dialplan set global MYPIN ***"),
        (b'SET VARIABLE "MY"PI\\N 12 34', b'SET VARIABLE "MY"PI\\N ***'),
        (b"EXEC Set A=1,PASSWORD=x", b"EXEC Set A=1,PASSWORD ***"),
        (b"EXEC Authenticate 1234", b"EXEC Authenticate ***"),
        (b"EXEC DISA 1234,lab", b"EXEC DISA ***"),
        (b'exec "DI"SA" "100"', b'exec "DI"SA" "***'),
        (b"EXEC Playback tt-monkeys", b"EXEC Playback tt-monkeys"),
        (b"EXEC Playback", b"EXEC Playback"),
        (
            b"channel originate PJSIP/1 application DISA 1234",
            b"channel originate PJSIP/1 application DISA ***",
        ),
        (b"channel originate PJSIP/1 extension 100@lab", b"channel originate PJSIP/1 extension 100@lab"),
    ],
)
def test_text_behind_a_secret_like_word_is_hidden(text: bytes, shown: bytes) -> None:
    assert masked_text(text) == shown


@given(st.binary(max_size=80).map(lambda text: text.replace(b"@", b"")))
def test_a_text_without_addresses_is_shown_whole_or_up_to_a_mask(text: bytes) -> None:
    shown = masked_text(text)
    assert shown == text or text.startswith(shown.removesuffix(b" ***"))
    assert masked_text(text + b" secret hunter2").endswith(b"***")


@pytest.mark.parametrize(
    "shape", [b"SIP/a:", b"IAX2/a:b", b"sip:", b"a:b@", b"a", b"PIN", b"ping ", b"PIN=", b"@SIP/a:"]
)
def test_masking_takes_time_linear_in_the_length_of_a_line(shape: bytes) -> None:
    # Four times the length costs four times the work; otherwise a 64 KiB line would delay all clients.
    def seconds(length: int) -> float:
        line = b"X: " + (shape * length)[:length]
        began = time.thread_time()
        masked(line)
        return time.thread_time() - began

    short, long = (min(seconds(length) for _ in range(5)) for length in (15_000, 60_000))
    assert long < 10 * short + 0.01
