"""How much of an application's data is shown in logs and traces."""

import pytest

from amiproxy.core.audit.appdata import shown_data, shown_everywhere


@pytest.mark.parametrize(
    ("application", "data", "shown"),
    [
        (b"Playback", b"tt-monkeys&demo", b"tt-monkeys&demo"),
        (b"PLAYBACK", b"tt-monkeys", b"tt-monkeys"),
        (b' "Playback"', b"tt-monkeys", b"tt-monkeys"),
        (b"Authenticate", b"1234", b"***"),
        (b"Authenticate", b"", b""),
        (b"Authenticate", b" ", b" "),
        (b"", b"1234", b"***"),
        (b"NoOp", b"the PIN is 1234", b"***"),
        (b"Dial", b"PJSIP/100", b"PJSIP/100"),
        (b"Dial", b"PJSIP/100,", b"PJSIP/100"),
        (b"Dial", b"PJSIP/100,20,A(x)", b"PJSIP/100,***"),
        (b"Dial", b"IAX2/u:pw@h/100@lab", b"IAX2/u:***@lab"),
        (b"Dial", b"PJSIP/t/sip:100@h:5060", b"PJSIP/t/sip:100@h:5060"),
        (b"Dial", b"PJSIP/t/SIPS:u:p:w@h", b"PJSIP/t/SIPS:u:***@h"),
        (b"Dial", b"SIP/a&SIP/b:pw@h", b"SIP/a&SIP/b:***@h"),
        (b"Gosub", b"lab,s,1(1234)", b"lab,***"),
        (b"Gosub", b"s(1234)", b"s(***"),
        (b"AGI", b"agi://u:pw@h/x?token=1,a", b"agi://u:***@h/x?***"),
        (b"MeetMe", b"100,d,1234", b"100,d,***"),
        (b"MeetMe", b"100?,d,1234", b"100?***"),
    ],
)
def test_only_harmless_application_data_are_shown(application: bytes, data: bytes, shown: bytes) -> None:
    assert shown_data(application, data) == shown


def test_several_applications_are_masked_as_the_strictest_of_them() -> None:
    assert shown_everywhere([b"Playback", b"Dial"], b"a,b") == b"a,***"
    assert shown_everywhere([b"Playback", b"DISA", b"Dial"], b"a,b") == b"***"
