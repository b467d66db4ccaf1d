"""``ami-proxy learn``: it prints a valid entry of users.yaml, whatever was recorded."""

import pytest
import yaml

from amiproxy.ami import privilege
from amiproxy.cli.learn import lines_of
from amiproxy.config import UserEntry
from amiproxy.core.learning.proposal import Proposal
from amiproxy.core.learning.recorder import Shape
from amiproxy.core.model.rules import Rules

PROPOSAL = Proposal(privilege.CALL, privilege.ORIGINATE, Rules(), (), ())


@pytest.mark.parametrize("name", ["ada", "1001", "yes", "null", "a: b", "#x", "0x10", "1e3"])
def test_a_name_that_yaml_might_convert_is_kept(name: str) -> None:
    lines = lines_of(name, UserEntry(), PROPOSAL, [])
    assert list(yaml.safe_load("\n".join(["users:", *lines]))["users"]) == [name]


@pytest.mark.parametrize("end", ["\n", "\r", "\x85", "\x1b[2J", "\x9b2J"])
def test_a_recorded_name_cannot_end_its_comment(end: str) -> None:
    # A caller who can forge an event chooses its name.
    forged = f"Newchannel{end}    write: [all]{end}"
    shape = Shape("ada", forged.encode("latin-1"), ())
    lines = lines_of("ada", UserEntry(), PROPOSAL._replace(refused=(shape,)), [forged, "Hangup"])
    text = "\n".join(["users:", *lines])
    assert yaml.safe_load(text)["users"]["ada"]["write"] == ["originate"]
    assert all(0x20 <= ord(character) < 0x7F or character == "\n" for character in text)
    assert "{name: Hangup}" in text
