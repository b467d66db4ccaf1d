"""What the shell knows: actions, their headers, and common values of these."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from amiproxy.ami import privilege
from amiproxy.ami.actions import PROXY_SERVERS, SHIPPED, ActionTable, Listed
from amiproxy.ami.arguments import ARGUMENTS, Argument, Kind
from amiproxy.ami.arguments.kinds import MEANING
from amiproxy.ami.catalogue.applications import APPLICATIONS
from amiproxy.ami.catalogue.clicommands import COMMANDS
from amiproxy.ami.catalogue.functions import FUNCTIONS
from amiproxy.ami.catalogue.variables import rows as variable_rows
from amiproxy.tools.shell.completion.eventnames import EVENTS
from amiproxy.tools.shell.completion.seen import Seen
from amiproxy.tools.shell.language.actions import headers_of

_YES_NO: Final = ("true", "false")
_EVENT_MASK: Final = ("on", "off", *privilege.CLASS_NAMES)
#: Common values of headers whose kind alone does not tell them, by action and header in lower case.
_WORDS: Final = {
    ("bridgelist", "bridgetype"): "basic holding",
    ("controlplayback", "control"): "stop restart pause forward reverse",
    ("filter", "operation"): "Add",
    ("mixmonitormute", "direction"): "read write both",
    ("moduleload", "loadtype"): "load unload reload refresh",
    ("muteaudio", "direction"): "in out all",
    ("pjsiphangup", "cause"): "normal_clearing user_busy no_answer call_rejected",
    ("pjsipsetmaintenance", "state"): "on off",
    ("bridge", "tone"): "no channel1 channel2 both",
    ("login", "authtype"): "MD5",
}
_TECHNOLOGIES: Final = ("PJSIP/", "Local/", "SIP/", "IAX2/", "DAHDI/")
_OF_KIND: Final = {
    Kind.BOOLEAN: _YES_NO,
    Kind.EVENT_MASK: _EVENT_MASK,
    Kind.DIAL_STRING: _TECHNOLOGIES,
    Kind.INTERFACE: _TECHNOLOGIES,
    Kind.PRIORITY: ("1",),
    Kind.CODECS: ("alaw", "ulaw", "g722", "opus"),
    Kind.RECORDING_FORMAT: ("wav", "gsm", "wav49"),
    Kind.CHANNEL_OR_ALL: ("all",),
    Kind.CONFIG_FILE: ("extensions.conf", "pjsip.conf", "queues.conf", "sip.conf", "voicemail.conf"),
    Kind.FOLDER: ("INBOX", "Old", "Urgent"),
}


class Known(NamedTuple):
    """An action as it is offered: ``allowed`` if this user may run it, or if that is not known."""

    name: str
    row: Listed
    allowed: bool


class Vocabulary:
    """The actions of the connected server and everything that can follow them."""

    def __init__(self, table: ActionTable = SHIPPED, seen: Seen | None = None) -> None:
        self.table = table
        self.seen = seen if seen is not None else Seen()
        #: Names of profiles, and the columns of the latest list.
        self.profiles: list[str] = []
        self.columns: list[str] = []

    def learn(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Take over the headers of a response to ListCommands."""
        self.table = SHIPPED.learnt_from(headers)

    @property
    def has_servers(self) -> bool:
        """Whether the session has several servers, which ProxyServers lists."""
        return self.table.find(PROXY_SERVERS.name.lower()) is not None

    def actions(self) -> list[Known]:
        """All actions by name: first those that this user may run."""
        live = {row.name.lower() for row in self.table.live}
        found = [
            Known(row.name.decode(errors="replace"), row, not live or row.name.lower() in live)
            for row in self.table
        ]
        if self.seen.servers and not self.has_servers:
            found.append(Known(PROXY_SERVERS.name.decode(), PROXY_SERVERS, True))
        return sorted(found, key=lambda known: (not known.allowed, known.name.lower()))

    def find(self, name: str) -> Known | None:
        """The action of this name, in any case."""
        return next((known for known in self.actions() if known.name.lower() == name.lower()), None)

    def headers(self, action: str) -> list[Argument]:
        """The headers of an action that can be typed; none if it is not described.

        Where there are several servers, one of them can be named.
        """
        described = ARGUMENTS.get(action.lower().encode())
        own = headers_of(described) if described else []
        servers = tuple(name.encode() for name in self.seen.servers)
        return [*own, Argument(b"Server", Kind.TEXT, one_of=servers)] if servers else own

    def values(self, action: str, argument: Argument) -> list[str]:
        """Common values of a header: those seen first, then those that are known."""
        header = argument.header.decode()
        listed = [value.decode() for value in argument.one_of]
        words = _WORDS.get((action.lower(), header.lower()), "").split()
        known = [*listed, *words, *_OF_KIND.get(argument.kind, ()), *_catalogue(argument.kind)]
        return list(dict.fromkeys((*self.seen.values(argument.kind), *known)))

    def events(self) -> list[str]:
        """Names of events: those that came first, then the others."""
        return list(dict.fromkeys((*reversed(self.seen.events), *EVENTS)))

    def cli_words(self, typed: list[str]) -> list[str]:
        """The words of Asterisk's CLI that can follow these."""
        length = len(typed)
        begin = tuple(word.lower().encode() for word in typed)
        found = {words[length] for words in COMMANDS if words[:length] == begin and len(words) > length}
        return sorted(word.decode() for word in found)


def meaning(argument: Argument) -> str:
    """What a value of the header is, in a few words."""
    text = (
        MEANING[argument.kind].replace("`", "").partition(";")[0].partition(": ")[0].partition(", within")[0]
    )
    return text.partition(" (limits.")[0]


def _catalogue(kind: Kind) -> Iterable[str]:
    if kind is Kind.APPLICATION:
        return sorted((row.name for row in APPLICATIONS.values()), key=str.lower)
    if kind in (Kind.VARIABLE_READ, Kind.VARIABLES_READ, Kind.VARIABLE_SET):
        return [f"{name.decode()}()" for name in sorted(FUNCTIONS)] + _variables()
    return ()


def _variables() -> list[str]:
    return sorted({name for _, names in variable_rows() for name in names if name.isalnum()})
