"""The same requests at both doors: statuses, headers and bodies are equal, but for listed differences."""

import pytest

from tests.asterisk.ajam.dialogues import DIALOGUES
from tests.asterisk.ajam.differences import BY_NAME, DIFFERENCES
from tests.asterisk.ajam.door import AjamDoor
from tests.asterisk.ajam.player import play


@pytest.mark.parametrize("name", DIALOGUES)
def test_a_dialogue_is_the_same_at_both_doors(native: AjamDoor, ours: AjamDoor, name: str) -> None:
    dialogue = DIALOGUES[name]
    allowed = [one for one in DIFFERENCES if one.everywhere] + [BY_NAME[key] for key in dialogue.differences]
    said, answered = play(native, dialogue), play(ours, dialogue)
    for number, step in enumerate(dialogue.steps):
        theirs, mine = said[number], answered[number]
        for difference in allowed:
            theirs, mine = difference.without(theirs, mine)
        assert mine == theirs, step


@pytest.mark.parametrize("name", [name for name, one in DIALOGUES.items() if one.differences])
def test_each_difference_that_a_dialogue_names_is_seen_in_it(
    native: AjamDoor, ours: AjamDoor, name: str
) -> None:
    dialogue = DIALOGUES[name]
    said, answered = play(native, dialogue), play(ours, dialogue)
    for key in dialogue.differences:
        without = BY_NAME[key].without
        changed = [
            without(theirs, mine) != (theirs, mine) for theirs, mine in zip(said, answered, strict=True)
        ]
        assert any(changed), key
