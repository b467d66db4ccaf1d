"""Harmless programs keep working with the classes that their documentation gives them."""

from types import SimpleNamespace

import pytest

from amiproxy.ami.actions import SHIPPED
from amiproxy.ami.message import parse_action
from amiproxy.ami.privilege import parse_classes
from amiproxy.core.policy import Allow, decide
from tests.core.policy.honest import ACTIONS, CLASSES, Honest, name_of

CHANNELS = {"channel": "PJSIP/100-00000001", "other": "PJSIP/200-00000002"}


@pytest.mark.parametrize("honest", ACTIONS, ids=name_of)
def test_an_ordinary_action_is_allowed(honest: Honest) -> None:
    action = parse_action(honest.raw(**CHANNELS))
    user = SimpleNamespace(write=parse_classes(CLASSES[honest.program]), rules=None)
    verdict = decide(user, action, SHIPPED)
    assert isinstance(verdict, Allow), (honest.seen, verdict)


def test_each_program_has_enough_actions() -> None:
    assert len(ACTIONS) >= 57
    assert all(sum(honest.program == program for honest in ACTIONS) >= 9 for program in CLASSES)
