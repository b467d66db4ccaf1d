"""How much of a value is recorded: enough to judge it again, and nothing private."""

from types import SimpleNamespace

import pytest

from amiproxy.ami import privilege
from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.arguments import Kind
from amiproxy.ami.message import parse_action
from amiproxy.core.learning import examples
from amiproxy.core.learning.recorder import Recorder
from amiproxy.core.policy import Allow, decide
from tests.core.policy.rows import ROWS


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
        (Kind.URI, "4712345678", "0000000000"),
        (Kind.URI, "tel:+4712345678", "tel:+0000000000"),
        (Kind.URI, "sip:4712345678", "sip:0000000000"),
        (Kind.URI, "sip:ada;key=hunter2", "sip:ada;xxx=xxxxxx0"),
        (Kind.URI, "sip:a@sip.example.org;key=hunter2?X=y", "sip:x@sip.example.org;xxx=xxxxxx0?x=x"),
        (Kind.DIAL_STRING, "IAX2/me@10.0.0.1/4712345678@out", "IAX2/me@10.0.0.1/0000000000@out"),
        (Kind.GOSUB, "sub,s,1(4712345678,Ada)", "sub,s,1(0000000000,xxx)"),
        (Kind.CONFERENCE, "4712345678", "0000000000"),
        (Kind.DATABASE_FAMILY, "cidname/4712345678", "cidname/0000000000"),
        (Kind.VARIABLE_READ, "DB(cidname/ada)", "DB(xxxxxxx/xxx)"),
        (Kind.VARIABLE_READ, "HINT(4712345678@sales,n)", "HINT(0000000000@sales,n)"),
        (Kind.VARIABLE_READ, "CURL(https://a:b1@c/${DB(x)})", "CURL(xxxxx://x:x0@x/${DB(x)})"),
        (Kind.VARIABLE_READ, 'OTHER("a7")', 'OTHER("x0")'),
        (Kind.VARIABLE_READ, "CHANNEL(state,a,b,c)", "CHANNEL(xxxxx,x,x,x)"),
        (Kind.VARIABLE_READ, "CRM_ID", "CRM_ID"),
        (Kind.VARIABLES_READ, "CALLERID(num),DB(a/b),X", "CALLERID(num),DB(x/x),X"),
        (Kind.VARIABLE_SET, "DB(cidname/ada)", "DB(xxxxxxx/xxx)"),
        (Kind.ASSIGNMENTS, "DB(cidname/ada)=x1", "DB(xxxxxxx/xxx)=x0"),
        (Kind.CLI_COMMAND, "database put blue ada hunter", "database put xxxx xxx xxxxxx"),
        (Kind.CLI_COMMAND, "core show channels concise", "core show channels concise"),
        (Kind.AGI_COMMAND, "SET VARIABLE PIN secret", "SET VARIABLE xxx xxxxxx"),
        (Kind.AGI_COMMAND, "GET VARIABLE CALLERID(num)", "GET VARIABLE CALLERID(num)"),
        (Kind.AGI_COMMAND, r'SET VARIABLE X "a \"b"', r'SET VARIABLE x "x \"x"'),
        (Kind.CLI_COMMAND, "queue add member Local/47@lab to a", "queue add member Local/00@xxx xx x"),
        (Kind.AGI_COMMAND, "EXEC Playback hello", "EXEC Playback xxxxx"),
        (Kind.CONFIG_OPTIONS, "allowdups,inherit=base", "allowdups,inherit=base"),
        (Kind.CONFIG_OPTIONS, "template,catfilter=pin=47", "template,catfilter=xxx=00"),
        (Kind.TEXT, "see you at 7", "xxx xxx xx 0"),
        (Kind.DATABASE_VALUE, "s3cret!", "x0xxxx!"),
        (Kind.TEXT, "y" * 500, "x" * examples.LONGEST),
    ],
)
def test_a_value_is_reduced_to_a_harmless_example(kind: Kind, value: str, kept: str) -> None:
    assert examples.example(kind, value.encode()) == kept.encode()


@pytest.mark.parametrize("write", ["all", "originate,call,agent,user,reporting,command,agi,message,config"])
def test_an_example_is_allowed_wherever_its_value_is(write: str) -> None:
    user = SimpleNamespace(write=privilege.parse_classes(write), rules=None)
    for row in ROWS:
        action = parse_action(row.raw)
        if isinstance(decide(user, action, SHIPPED), Allow):
            kept = Recorder(0.0)
            kept.action("ada", action, SHIPPED.described(action.key))
            (shape,) = kept.shapes
            assert isinstance(decide(user, shape.as_action(), SHIPPED), Allow), shape
