"""What is kept of a value: enough to judge it again, and nothing that is anybody's business."""

import pytest

from proxy.ami.arguments import Kind
from proxy.core.learning import examples


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        (Kind.CONTEXT, "from-internal", "from-internal"),
        (Kind.EXTENSION, "+4712345678", "+0000000000"),
        (Kind.EXTENSION, "s", "s"),
        (Kind.DIAL_STRING, "PJSIP/201", "PJSIP/201"),
        (Kind.DIAL_STRING, "PJSIP/4712345678@trunk", "PJSIP/0000000000@trunk"),
        (Kind.DIAL_STRING, "DAHDI/g1/5551234", "DAHDI/g1/0000000"),
        (Kind.DIAL_STRING, "Local/5551234@internal/n", "Local/0000000@internal/n"),
        (Kind.DIAL_STRING, "IAX2/me:hunter2@10.0.0.1/1", "IAX2/xx:xxxxxx0@10.0.0.1/1"),
        (Kind.CHANNEL, "PJSIP/201-0000abcd", "PJSIP/201-00000000"),
        (Kind.CHANNEL, "Local/5551234@internal-0000abcd;2", "Local/0000000@internal-00000000;2"),
        (Kind.CHANNEL, "1700000000.17", "0000000000.0"),
        (Kind.CHANNEL_OR_ALL, "all", "all"),
        (Kind.CALLER_ID, '"Ada L." <5551234>', '"xxx x." <0000000>'),
        (Kind.APPLICATION, "ChanSpy", "ChanSpy"),
        (Kind.ASSIGNMENTS, "PIN=4711,__CRM_ID=a7", "PIN=0000,__CRM_ID=x0"),
        (Kind.VARIABLE_VALUE, "hunter2", "xxxxxx0"),
        (Kind.VARIABLE_READ, "CALLERID(num)", "CALLERID(num)"),
        (Kind.CLI_COMMAND, "database put auth 100 hunter2", "database put auth 000 xxxxxx0"),
        (Kind.CLI_COMMAND, "core show  channels", "core show channels"),
        (Kind.URI, "pjsip:trunk/sip:ada@sip.example.org", "pjsip:xxxxx/xxx:xxx@sip.example.org"),
        (Kind.URI, "pjsip:100", "pjsip:100"),
        (Kind.TEXT, "see you at 7", "xxx xxx xx 0"),
        (Kind.DATABASE_VALUE, "s3cret!", "x0xxxx!"),
        (Kind.TEXT, "y" * 500, "x" * examples.LONGEST),
    ],
)
def test_example(kind: Kind, value: str, kept: str) -> None:
    assert examples.example(kind, value.encode()) == kept.encode()
