"""Attempts at real Asterisks that are ended by a signal in the middle."""

import os
import signal

import pytest

from tests.asterisk.history.attempts import attempts
from tests.asterisk.lab.asterisk import Asterisk
from tests.support.ami_client import AmiClient


class Attempt:
    """Some actions; in the first attempts Asterisk crashes among them."""

    def __init__(self, pbx: Asterisk, crashes: int) -> None:
        self._pbx = pbx
        self._crashes = crashes
        self.seeds: list[int] = []

    async def __call__(self, seed: int) -> None:
        self.seeds.append(seed)
        async with await AmiClient.connect(self._pbx.host, self._pbx.port) as ami:
            await ami.login(self._pbx.user, self._pbx.secret, Events="off")
            if len(self.seeds) <= self._crashes:
                os.kill(self._pbx.pid, signal.SIGSEGV)
                await ami.ended()
            assert (await ami.action("CoreStatus")).get("Response") == "Success"


@pytest.mark.parametrize("crashes", [0, 1, 2])
async def test_another_attempt_follows_a_crash(pbx: Asterisk, crashes: int) -> None:
    attempt = Attempt(pbx, crashes)
    await attempts(pbx, 7, attempt)
    assert attempt.seeds == [7, 1007, 2007][: crashes + 1]
    assert pbx.is_running


async def test_three_crashes_are_a_failure(pbx: Asterisk) -> None:
    attempt = Attempt(pbx, 3)
    with pytest.raises(pytest.fail.Exception, match="crashed in each of 3 attempts: seed 7: signal 11"):
        await attempts(pbx, 7, attempt)
    assert attempt.seeds == [7, 1007, 2007]
    assert pbx.is_running


async def test_a_failure_without_a_crash_is_one_at_once(pbx: Asterisk) -> None:
    seeds = []

    async def wrong(seed: int) -> None:
        seeds.append(seed)
        raise AssertionError("the picture is wrong")

    with pytest.raises(AssertionError, match="the picture is wrong"):
        await attempts(pbx, 7, wrong)
    assert seeds == [7]
    assert pbx.is_running
