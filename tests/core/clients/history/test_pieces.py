"""Which events of journals are kept for the next client."""

from amiproxy.core.clients.history.pieces import Pieces


def test_what_was_made_is_kept_by_key_until_it_is_cleared() -> None:
    pieces = Pieces()
    pieces.of("a")[7] = b"seven"
    pieces.grow(1, 5)
    assert pieces.of("a") == {7: b"seven"}
    assert pieces.of("b") == {}
    pieces.clear()
    assert pieces.of("a") == {}


def test_nothing_is_kept_of_too_much() -> None:
    pieces = Pieces()
    pieces.of("a")[1] = b"x"
    pieces.grow(1000, 4 << 20)
    assert pieces.of("a") == {}
    pieces.of("a")[2] = b"y"
    pieces.grow(1, 1)
    assert pieces.of("a") == {2: b"y"}
