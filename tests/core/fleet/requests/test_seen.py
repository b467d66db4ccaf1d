"""A request is executed once, however often it comes."""

from amiproxy.core.fleet.requests.seen import WINDOW, Seen


def test_an_id_is_new_once():
    seen = Seen()
    assert seen.add(b"a" * 16, 0) == ""
    assert seen.add(b"b" * 16, 0) == ""
    assert seen.add(b"a" * 16, 0) == "repeated"
    assert len(seen) == 2


def test_an_id_is_remembered_until_its_request_has_expired():
    seen = Seen()
    seen.add(b"a" * 16, 5)
    assert seen.add(b"a" * 16, 5 + WINDOW) == "repeated", "a request may expire that late"
    assert seen.add(b"a" * 16, 6 + WINDOW) == ""


def test_when_the_window_is_full_new_ids_are_refused_and_none_is_forgotten():
    seen = Seen(most=2)
    seen.add(b"a", 0)
    seen.add(b"b", 1)
    assert seen.add(b"c", 2) == "too many"
    assert seen.add(b"a", 2) == "repeated"
    seen.forget(1 + WINDOW)
    assert len(seen) == 1
    assert seen.add(b"c", 1 + WINDOW) == ""
