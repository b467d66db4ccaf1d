"""Argument lists, read as Asterisk reads them."""

import pytest

from amiproxy.core.policy.dialplan.functions import arguments, assignments


@pytest.mark.parametrize(
    ("text", "items"),
    [
        (b"", []),
        (b"a", [b"a"]),
        (b"a,b", [b"a", b"b"]),
        (b"a,", [b"a", b""]),
        (b",", [b"", b""]),
        (b"f(a,b),c", [b"f(a,b)", b"c"]),
        (b"[a,b],c", [b"[a,b]", b"c"]),
        (b"a),b],c", [b"a)", b"b]", b"c"]),
        (b"(a,b", [b"(a,b"]),
        (b'"a,b",c', [b"a,b", b"c"]),
        (b'"a,b', [b"a,b"]),
        (b"a\\,b,c", [b"a,b", b"c"]),
        (b"\\(a,b", [b"(a", b"b"]),
        (b"a\\", [b"a"]),
    ],
)
def test_arguments_are_split_as_asterisk_splits_them(text: bytes, items: list[bytes]) -> None:
    assert arguments(text) == items


def test_items_without_a_name_or_a_value_assign_nothing() -> None:
    assert list(assignments([b"a,=1,b=", b"c=d=e"])) == [(b"b", b""), (b"c", b"d=e")]
