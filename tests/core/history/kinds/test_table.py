"""The table of kinds: each has what the state and the snapshots need."""

from types import GetSetDescriptorType

import pytest

from amiproxy.core.history.kinds.table import KINDS
from amiproxy.core.history.state.item import Item
from amiproxy.core.history.state.kind import Kind, Maker


def clock() -> float:
    return 0.0


def test_no_two_kinds_have_the_same_name() -> None:
    names = [make(clock).name for make in KINDS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("make", KINDS)
def test_each_kind_has_lists_forms_and_events(make: Maker) -> None:
    kind = make(clock)
    assert kind.lists
    assert kind.events
    for form in kind.forms.values():
        assert set(form.keys) <= set(form.fields)
        assert form.compared <= set(form.fields)
        assert form.carriers


def _attributes(kind: Kind) -> list[str]:
    """Its own attributes, of the class in both of its forms: a compiled one has no ``__dict__``."""
    if hasattr(kind, "__dict__"):
        return list(vars(kind))
    described = [attribute for one in type(kind).__mro__ for attribute in vars(one).items()]
    return [name for name, value in described if isinstance(value, GetSetDescriptorType)]


@pytest.mark.parametrize("make", KINDS)
def test_another_instance_inherits_all_that_one_knows_and_goes_its_own_way(make: Maker) -> None:
    """A kind with attributes of its own has to copy them; see ``Kind.inherit``."""
    kind, other = make(clock), make(clock)
    (form, *_) = kind.forms.values()
    kind._items[b"marked"] = Item(form, b"marked", {})
    own = [
        name
        for name in _attributes(kind)
        if isinstance(getattr(kind, name), dict | set | list) and name not in {"events", "forms", "lists"}
    ]
    for name in own:
        known = getattr(kind, name)
        if isinstance(known, dict):
            known.setdefault(b"marked", {})
        elif isinstance(known, set):
            known.add(b"marked")
        else:
            known.append(b"marked")
    other.inherit(kind)
    for name in own:
        assert getattr(other, name) == getattr(kind, name), name
        assert getattr(other, name) is not getattr(kind, name), name
