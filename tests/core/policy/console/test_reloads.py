"""A reload gets the same verdict for the same effect, whichever action asks for it."""

from types import SimpleNamespace

import pytest

from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.message import parse_action
from amiproxy.ami.privilege import parse_classes
from amiproxy.core.policy import Deny, decide

MANAGER = [
    "Reload\nModule: manager",
    "Reload\nModule: manager.so",
    "UpdateConfig\nSrcFilename: x.conf\nDstFilename: x.conf\nReload: manager",
    "Command\nCommand: manager reload",
    "Command\nCommand: module reload manager",
    "Command\nCommand: module reload x manager.so",
    "Command\nCommand: reload manager",
    "Command\nCommand: config reload manager.conf",
    "Command\nCommand: config reload /etc/asterisk/users.conf",
]
EVERYTHING = [
    "Reload",
    "UpdateConfig\nSrcFilename: x.conf\nDstFilename: x.conf\nReload: yes",
    "Command\nCommand: core reload",
    "Command\nCommand: module reload",
    "Command\nCommand: reload",
    'Command\nCommand: reload ""',
    "Command\nCommand: config reload",
]


@pytest.mark.parametrize("action", [*MANAGER, *EVERYTHING])
@pytest.mark.parametrize(
    ("write", "allowed"), [("command,config", False), ("command,system", True), ("all", True)]
)
def test_every_way_to_the_same_effect_gets_the_same_verdict(action: str, write: str, allowed: bool) -> None:
    user = SimpleNamespace(write=parse_classes(write), rules=None)
    if action.startswith("UpdateConfig") and write == "command,system":
        user.write |= parse_classes("config")
    verdict = decide(user, parse_action(f"Action: {action}\n\n".encode()), SHIPPED)
    if allowed:
        assert not isinstance(verdict, Deny)
    else:
        assert verdict == Deny(b"Permission denied", "reload-manager")
