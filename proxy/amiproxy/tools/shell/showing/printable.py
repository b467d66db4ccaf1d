"""Text from the wire, made safe for a terminal."""

from amiproxy.tools.terminal import printable


def shown(raw: bytes) -> str:
    """The bytes as UTF-8, with everything escaped that is not UTF-8 or that a terminal might interpret."""
    return printable(raw.decode(errors="backslashreplace"))


def visible_lines(raw: bytes) -> str:
    """As ``shown``, for one line of a command's output: tabs become blanks."""
    return shown(raw.expandtabs())
