"""Cuts input into statements: a line each, or a block of ``Name: value`` lines up to an empty line."""

from amiproxy.tools.shell.language.actions import is_block


class Statements:
    """Collects lines; ``feed`` returns a statement when one is complete.

    With ``raw`` every line but a command of the shell belongs to a block.  Between statements, empty lines
    and lines that begin with ``#`` are skipped.
    """

    def __init__(self, *, raw: bool = False) -> None:
        self.raw = raw
        self._block: list[str] = []

    @property
    def inside(self) -> bool:
        """Whether a block has begun and not ended."""
        return bool(self._block)

    def feed(self, line: str) -> str:
        """Add a line; the statement that it completes, or ""."""
        line = line.rstrip("\r\n")
        if self._block:
            if line.strip():
                self._block.append(line)
                return ""
            return self.end()
        if not line.strip() or line.lstrip().startswith("#"):
            return ""
        if line.lstrip().startswith("\\"):
            return line.strip()
        if self.raw or is_block(line) or line.lower().lstrip().startswith("actionid:"):
            self._block.append(line)
            return ""
        return line.strip()

    def end(self) -> str:
        """The block that the input's end completes, or ""."""
        block = "\n".join(self._block)
        self._block = []
        return block


def statements(text: str) -> list[str]:
    """All statements of a text, such as several lines that were pasted at once."""
    reader = Statements()
    found = [reader.feed(line) for line in text.split("\n")]
    return [statement for statement in (*found, reader.end()) if statement]
