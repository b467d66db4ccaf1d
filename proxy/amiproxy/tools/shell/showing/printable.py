"""Text from the wire, made safe for a terminal."""


def shown(raw: bytes) -> str:
    """The bytes as UTF-8, with everything escaped that is not UTF-8 or that a terminal might interpret."""
    return printable(raw.decode(errors="backslashreplace"))


def printable(text: str) -> str:
    """The text with all characters escaped that a terminal might interpret."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def visible_lines(raw: bytes) -> str:
    """As ``shown``, for one line of a command's output: tabs become blanks."""
    return shown(raw.expandtabs())
