"""The annotated files are read by their layout."""

from deploy.manual.files import Entry, entries, page

ANNOTATED = """\
# some.yaml: what it is.  More of it.
#
# This file lists every key.  A key after "#" without a blank is optional, and shown with its
# default.

# What tree is.
tree:
  # One or the other.
  #a: 1
  #b: [x]
  leaf: text
  #rules:
    #- {action: one}
    #- "two"
  list:
    - first: 1
"""


def test_a_comment_belongs_to_the_keys_below_it() -> None:
    introduction, *keys = entries(ANNOTATED)
    assert introduction.keys == []
    assert introduction.text[0] == "some.yaml: what it is.  More of it."
    assert keys == [
        Entry(0, [("tree", "", False)], ["What tree is."]),
        Entry(
            2,
            [("a", "1", True), ("b", "[x]", True), ("leaf", "text", False), ("rules", "", True)],
            ["One or the other."],
            ["- {action: one}", '- "two"'],
        ),
        Entry(2, [("list", "", False)]),
        Entry(6, [("first", "1", False)]),
    ]


def test_the_page_does_not_explain_the_layout_of_the_file() -> None:
    text = page(("some.yaml", "tool.yaml"), ANNOTATED, "# no\ntree: {}\n", [], "1", "2026-01-01")
    assert "without a blank" not in text
    assert "\\fBa:\\fR 1 (optional)" in text
    assert text.count(".RS 4") == text.count(".RE")


def test_a_hash_is_not_printed_whole() -> None:
    [entry] = entries('secret: "' + "x" * 80 + '"\n')
    assert len(entry.keys[0][1]) < 30
