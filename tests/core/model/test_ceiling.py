"""What an edge may do at most."""

from amiproxy.core.model.ceiling import Ceiling


def test_by_default_an_edge_may_do_nothing():
    assert Ceiling() == (frozenset(), 0, 0)
    assert Ceiling().names == frozenset()


def test_names_are_compared_without_regard_to_case():
    assert Ceiling(frozenset({"Board", "crm"})).names == {b"board", b"crm"}


def test_classes_are_compared():
    one = Ceiling(read=1, write=2)
    assert one.has_classes_of(Ceiling(read=1))
    assert not one.has_classes_of(Ceiling(read=2))
    assert not one.has_classes_of(Ceiling(write=1))


def test_all_users():
    assert Ceiling(users=None).names is None
