"""What real Asterisks have sent leads the board to the same as the kinds of the proxy's history."""

from pathlib import Path

import pytest

import tests.core.history.kinds.test_recordings as kinds
from tests.core.history.kinds.recorded import messages
from tests.net.doors.http.page.files.model.history import Both


def played(recording: Path) -> Both:
    """A recording with its lists, each of which the board is given once, as the first snapshot is."""
    both = Both()
    listing, answers, shown = "", [], set[str]()
    for paragraph in recording.read_text().split("\n\n"):
        first = paragraph.strip().split("\n")[0]
        both.clock.advance(0.25)
        if first.startswith("List: "):
            listing, answers = first.removeprefix("List: "), []
        elif first.startswith("End: "):
            if listing not in shown:
                both.kinds[listing].replace(answers)
                shown.add(listing)
                both.show(listing)
            both.look()
            listing = ""
        elif listing:
            answers += messages(paragraph)
        else:
            both.happen(paragraph)
            if shown:
                both.look(within=True)
    return both


@pytest.mark.parametrize("recording", kinds.RECORDINGS, ids=lambda path: path.stem)
def test_the_board_follows_what_asterisk_has_sent(recording: Path) -> None:
    both = played(recording)
    assert len(both.expected) > 50
    both.compare()


@pytest.mark.parametrize("version", [22, 16])
def test_the_board_follows_the_channels_of_an_asterisk(version: int) -> None:
    both = Both()
    both.show()
    both.happen((kinds.RECORDINGS[0].parent / f"calls-{version}.ami").read_text())
    both.look()
    both.compare()
