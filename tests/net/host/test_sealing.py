"""Tokens sealed with AES."""

import re
from base64 import urlsafe_b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.net.host.sealing import AesSealer

NUMBERS = st.integers(0, 2**64 - 1)
SEALER = AesSealer([b"k" * 16])


@given(NUMBERS, NUMBERS)
def test_what_was_sealed_can_be_opened(epoch: int, sequence: int) -> None:
    token = SEALER.seal(epoch, sequence)
    assert re.fullmatch(rb"[A-Za-z][A-Za-z0-9_-]{22}", token)
    assert SEALER.open(token) == ((epoch, sequence),)
    assert SEALER.seal(epoch, sequence) == token


def test_the_known_answer_of_aes() -> None:
    # FIPS 197, appendix C.1.
    sealer = AesSealer([bytes(range(16))])
    token = sealer.seal(0x0011223344556677, 0x8899AABBCCDDEEFF)
    assert urlsafe_b64decode(token[1:] + b"==").hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"


def test_those_with_the_same_key_open_each_others_tokens() -> None:
    assert AesSealer([b"k" * 16]).open(SEALER.seal(7, 8)) == ((7, 8),)
    assert AesSealer([b"l" * 16]).open(SEALER.seal(7, 8)) != ((7, 8),)


def test_tokens_of_earlier_keys_still_open_and_new_ones_are_of_the_first() -> None:
    rotated = AesSealer([b"l" * 16, b"k" * 16])
    opened = rotated.open(SEALER.seal(7, 8))
    assert len(opened) == 2
    assert opened[1] == (7, 8)
    assert rotated.seal(7, 8) == AesSealer([b"l" * 16]).seal(7, 8)
    assert rotated.open(rotated.seal(7, 8))[0] == (7, 8)


def test_each_process_has_a_key_of_its_own() -> None:
    assert AesSealer().seal(7, 8) != AesSealer().seal(7, 8)


def test_neighbouring_positions_have_nothing_in_common() -> None:
    tokens = [SEALER.seal(7, sequence) for sequence in range(100)]
    assert len({token[1:5] for token in tokens}) == 100
    assert len({token[-4:] for token in tokens}) == 100


@given(st.integers(0, 22), st.binary(min_size=1, max_size=1))
def test_a_token_in_which_one_sign_differs_is_another_position_or_none(place: int, sign: bytes) -> None:
    token = SEALER.seal(7, 8)
    changed = token[:place] + sign + token[place + 1 :]
    if changed != token:
        assert not SEALER.open(changed) or SEALER.open(changed)[0][0] != 7


@pytest.mark.parametrize(
    "token",
    [b"", b"A", b"B" + b"a" * 22, b"A" + b"a" * 21, b"A" + b"a" * 23, b"A" + b"!" * 22, b"A" + b"=" * 22],
)
def test_other_texts_are_not_tokens(token: bytes) -> None:
    assert SEALER.open(token) == ()


@given(st.binary(max_size=30))
def test_any_bytes_are_a_token_or_none(token: bytes) -> None:
    opened = SEALER.open(token)
    assert not opened or SEALER.seal(*opened[0]) == token


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="16"):
        AesSealer([b"k" * 16, b"short"])
