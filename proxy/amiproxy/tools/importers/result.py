"""The result of an import: users, a proposal for proxy.yaml, and notes about both."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from amiproxy.config.reading.document import dump
from amiproxy.core.model.phc import hash_secret

#: ``argon2id``: only a hash is kept.  ``md5``: the secret itself, which Challenge logins need.
SecretForm = Literal["argon2id", "md5"]
Level = Literal["lost", "changed", "fyi"]

_USERS_HEAD = """\
# users.yaml, imported from {source}.
# Read the report of the import, then: ami-proxy check --config proxy.yaml
"""
_PROXY_HEAD = """\
# proxy.yaml, a proposal made from {source}.
# Every key is explained in the annotated proxy.yaml that comes with the package.
"""
#: As in the package's own file: the units' ``systemctl reload`` needs it to report the result.
_PROXY_TAIL = """\

# For ami-proxy ctl, and so that systemctl reload fails if the reload failed.
control:
  socket: /run/ami-proxy/control.sock
"""

#: How many users a line of the report names.
_NAMED: Final = 10


class Note(NamedTuple):
    """One difference from the imported file.  Never holds a secret.

    ``lost``: it was not carried over, and may be missed.  ``changed``: it means
    something else now.  ``fyi``: nothing is missing, but it is good to know.
    """

    level: Level
    #: File and line, or the file.
    place: str
    #: The user it is about; empty for the service as a whole.
    user: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return str(ReportLine((self,)))


class ReportLine(NamedTuple):
    """One line of the report: identical notes about different users or places."""

    notes: tuple[Note, ...]

    @property
    def level(self) -> Level:
        """The level of all of them."""
        return self.notes[0].level

    def __str__(self) -> str:
        first = self.notes[0]
        places = len({note.place for note in self.notes})
        place = first.place if places < 2 else f"{first.place} and {places - 1} more"
        said = "; ".join(filter(None, (first.text, first.remedy)))
        return ": ".join(filter(None, (place, first.level, self._users(), said)))

    def _users(self) -> str:
        names = list(dict.fromkeys(note.user for note in self.notes if note.user))
        if len(names) < 2:
            return f"user {names[0]}" if names else ""
        left = len(names) - _NAMED
        listed = f"{', '.join(names[:_NAMED])} and {left} more" if left > 0 else ", ".join(names)
        return f"{len(names)} users ({listed})"


def findings(notes: Iterable[Note]) -> list[ReportLine]:
    """Identical notes merged into findings, in the order of the first note of each."""
    groups: dict[tuple[object, ...], list[Note]] = {}
    for note in notes:
        # A line about the service is not about a user.
        groups.setdefault((note.level, bool(note.user), note.text, note.remedy), []).append(note)
    return [ReportLine(tuple(group)) for group in groups.values()]


@dataclass(slots=True)
class Imported:
    """Entries of users.yaml by name, the sections of proxy.yaml, and the notes for the report."""

    source: str
    users: dict[str, dict[str, object]] = field(default_factory=dict)
    proxy: dict[str, object] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    #: The secrets of the links, by the names of their files, if the imported file has them.
    secrets: dict[str, bytes] = field(default_factory=dict, repr=False)

    def note(self, level: Level, place: str, user: str, text: str, remedy: str = "") -> None:
        """Add to the report."""
        self.notes.append(Note(level, place, user, text, remedy))

    def users_yaml(self) -> bytes:
        """The text of users.yaml."""
        return _USERS_HEAD.format(source=self.source).encode() + dump({"users": self.users}).encode()

    def proxy_yaml(self) -> bytes:
        """The text of proxy.yaml: a head, the imported sections, and the control socket."""
        return (_PROXY_HEAD.format(source=self.source) + dump(self.proxy) + _PROXY_TAIL).encode()


def credentials(secret: str, form: SecretForm) -> dict[str, object] | None:
    """The keys of an entry that hold its secret; None if it cannot be stored in this form.

    Any bytes can be hashed; a secret that is to stay readable must be text that YAML can hold.
    """
    if form == "argon2id":
        return {"secret": hash_secret(secret.encode("utf-8", "surrogateescape"))}
    if not is_text(secret):
        return None
    return {"md5_secret": secret}


def is_text(text: str) -> bool:
    """Whether users.yaml can hold it: all characters are printable, and no byte was invalid UTF-8."""
    return all(character.isprintable() for character in text)
