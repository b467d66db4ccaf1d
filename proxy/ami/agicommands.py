"""The commands of AGI, each with what its arguments are.

Read from res_agi, app_stack (GOSUB) of Asterisk 16 to 23; they are the same in all.
"""

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Final


class Argument(Enum):
    """What Asterisk takes an argument for."""

    APPLICATION = auto()
    CHANNEL = auto()
    #: Text in which variables and functions are replaced.
    EXPRESSION = auto()
    #: A file that is written or shown; a time zone, which is one too.
    FILE = auto()
    #: A format of date and time; what stands in single quotes in it is a prompt.
    FORMAT = auto()
    #: A number, digits, or a word of the command's own.
    PLAIN = auto()
    #: A sound to play.
    PROMPT = auto()
    #: A variable or function that is read.
    READ = auto()
    #: Shown or sent as it is.
    TEXT = auto()
    #: Kept by the channel, where a dialplan may make something of it.
    VALUE = auto()
    #: A variable or function that is set.
    WRITTEN = auto()


_A: Final = Argument

#: Verb in lower case -> its arguments in order; None: needs class system, whatever they are.
COMMANDS: Final[Mapping[tuple[bytes, ...], tuple[Argument, ...] | None]] = MappingProxyType(
    {
        tuple(verb.encode().split()): arguments
        for verb, arguments in {
            "answer": (),
            "asyncagi break": (),
            "channel status": (_A.CHANNEL,),
            "control stream file": (_A.PROMPT, *(_A.PLAIN,) * 6),
            "database del": None,
            "database deltree": None,
            "database get": None,
            "database put": None,
            "exec": (_A.APPLICATION,),
            "get data": (_A.PROMPT, _A.PLAIN, _A.PLAIN),
            "get full variable": (_A.EXPRESSION, _A.CHANNEL),
            "get option": (_A.PROMPT, _A.PLAIN, _A.PLAIN),
            "get variable": (_A.READ,),
            "gosub": (_A.VALUE,) * 4,
            "hangup": (_A.CHANNEL,),
            "noop": (_A.TEXT,),
            "receive char": (_A.PLAIN,),
            "receive text": (_A.PLAIN,),
            "record file": (_A.FILE, *(_A.PLAIN,) * 6),
            "say alpha": (_A.PLAIN, _A.PLAIN),
            "say date": (_A.PLAIN, _A.PLAIN),
            "say datetime": (_A.PLAIN, _A.PLAIN, _A.FORMAT, _A.FILE),
            "say digits": (_A.PLAIN, _A.PLAIN),
            "say number": (_A.PLAIN, _A.PLAIN, _A.PLAIN),
            "say phonetic": (_A.PLAIN, _A.PLAIN),
            "say time": (_A.PLAIN, _A.PLAIN),
            "send image": (_A.FILE,),
            "send text": (_A.TEXT,),
            "set autohangup": (_A.PLAIN,),
            "set callerid": (_A.VALUE,),
            "set context": (_A.VALUE,),
            "set extension": (_A.VALUE,),
            "set music": (_A.PLAIN, _A.VALUE),
            "set priority": (_A.VALUE,),
            "set variable": (_A.WRITTEN, _A.VALUE),
            "speech activate grammar": (_A.PLAIN,),
            "speech create": (_A.PLAIN,),
            "speech deactivate grammar": (_A.PLAIN,),
            "speech destroy": (),
            # Any file, by its path.
            "speech load grammar": None,
            "speech recognize": (_A.PROMPT, _A.PLAIN, _A.PLAIN),
            "speech set": (_A.PLAIN, _A.PLAIN),
            "speech unload grammar": (_A.PLAIN,),
            "stream file": (_A.PROMPT, _A.PLAIN, _A.PLAIN),
            "tdd mode": (_A.PLAIN,),
            "verbose": (_A.TEXT, _A.PLAIN),
            "wait for digit": (_A.PLAIN,),
        }.items()
    }
)

_LONGEST: Final = max(map(len, COMMANDS))


def find(said: list[bytes]) -> tuple[bytes, ...] | None:
    """The verb that an AGI command, its words in lower case, begins with; None if Asterisk has none such."""
    for length in range(min(len(said), _LONGEST), 0, -1):
        verb = tuple(said[:length])
        if verb in COMMANDS:
            return verb
    return None
