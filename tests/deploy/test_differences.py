"""The page on differences from Asterisk is generated from the list that the tests allow."""

from tests.asterisk.ajam import differences as ajam
from tests.asterisk.ajam.dialogues import DIALOGUES as OVER_HTTP
from tests.asterisk.dialogues.all import DIALOGUES
from tests.asterisk.dialogues.differences import BY_NAME, DIFFERENCES, PAGE, page


def test_the_page_is_generated_from_the_list() -> None:
    assert PAGE.read_text() == page(len(DIALOGUES), len(OVER_HTTP)), "make reference writes it"


def test_every_difference_has_a_session_and_every_session_a_known_one() -> None:
    named = {name.partition("@")[0] for one in DIALOGUES.values() for name in one.differences}
    assert named == {one.name for one in DIFFERENCES if not one.everywhere}
    assert len(BY_NAME) == len(DIFFERENCES)


def test_every_difference_over_http_has_a_dialogue_and_every_dialogue_known_ones() -> None:
    named = {name for one in OVER_HTTP.values() for name in one.differences}
    assert named == {one.name for one in ajam.DIFFERENCES if not one.everywhere}
    assert len(ajam.BY_NAME) == len(ajam.DIFFERENCES)
