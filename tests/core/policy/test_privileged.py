"""Which actions are recorded in the audit log."""

from amiproxy.ami.actions import LOCAL, SHIPPED
from amiproxy.ami.message import Action, parse_action
from amiproxy.core.policy.privileged import is_privileged


def test_every_action_is_privileged_except_those_that_only_read() -> None:
    assert not is_privileged(parse_action(b"Action: Getvar\nVariable: A\n\n"))
    assert not any(is_privileged(Action([(b"Action", name)])) for name in LOCAL)
    for name in (b"Originate", b"Command", b"GetConfig", b"PJSIPShowAuths", b"QueuePause", b"NoSuch"):
        assert is_privileged(Action([(b"Action", name)]))
    assert SHIPPED.find(b"status")
