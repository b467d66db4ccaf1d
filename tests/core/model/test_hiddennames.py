"""Patterns for names of variables: which texts are accepted."""

import pytest

from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.hiddennames import HIDDEN_NAMES, HiddenName


@pytest.mark.parametrize("text", [*HIDDEN_NAMES, "CARD_NO", "card?", "*Kürzel*", "a.b-c"])
def test_a_name_may_contain_wildcards(text: str) -> None:
    assert HiddenName.from_text(text) == text


@pytest.mark.parametrize("text", ["", "*", "*?*", "A B", "A=B", "A\n", "[ab]", "${PIN}"])
def test_a_text_that_is_not_a_name_or_matches_any_name_is_refused(text: str) -> None:
    with pytest.raises(Unfit, match="not a pattern"):
        HiddenName.from_text(text)
