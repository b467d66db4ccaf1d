"""The page on the fleet agrees with the code."""

import re
from pathlib import Path

from amiproxy.core.fleet import repair
from amiproxy.core.fleet.desk import REFUSALS
from amiproxy.core.fleet.requests import generations, ownqueries, seen
from amiproxy.core.servers.answers import failures

DEPLOY = Path(__file__).parents[2] / "deploy"
PAGE = (DEPLOY / "fleet.md").read_text()


def test_it_explains_every_reason_for_which_an_agent_refuses() -> None:
    table = PAGE.partition("### What an agent refuses")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z ]+)` \|", table, re.MULTILINE) == list(REFUSALS)


def test_it_has_every_text_that_leaves_an_outcome_open_or_excludes_an_execution() -> None:
    texts = [text.decode() for text in vars(failures).values() if isinstance(text, bytes)]
    wanted = [text for text in texts if text.endswith(("(outcome unknown)", "(not executed)"))]
    assert len(wanted) > 2
    assert [text for text in (*wanted, failures.NOT_CONNECTED.decode()) if f"`{text}`" not in PAGE] == []


def test_the_page_of_limits_has_those_of_the_code() -> None:
    table = (DEPLOY / "limits.md").read_text().partition("## Edges and agents of a fleet")[2]
    table = table.partition("\n## ")[0]
    for limit in (
        f"{seen.MOST:,} within a minute",
        f"{seen.WINDOW // 1000} seconds",
        f"{ownqueries.MOST} wait",
        f"{repair.ROOM >> 20} MiB",
        f"{generations.SECONDS:.0f} seconds",
    ):
        assert limit in table
