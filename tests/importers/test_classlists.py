"""Class lists: the quirks of ami.md §3 are told and never copied."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ami.privilege import CLASS_NAMES, parse_classes
from proxy.importers.classlists import read_classes


@pytest.mark.parametrize(
    ("value", "classes", "remarked"),
    [
        ("all", "all", ()),
        ("call,all", "all", ()),
        ("system,call,agent", ["system", "call", "agent"], ()),
        ("call,call", ["call"], ()),
        ("none", [], ()),
        ("", [], ()),
        # A short word before a comma grants all that begins with it.
        ("c,dtmf", ["dtmf"], ("c is no class", "granting call, cc, cdr, command, config,")),
        # An empty word grants everything.
        ("call,,dtmf", ["call", "dtmf"], ("an empty word", "granting every class")),
        (",call", ["call"], ("an empty word", "granting every class")),
        # Behind a blank a class is lost.
        ("call, dtmf", ["call"], ("dtmf stands beside a blank",)),
        ("Call", [], ("Call is no class: Asterisk takes lower case only",)),
        ("call,hint", ["call"], ("hint is no class",)),
    ],
)
def test_what_comes_over(value: str, classes: object, remarked: tuple[str, ...]) -> None:
    found = read_classes(value)
    assert found.classes == classes
    assert len(found.remarks) == len(remarked)
    for remark, part in zip(found.remarks, remarked, strict=True):
        assert part in remark


@given(st.lists(st.sampled_from([*CLASS_NAMES, "", "c", "x", " call", "all", "none", "CALL"])))
def test_nothing_comes_over_that_is_not_written(words: list[str]) -> None:
    classes = read_classes(",".join(words)).classes
    if classes == "all":
        assert "all" in words
    else:
        assert set(classes) <= {word.strip() for word in words}
        parse_classes(",".join(classes))
