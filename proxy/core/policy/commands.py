"""CLI commands: read into words as Asterisk's command line does, then judged by the first ones.

Class command is Asterisk's command line, and keeps it.  Two lists are taken
out: commands that end, restart or starve the one link all clients share, for
everyone; and commands that do what another class names (code, files, database,
configuration, other people's calls), for those without that class.
"""

import re
from typing import Final

from proxy.ami.message import Action
from proxy.ami.privilege import AGENT, ALL, CALL, CONFIG, REPORTING, SYSTEM, USER
from proxy.core.policy import applications, functions
from proxy.core.policy.verdict import PERMISSION_DENIED, Deny, Judged

_ASTERISK_LIST: Final = Deny(b"Command blacklisted", "command")
_REFUSED: Final = Deny(PERMISSION_DENIED, "command")
_NOT_LISTED: Final = Deny(PERMISSION_DENIED, "commands")

#: Asterisk's own list (and its only one), here without the tab and the quotes that get round it.
_BLACKLISTED: Final = (b"module load", b"module unload", b"restart gracefully")

#: Refused to everyone: they hit the link.  Some are what cli_aliases.conf may call such a command.
_HITS_LINK: Final = (
    b"core restart",
    b"core stop",
    b"load",
    b"manager",
    b"module refresh",
    b"unload",
    b"restart",
    b"stop",
)
#: What stands against the prefix ``manager`` above: reading.
_HARMLESS: Final = (b"manager show",)

#: The manager itself is not reloaded from here, whatever else is named with it, and however.
_RELOADS: Final = (b"config reload", b"core reload", b"module reload", b"reload")
#: Without the name of a module they reload them all, the manager among them.
_RELOADS_ALL: Final = ([b"core", b"reload"], [b"module", b"reload"], [b"reload"])
#: With one more word it takes another file for its configuration.
_TAKES_FILE: Final = (b"logger reload",)
#: What a variable's name may say, it may say here.
_EVALUATES: Final = (b"dialplan eval function",)

#: Prefix -> classes of which one is needed beside command; the first that fits decides.
_NEEDS: Final = (
    (b"add extension", SYSTEM),
    (b"add ignorepat", SYSTEM),
    (b"add queue", SYSTEM | AGENT),
    (b"agent logoff", SYSTEM | AGENT),
    (b"agi dump", SYSTEM),
    (b"agi dumphtml", SYSTEM),
    (b"agi exec", SYSTEM),
    (b"answer", SYSTEM | CALL),
    (b"autoanswer", SYSTEM | CALL),
    (b"bridge destroy", SYSTEM | CALL),
    (b"bridge kick", SYSTEM | CALL),
    (b"bridge technology suspend", SYSTEM),
    (b"bridge technology unsuspend", SYSTEM),
    (b"channel originate", SYSTEM),
    (b"channel redirect", SYSTEM | CALL),
    (b"channel request hangup", SYSTEM | CALL),
    (b"confbridge kick", SYSTEM | CALL),
    (b"confbridge lock", SYSTEM | CALL),
    (b"confbridge mute", SYSTEM | CALL),
    (b"confbridge record", SYSTEM),
    (b"confbridge unlock", SYSTEM | CALL),
    (b"confbridge unmute", SYSTEM | CALL),
    (b"config reload", SYSTEM | CONFIG),
    (b"console", SYSTEM | CALL),
    (b"convert", SYSTEM),
    (b"core set chanvar", SYSTEM),
    (b"core set file", SYSTEM),
    (b"core set global", SYSTEM),
    (b"dahdi destroy", SYSTEM),
    (b"dahdi restart", SYSTEM),
    (b"database get", SYSTEM | REPORTING),
    (b"database show", SYSTEM | REPORTING),
    (b"database", SYSTEM),
    (b"dial", SYSTEM | CALL),
    (b"dialplan add", SYSTEM),
    (b"dialplan remove", SYSTEM),
    (b"dialplan save", SYSTEM),
    (b"dialplan set", SYSTEM),
    (b"dont include", SYSTEM),
    (b"dump agihtml", SYSTEM),
    (b"file convert", SYSTEM),
    (b"flash", SYSTEM | CALL),
    (b"hangup", SYSTEM | CALL),
    (b"include context", SYSTEM),
    (b"logger add", SYSTEM),
    (b"media cache create", SYSTEM),
    (b"media cache delete", SYSTEM),
    (b"media cache refresh", SYSTEM),
    (b"meetme kick", SYSTEM | CALL),
    (b"meetme lock", SYSTEM | CALL),
    (b"meetme mute", SYSTEM | CALL),
    (b"meetme unlock", SYSTEM | CALL),
    (b"meetme unmute", SYSTEM | CALL),
    (b"mixmonitor list", ALL),
    (b"mixmonitor", SYSTEM),
    (b"mute", SYSTEM | CALL),
    (b"odbc show", ALL),
    (b"odbc", SYSTEM),
    (b"originate", SYSTEM),
    (b"pjsip export", SYSTEM),
    (b"pjsip send notify", SYSTEM),
    *((b"pjsip set logger " + what, ALL) for what in (b"add", b"host", b"method", b"off", b"on", b"verbose")),
    (b"pjsip set logger", SYSTEM),
    (b"pjsip set maintenance", SYSTEM),
    (b"pjsip show auth", SYSTEM),
    (b"pjsip show auths", SYSTEM),
    (b"presencestate change", SYSTEM),
    (b"pri set debug file", SYSTEM),
    *(
        (b"queue " + what, SYSTEM | AGENT)
        for what in b"add pause priority reload remove reset set unpause withdraw".split()
    ),
    (b"realtime", SYSTEM),
    (b"remove extension", SYSTEM),
    (b"remove ignorepat", SYSTEM),
    (b"remove queue", SYSTEM | AGENT),
    (b"rtp set debug", ALL),
    (b"rtp set", SYSTEM),
    (b"save dialplan", SYSTEM),
    (b"send text", SYSTEM | CALL),
    (b"set global", SYSTEM),
    (b"sip notify", SYSTEM),
    (b"soft hangup", SYSTEM | CALL),
    (b"stir_shaken verify", SYSTEM),
    (b"test execute", SYSTEM),
    (b"test generate", SYSTEM),
    (b"transfer", SYSTEM | CALL),
    (b"ulimit", SYSTEM),
    (b"unmute", SYSTEM | CALL),
    (b"voicemail forward", SYSTEM | USER),
    (b"voicemail move", SYSTEM | USER),
    (b"voicemail remove", SYSTEM | USER),
    (b"xmldoc dump", SYSTEM),
)

#: A queue dials its members.
_DIALLED: Final = (b"queue add", b"add queue")
#: Asterisk takes "pause|unpause" for the place in its own words where one of the two stands.
_ALTERNATIVES: Final = re.compile(rb"[][|{}]")

_ALIAS_OF_END: Final = re.compile(rb"die\Z|quit\Z|exit\Z|shutdown\Z", re.IGNORECASE)


def words(command: bytes) -> list[bytes]:
    """The words of a command as Asterisk's ``parse_args`` reads them.

    Blanks and tabs part words, quotes keep them together and go, a backslash
    makes the next byte an ordinary one.
    """
    found: list[bytes] = []
    word = bytearray()
    quoted = escaped = False
    blank = True
    for code in command:
        byte = bytes((code,))
        if byte == b'"' and not escaped:
            quoted = not quoted
            if quoted and blank:
                word.clear()
                blank = False
        elif byte in b" \t" and not (quoted or escaped):
            if not blank:
                found.append(bytes(word))
                word.clear()
                blank = True
        elif byte == b"\\" and not escaped:
            escaped = True
        else:
            word += byte
            blank = escaped = False
    if not blank:
        found.append(bytes(word))
    return found


def command(user: Judged, action: Action) -> Deny | None:
    """The command of a Command action, or its empty form, which Asterisk answers itself."""
    text = action.get(b"command")
    said = [word.lower() for word in words(text)]
    if not said:
        return None
    if starts(said, _BLACKLISTED):
        return _ASTERISK_LIST
    if text.lstrip(b' \t"\\').startswith(b"!") or _ALIAS_OF_END.match(said[0]):
        return _REFUSED
    if starts(said, _HITS_LINK) and not starts(said, _HARMLESS):
        return _REFUSED
    if any(_ALTERNATIVES.search(word) for word in said[:3]):
        return _REFUSED
    if starts(said, _RELOADS) and any(map(_names_manager, said)):
        return _REFUSED
    if (said in _RELOADS_ALL or (starts(said, _TAKES_FILE) and said[2:])) and not user.write & SYSTEM:
        return _REFUSED
    if starts(said, _EVALUATES) and not _may_evaluate(user, words(text)[3:]):
        return _REFUSED
    for prefix, classes in _NEEDS:
        if starts(said, (prefix,)):
            if not user.write & classes:
                return _REFUSED
            break
    if starts(said, _DIALLED) and any(map(applications.connects, said)) and not user.write & SYSTEM:
        return applications.CONNECTS
    listed = None if user.rules is None else user.rules.commands
    if listed is not None and not starts(said, tuple(prefix.lower().encode() for prefix in listed)):
        return _NOT_LISTED
    return None


def _names_manager(word: bytes) -> bool:
    # A module's name, or the whole path of a file.
    return word.rpartition(b"/")[2].strip(b" \t").startswith((b"manager", b"users.conf"))


def _may_evaluate(user: Judged, said: list[bytes]) -> bool:
    # One word: what Asterisk would make of more is its own affair.
    return len(said) <= 1 and all(functions.may_read(user, name) for name in said)


def starts(said: list[bytes], prefixes: tuple[bytes, ...]) -> bool:
    """Whether words in lower case begin with one of the prefixes; "core show" is no "core showdown"."""
    for prefix in prefixes:
        expected = prefix.split(b" ")
        if said[: len(expected)] == expected:
            return True
    return False
