"""AnswerWriters that show where answers end."""

END = b"<end>"


class EndWriter:
    """An AnswerWriter that writes END after each answer."""

    def banner(self, banner: bytes) -> bytes:
        return banner

    def answer(self, data: bytes) -> bytes:
        return data

    def ended(self) -> bytes:
        return END

    def link(self, _event: bytes) -> bytes:
        return b""

    def farewell(self, _reason: str) -> bytes:
        return b""


class LinkWriter(EndWriter):
    """An AnswerWriter that writes each event about a link in braces, whoever the client is."""

    def ended(self) -> bytes:
        return b""

    def link(self, event: bytes) -> bytes:
        return b"{" + event + b"}"


class WholeWriter:
    """An AnswerWriter that writes each answer when it is complete, in brackets, and no banner."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def banner(self, _banner: bytes) -> bytes:
        return b""

    def answer(self, data: bytes) -> bytes:
        if not self.parts and data.startswith(b"Event:"):
            return data
        self.parts.append(data)
        return b""

    def ended(self) -> bytes:
        data = b"".join(self.parts)
        self.parts.clear()
        return b"[" + data + b"]"

    def link(self, _event: bytes) -> bytes:
        return b""

    def farewell(self, reason: str) -> bytes:
        return b"<%b>" % reason.encode()
