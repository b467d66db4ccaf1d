"""Makes bytes from clients and Asterisk safe to print."""


def text_of(data: bytes) -> str:
    """The bytes as printable ASCII; every other byte is escaped, so that none can act on a terminal."""
    return "".join(chr(code) if 0x20 <= code < 0x7F else f"\\x{code:02x}" for code in data)
