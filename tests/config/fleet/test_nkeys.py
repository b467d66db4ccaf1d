"""Seeds and public keys are those of NATS: compared with its own library for Python, nkeys."""

import base64

import nkeys
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.config.fleet.nkeys import KEY_BYTES, check_seed, public_of, seed_of, signature
from amiproxy.core.model.errors import Unfit

KEYS = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)
SEED = seed_of(bytes(range(32)))


@given(KEYS)
def test_a_seed_and_its_public_key_are_those_of_the_library(key: bytes) -> None:
    seed = seed_of(key)
    check_seed(seed)
    theirs = nkeys.from_seed(bytearray(seed))
    assert nkeys.encode_seed(key, nkeys.PREFIX_BYTE_USER) == seed
    assert public_of(seed) == theirs.public_key.decode()
    assert base64.urlsafe_b64decode(signature(seed, "nonce") + "==") == theirs.sign(b"nonce")
    assert (len(seed), seed[:2], public_of(seed)[:1]) == (58, b"SU", "U")


@pytest.mark.parametrize(
    "seed",
    [
        b"",
        b"S",
        SEED[:-1],
        SEED + b"A",
        SEED.lower(),
        SEED[:20] + b"1" + SEED[21:],
        public_of(SEED).encode(),
        bytes(nkeys.encode_seed(bytes(32), nkeys.PREFIX_BYTE_ACCOUNT)),
        SEED[:30] + (b"A" if SEED[30:31] != b"A" else b"B") + SEED[31:],
    ],
)
def test_what_is_not_the_seed_of_a_user_is_refused_and_not_repeated(seed: bytes) -> None:
    for look in (check_seed, public_of):
        with pytest.raises(Unfit) as error:
            look(seed)
        assert len(seed) < 2 or seed.decode() not in f"{error.value} {error.value.remedy}"


@given(st.one_of(st.binary(max_size=80), st.text("ABSU27=", max_size=64).map(str.encode)))
def test_any_bytes_are_a_seed_or_are_refused(data: bytes) -> None:
    try:
        check_seed(data)
    except Unfit:
        return
    assert data == seed_of(nkeys.decode_seed(bytearray(data))[1])
