"""Which parts of journals are kept for the next client."""

from amiproxy.core.clients.history.pieces import Piece, Pieces


def test_the_pieces_used_last_are_kept() -> None:
    pieces = Pieces()
    for number in range(32):
        pieces.keep(number, Piece(b"%d" % number, 1))
    assert pieces.find(0) == (b"0", 1)
    pieces.keep(32, Piece(b"32", 1))
    assert pieces.find(1) is None
    assert pieces.find(0) == (b"0", 1)
    pieces.clear()
    assert pieces.find(0) is None
