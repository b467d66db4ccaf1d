"""Messages as an Asterisk has sent them, for tests of kinds."""

from collections.abc import Iterable

from amiproxy.core.history.state.fields import Fields
from amiproxy.core.history.state.kind import Drift, Kind


def messages(text: str) -> list[Fields]:
    """Each paragraph of a text as a message."""
    paragraphs = (paragraph.strip() for paragraph in text.split("\n\n"))
    return [
        Fields(paragraph.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        for paragraph in paragraphs
        if paragraph
    ]


def listed(kind: Kind, text: str) -> Drift:
    """Replace the items of a kind by those of its lists."""
    return kind.replace(messages(text))


def happened(kind: Kind, text: str) -> None:
    """Have a kind take events."""
    for event in messages(text):
        kind.events[event.name](event)


def values(kind: Kind, *names: str) -> dict[str, tuple[str, ...]]:
    """The values of some fields of each item, by the item's key."""
    return {
        item.key.decode(): tuple(item.values.get(name.encode(), b"?").decode() for name in names)
        for item in kind.items()
    }


def texts(raw: Iterable[bytes]) -> list[list[str]]:
    """The lines of events."""
    return [event.decode().strip().split("\r\n") for event in raw]
