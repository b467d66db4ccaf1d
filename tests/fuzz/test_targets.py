"""The targets over their corpus, without coverage guidance: this shows that they run, and find faults."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami import message
from tests.fuzz.corpus import LONGEST, found, seeds
from tests.fuzz.names import NAMES
from tests.fuzz.targets import TARGETS


def test_every_target_is_listed_by_name() -> None:
    assert tuple(TARGETS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_target_accepts_its_seeds_and_mutations_of_them(name: str) -> None:
    begin = seeds(name)
    assert begin
    chance = random.Random(name)
    for seed in chance.sample(begin, min(40, len(begin))):
        assert len(seed) <= LONGEST
        TARGETS[name](seed)
        for _ in range(3):
            damaged = bytearray(seed)
            for _ in range(chance.randrange(1, 4)):
                place = chance.randrange(len(damaged) + 1)
                match chance.randrange(3):
                    case 0:
                        damaged[place:place] = chance.choice([b"\r\n", b"\n", b"\0", b"\r", b":", b"\xff"])
                    case 1:
                        del damaged[place : place + chance.randrange(8)]
                    case _:
                        damaged[place : place + 1] = chance.randbytes(1)
            TARGETS[name](bytes(damaged))


@pytest.mark.parametrize("name", NAMES)
def test_an_input_that_failed_once_does_not_fail_again(name: str) -> None:
    for data in found(name):
        TARGETS[name](data)


@pytest.mark.parametrize("name", NAMES)
@given(data=st.binary(max_size=200))
def test_a_target_accepts_any_bytes(name: str, data: bytes) -> None:
    TARGETS[name](data)


def test_a_target_finds_the_fault_that_it_looks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message, "_CONTROL", message.re.compile(rb"(?!)"))
    with pytest.raises(AssertionError):
        TARGETS["client_bytes"](b"Action: Setvar\r\nVariable: a=1\0,b=2\r\n\r\n")
