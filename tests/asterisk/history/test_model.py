"""A sample of the model test; ``make soak-history`` runs it for longer."""

from pathlib import Path

import pytest

from tests.asterisk.history.attempts import attempts
from tests.asterisk.history.model import Model
from tests.asterisk.lab.asterisk import Asterisk


@pytest.mark.parametrize("seed", [1, 2])
async def test_snapshots_and_resumes_never_show_what_is_not_there(
    pbx: Asterisk, tmp_path: Path, seed: int
) -> None:
    async def attempt(seed: int) -> None:
        directory = tmp_path / str(seed)
        directory.mkdir()
        model = Model(pbx, directory, seed, spares=pbx.version)
        try:
            await model.start()
            for _ in range(3):
                await model.round()
            await model.restart()
            await model.round()
        finally:
            await model.stop()
        assert model.done["resumes"] > 2
        assert model.done["snapshots"] > 8

    await attempts(pbx, seed, attempt)
