"""Fields: the headers of one event or list item."""

# mypyc: compiled


class Fields:
    """One event, or one item of a list, whose headers are parsed on first use.

    Callers control some values and may put line ends into them, so that a header occurs which Asterisk did
    not write.  Asterisk still writes its own, so a forged one occurs twice, and ``only`` returns nothing.
    Use ``only`` for whatever identifies an item or decides who may see it, and ``get`` for everything else.
    """

    __slots__ = ("_doubtful", "_first", "name", "raw")

    def __init__(self, raw: bytes) -> None:
        """``raw`` is a whole message that begins with ``Event: NAME`` and whose lines end with CRLF."""
        self.raw = raw
        end = raw.find(b"\r\n")
        #: The name of the event or item, such as ``Newchannel`` or ``CoreShowChannel``.
        self.name = raw[7:end]
        self._first: dict[bytes, bytes] | None = None
        #: Names of the headers whose occurrences do not agree.
        self._doubtful: set[bytes] = set()

    @property
    def pairs(self) -> list[tuple[bytes, bytes]]:
        """(name, value) of every line with a colon after the first line, in order and as spelled."""
        found = []
        for line in self.raw.split(b"\r\n")[1:]:
            name, colon, value = line.partition(b":")
            if colon:
                found.append((name, value.lstrip(b" \t")))
        return found

    @property
    def first(self) -> dict[bytes, bytes]:
        """The first value of each header by its name in lower case; not to be changed."""
        first = self._first
        return self._parse() if first is None else first

    def get(self, name: bytes, default: bytes = b"") -> bytes:
        """The first value of a header, by its name in lower case; ``default`` if it is missing."""
        return self.first.get(name, default)

    def has(self, name: bytes) -> bool:
        """Whether the header (name in lower case) is present, even if empty."""
        return name in self.first

    def get_all(self, name: bytes) -> list[bytes]:
        """All values of a header, by its name in lower case, in order."""
        return [value for header, value in self.pairs if header.lower() == name]

    def only(self, name: bytes) -> bytes:
        """The value of a header (name in lower case) if all its occurrences agree, else b""."""
        value = self.get(name)
        return b"" if name in self._doubtful else value

    def _parse(self) -> dict[bytes, bytes]:
        first: dict[bytes, bytes] = {}
        for line in self.raw.split(b"\r\n")[1:]:
            name, colon, value = line.partition(b":")
            if colon:
                value = value.lstrip(b" \t")
                key = name.lower()
                if first.setdefault(key, value) != value:
                    self._doubtful.add(key)
        self._first = first
        return first
