"""Class lists: the quirks of Asterisk's parser are reported and never copied."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiproxy.ami.privilege import CLASS_NAMES, parse_classes
from amiproxy.tools.importers.classlists import read_classes


@pytest.mark.parametrize(
    ("value", "classes", "remarked"),
    [
        ("all", "all", ()),
        ("call,all", "all", ()),
        ("system,call,agent", ["system", "call", "agent"], ()),
        ("call,call", ["call"], ()),
        ("none", [], ()),
        ("", [], ()),
        # A short word before a comma grants every class that begins with it.
        ("c,dtmf", ["dtmf"], ("c is not a class", "granting call, cc, cdr, command, config,")),
        # An empty word grants everything.
        ("call,,dtmf", ["call", "dtmf"], ("an empty word", "granting every class")),
        (",call", ["call"], ("an empty word", "granting every class")),
        # A class after a blank is lost.
        ("call, dtmf", ["call"], ("dtmf is next to a blank",)),
        ("Call", [], ("Call is not a class: Asterisk accepts lower case only",)),
        ("call,hint", ["call"], ("hint is not a class",)),
    ],
)
def test_written_classes_are_imported_with_remarks(
    value: str, classes: object, remarked: tuple[str, ...]
) -> None:
    found = read_classes(value)
    assert found.classes == classes
    assert len(found.remarks) == len(remarked)
    for remark, part in zip(found.remarks, remarked, strict=True):
        assert part in remark


@given(st.lists(st.sampled_from([*CLASS_NAMES, "", "c", "x", " call", "all", "none", "CALL"])))
def test_no_class_is_imported_that_is_not_written(words: list[str]) -> None:
    classes = read_classes(",".join(words)).classes
    if classes == "all":
        assert "all" in words
    else:
        assert set(classes) <= {word.strip() for word in words}
        parse_classes(",".join(classes))
