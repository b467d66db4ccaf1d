"""The target and the privilege of an action in an audit line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.message import Action, parse_action
from amiproxy.core.audit.targets import target_of


def ask(text: bytes) -> Action:
    return parse_action(b"Action: " + text + b"\n\n")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (b"Ping", ""),
        (
            b"Originate\nExten: 1\nContext: lab\nChannel: PJSIP/100\nVariable: PIN=1234",
            "channel=PJSIP/100 exten=1 context=lab variable=PIN",
        ),
        (
            b"Originate\nChannel: c\nVariable: A=1,__B=2,A=3\nVariable: CALLERID(name)=x,C",
            "channel=c variable=A,__B,CALLERID(name)",
        ),
        (b"PlayDTMF\nChannel: c\nDigit: 1", "channel=c digit=***"),
        (b"Status\nVariables: A,CALLERID(num)", "variable=A,CALLERID(num)"),
        (
            b"Originate\nChannel: c" + b"".join(b"\nVariable: A%d=x" % number for number in range(66)),
            "channel=c variable=" + ",".join(f"A{number}" for number in range(64)) + ",…+2",
        ),
        (b"Command\nCommand: core \\ show\xff", "command=core \\x5c show\\xff"),
        (b"Command\nCommand: database put auth 100 hunter2", "command=database put auth ***"),
        (b"Command\nCommand: dialplan set global MYPIN 1234", "command=dialplan set global MYPIN ***"),
        (b"AGI\nChannel: x\nCommand: SET VARIABLE MYPIN 1234", "channel=x command=SET VARIABLE MYPIN ***"),
        (b"Originate\nChannel: c\nApplication: Set(PIN=4711)", "channel=c application=Set(PIN=***"),
        (b"Hangup\nChannel: PJSIP/auth-trunk-01", "channel=PJSIP/auth-trunk-01"),
        (b"Originate\nChannel: iax2/me:hunter2@host/1", "channel=iax2/me:***@host/1"),
        (b"Originate\nChannel: PJSIP/trunk/sip:1@host", "channel=PJSIP/trunk/sip:1@host"),
        (b"Login\nUsername: a\nSecret: s\nKey: k", ""),
        (b"DBPut\nFamily: f\nKey: k\nVal: secret", "family=f key=k"),
        (b"Setvar\nVariable: A=b\nValue: secret", "variable=A"),
        (b"Getvar\nVariable: CALLERID(num)", "variable=CALLERID(num)"),
        (b"Status\nChannel: c\nVariables: A,CDR(src)", "channel=c variable=A,CDR(src)"),
        (b"Originate\nVariable: A=1,B=2\nVariable: C=3", "variable=A,B,C"),
        (b"Originate\nVariable: " + b"x" * 129 + b"=1,B\\xff=2", "variable=" + "x" * 128 + "…,Bxff"),
        (b"Originate\nVariable: A\xff=1,B=2", "variable=A\\xff,B"),
        (b"Park\nChannel: c\nChannel2: d", "channel=c timeoutchannel=d"),
        (b"NoSuch\nChannel: c", ""),
        (b"Hangup\nChannel: " + b"x" * 128, "channel=" + "x" * 128),
        (b"Hangup\nChannel: " + b"x" * 129, "channel=" + "x" * 128 + "…"),
    ],
)
def test_the_target_shows_the_headers_that_matter(text: bytes, target: str) -> None:
    assert target_of(ask(text)) == target


@given(
    action=st.sampled_from([b"Command", b"AGI\nChannel: PJSIP/100"]),
    verb=st.sampled_from([b"database put", b"dialplan set global", b"SET VARIABLE", b"EXEC Set", b"x"]),
    name=st.sampled_from([b"MYPIN", b"sip_Password", b"secret", b"auth user", b'"MY"PIN', b"MYP\\IN"]),
    between=st.sampled_from([b" ", b"\t", b"  ", b"=", b' "', b":", b"\\ "]),
    secret=st.text("abcdefghjkmnoqrsuvwxyz0123456789", min_size=12, max_size=40).map(str.encode),
    after=st.sampled_from([b"", b" x", b'"', b" key pin"]),
)
def test_no_secret_is_in_a_target(
    action: bytes, verb: bytes, name: bytes, between: bytes, secret: bytes, after: bytes
) -> None:
    command = verb + b" " + name + between + secret + after
    assert secret.decode() not in target_of(ask(action + b"\nCommand: " + command))
