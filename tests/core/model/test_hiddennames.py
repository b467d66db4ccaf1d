"""Patterns for names of variables: what can be one."""

import pytest

from amiproxy.core.model.errors import Unfit
from amiproxy.core.model.hiddennames import HIDDEN_NAMES, HiddenName


@pytest.mark.parametrize("text", [*HIDDEN_NAMES, "CARD_NO", "card?", "*Kürzel*", "a.b-c"])
def test_a_name_with_wildcards(text: str) -> None:
    assert HiddenName.from_text(text) == text


@pytest.mark.parametrize("text", ["", "*", "*?*", "A B", "A=B", "A\n", "[ab]", "${PIN}"])
def test_what_is_no_name_or_any_name_is_refused(text: str) -> None:
    with pytest.raises(Unfit, match="not a pattern"):
        HiddenName.from_text(text)
