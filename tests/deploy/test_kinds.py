"""The page for authors of clients names each kind of the state, its items, and who may see them."""

import re

import pytest

from amiproxy.core.history.kinds.table import KINDS
from amiproxy.core.history.state.kind import Kind
from tests.deploy.pages import TOP

_PAGE = (TOP / "deploy/clients.md").read_text()
_ROW = re.compile(r"^\| `(\w+)` \| (.*) \| (.*) \| (.*) \|$", re.MULTILINE)
_ROWS = {name: (items, events) for name, items, events, _ in _ROW.findall(_PAGE)}
_KINDS = [make(lambda: 0.0) for make in KINDS]


@pytest.mark.parametrize("kind", _KINDS, ids=lambda kind: kind.name)
def test_the_page_names_the_items_of_each_kind(kind: Kind) -> None:
    items, _ = _ROWS[kind.name]
    assert set(re.findall(r"`(\w+)`", items)) == {name.decode() for name in kind.forms}


@pytest.mark.parametrize("kind", _KINDS, ids=lambda kind: kind.name)
def test_the_page_names_the_events_that_tell_each_kind_and_their_classes(kind: Kind) -> None:
    _, events = _ROWS[kind.name]
    named = re.findall(r"`(\w+)(…?)`", events)
    for form in kind.forms.values():
        for carrier in form.carriers:
            event = carrier.event.decode()
            assert any(event == name or (more and event.startswith(name)) for name, more in named), event
            assert all(f"`{one}`" in events for one in carrier.classes.decode().split(","))
