import re
from pathlib import Path

from amiproxy.tools.fleet.accounts import accounts, permissions
from tests.tools.fleet.test_plan import WHOLE, plan_of


def test_a_process_may_use_its_own_subjects_and_no_others(tmp_path: Path) -> None:
    found = permissions(plan_of(tmp_path, WHOLE))
    assert found["berlin-b"] == (
        ("ami.v1.ev.berlin.berlin-b", "ami.v1.ev.paris.berlin-b"),
        (
            *("ami.v1.act.berlin.berlin-b.*", "ami.v1.ask.berlin.berlin-b.*"),
            *("ami.v1.act.paris.berlin-b.*", "ami.v1.ask.paris.berlin-b.*"),
        ),
        True,
    )
    assert found["edge1"] == (
        (
            *("ami.v1.act.berlin.berlin-a.edge1", "ami.v1.ask.berlin.berlin-a.edge1"),
            *("ami.v1.act.berlin.berlin-b.edge1", "ami.v1.ask.berlin.berlin-b.edge1"),
        ),
        ("ami.v1.ev.berlin.berlin-a", "ami.v1.ev.berlin.berlin-b", "_INBOX.edge1.>"),
        False,
    )
    assert all(one.publish and one.subscribe for one in found.values())


def test_each_key_is_a_user_and_each_user_has_lists_of_what_it_may(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, WHOLE)
    keys = {name: (f"U{name}",) for name in plan.processes} | {"edge1": ("Unew", "Uold", "Unew")}
    text = accounts(plan, keys)
    users = re.findall(r"\{nkey: (\S+), permissions: \{\n\s+publish: \{allow: \[\"", text)
    assert users == ["Uberlin-a", "Uberlin-b", "Uparis-a", "Unew", "Uold", "Uedge2", "Uedge3"]
    assert text.count('subscribe: {allow: ["') == len(users)
    assert text.count("allow_responses") == len(plan.agents)
