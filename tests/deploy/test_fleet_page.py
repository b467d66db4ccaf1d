"""The page on the fleet agrees with the code: reasons, sections, and the metrics' known labels."""

import re
from pathlib import Path

from amiproxy.core.fleet.desk import REFUSALS

PAGE = (Path(__file__).parents[2] / "deploy/fleet.md").read_text()


def test_it_explains_every_reason_for_which_an_agent_refuses() -> None:
    table = PAGE.partition("### What an agent refuses")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z ]+)` \|", table, re.MULTILINE) == list(REFUSALS)
