"""What an edge may do at most."""

from amiproxy.core.model.ceiling import Ceiling


def test_by_default_an_edge_may_do_nothing():
    assert Ceiling() == (frozenset(), 0, 0)
    assert Ceiling().names == frozenset()


def test_names_are_compared_without_regard_to_case():
    assert Ceiling(frozenset({"Board", "crm"})).names == {b"board", b"crm"}


def test_all_users():
    assert Ceiling(users=None).names is None
