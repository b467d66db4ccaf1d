"""What clients and Asterisk wrote, for people."""


def text_of(data: bytes) -> str:
    """What is not printable must not reach the terminal as it is."""
    return "".join(chr(code) if 0x20 <= code < 0x7F else f"\\x{code:02x}" for code in data)
