import base64

import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from amiproxy.core.model.phc import (
    InvalidHash,
    check_hash,
    cost,
    dummy_hash,
    hash_secret,
    is_weak,
    random_secret,
    verify,
    work,
)

SALT = "c29tZXNhbHRzb21lc2FsdA"
KEY = "pzROa0WzGQXg1oZtBNgZtpGUNH8RAj/KA3SdRScQ91g"


def scrypt_hash(secret: bytes, exponent: int) -> str:
    salt = base64.b64decode(SALT + "==")
    key = Scrypt(salt=salt, length=32, n=1 << exponent, r=8, p=1).derive(secret)
    return f"$scrypt$ln={exponent},r=8,p=1${SALT}${base64.b64encode(key).decode().rstrip('=')}"


@pytest.mark.parametrize(
    "stored", [hash_secret(b"s3cret", 64, 1), scrypt_hash(b"s3cret", 4)], ids=["argon2id", "scrypt"]
)
def test_only_the_secret_itself_matches(stored: str) -> None:
    assert verify(stored, b"s3cret")
    for wrong in (b"", b"S3cret", b"s3cret ", b"s3cret\n"):
        assert not verify(stored, wrong)


def test_a_new_hash_has_the_documented_parameters_and_its_own_salt() -> None:
    first, second = hash_secret(b"x"), hash_secret(b"x")
    assert cost(first) == "$argon2id$v=19$m=19456,t=2,p=1"
    assert first != second
    assert verify(first, b"x")
    assert not is_weak(first)


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        ("hunter2", "plain text"),
        ("", "plain text"),
        ("$2b$12$abcdefghijklmnopqrstuv", "not a supported hash"),
        (f"$argon2i$v=19$m=64,t=1,p=1${SALT}${KEY}", "not a supported hash"),
        (f"$argon2id$v=16$m=64,t=1,p=1${SALT}${KEY}", "not a supported hash"),
        (f"$argon2id$v=19$m=64,t=1,p=1${SALT}$short", "not a supported hash"),
        (f"$argon2id$v=19$m=64,t=1,p=1${SALT}${KEY[:-2]}", "damaged"),
        (f"$argon2id$v=19$m=64,t=1,p=1${SALT[:-1]}B${KEY}", "damaged"),
        (f"$argon2id$v=19$m=262145,t=1,p=1${SALT}${KEY}", "at most 262144"),
        (f"$argon2id$v=19$m=64,t=17,p=1${SALT}${KEY}", "out of range"),
        (f"$argon2id$v=19$m=64,t=0,p=1${SALT}${KEY}", "out of range"),
        (f"$argon2id$v=19$m=64,t=1,p=17${SALT}${KEY}", "out of range"),
        (f"$argon2id$v=19$m=64,t=1,p=9${SALT}${KEY}", "out of range"),
        (f"$scrypt$ln=19,r=8,p=1${SALT}${KEY}", "more than the allowed"),
        (f"$scrypt$ln=0,r=8,p=1${SALT}${KEY}", "out of range"),
        (f"$scrypt$ln=4,r=0,p=1${SALT}${KEY}", "out of range"),
        (f"$scrypt$ln=4,r=8,p=17${SALT}${KEY}", "out of range"),
    ],
)
def test_a_hash_that_cannot_or_must_not_be_verified_is_refused(stored: str, says: str) -> None:
    with pytest.raises(InvalidHash, match=says) as error:
        check_hash(stored)
    assert "hunter2" not in str(error.value)
    assert "ami-proxy users hash" in error.value.remedy
    with pytest.raises(InvalidHash):
        verify(stored, b"x")


@pytest.mark.parametrize(
    "stored", [f"$argon2id$v=19$m=262144,t=16,p=4${SALT}${KEY}", f"$scrypt$ln=17,r=8,p=1${SALT}${KEY}"]
)
def test_the_most_costly_hashes_allowed_pass(stored: str) -> None:
    check_hash(stored)


@pytest.mark.parametrize("like", [None, f"$argon2id$v=19$m=64,t=3,p=2${SALT}${KEY}", scrypt_hash(b"x", 4)])
def test_a_dummy_hash_is_valid_equally_costly_and_different_each_time(like: str | None) -> None:
    dummy = dummy_hash(like)
    check_hash(dummy)
    assert cost(dummy) == (cost(like) if like else "$argon2id$v=19$m=19456,t=2,p=1")
    assert dummy != dummy_hash(like)


@pytest.mark.parametrize(
    ("stored", "weak"),
    [
        (f"$argon2id$v=19$m=19456,t=1,p=1${SALT}${KEY}", True),
        (f"$argon2id$v=19$m=9728,t=4,p=1${SALT}${KEY}", False),
        (f"$scrypt$ln=16,r=8,p=1${SALT}${KEY}", True),
        (f"$scrypt$ln=17,r=8,p=1${SALT}${KEY}", False),
    ],
)
def test_a_hash_cheaper_than_our_own_is_weak(stored: str, weak: bool) -> None:
    assert is_weak(stored) is weak


def test_work_orders_hashes_by_their_cost() -> None:
    written = ["plain", "$argon2id$v=19$m=64,t=1,p=1", "$scrypt$ln=10,r=8,p=1", "$scrypt$ln=10,r=8,p=2",
               "$argon2id$v=19$m=19456,t=1,p=1", "$argon2id$v=19$m=19456,t=2,p=1",
               "$scrypt$ln=17,r=8,p=1"]  # fmt: skip
    assert [work(f"{like}${SALT}${KEY}") for like in written] == [0, 64, 1024, 2048, 19456, 38912, 131072]


def test_random_secrets_differ_and_have_48_characters() -> None:
    made = {random_secret() for _ in range(10)}
    assert {len(secret) for secret in made} == {48}
    assert len(made) == 10
