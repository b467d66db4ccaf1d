"""Media: what a channel plays, and the languages and formats that become part of a file's name.

A sound is a name below Asterisk's sounds folder.  A path would play any recording or voicemail, a URL
would make Asterisk connect to a host, and a language or time zone is a folder in the path that Asterisk
builds.
"""

# mypyc: compiled

import re
from typing import Final

from amiproxy.core.policy.kinds import places
from amiproxy.core.policy.verdict import Deny, Judged, refuse

_SOUND: Final = rb"[A-Za-z0-9_+=@\x80-\xff-][A-Za-z0-9_.+=@\x80-\xff-]*"
_NAME: Final = _SOUND + rb"(?:/" + _SOUND + rb")*"
_SOUNDS: Final = re.compile(rb"(?:" + _NAME + rb"(?:[&:]" + _NAME + rb")*)?\Z")
_IMAGE: Final = re.compile(_NAME + rb"\Z")
_LANGUAGE: Final = re.compile(rb"[A-Za-z0-9_-]*\Z")
_TIME_ZONE: Final = re.compile(rb"(?:[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*)?\Z")
_TIMING_PARTS: Final = re.compile(rb"[|,?:]")
_DATE_FORMAT: Final = re.compile(rb"(?:[A-Za-z0-9 ]|'" + _NAME + rb"')*\Z")
_TONES: Final = re.compile(rb"[A-Za-z0-9_+*/!,. -]*\Z")
_URL: Final = re.compile(rb"[!-~]*\Z")

_SOUND_FILE: Final = refuse("sound-file", "plain names below the sounds folder only, without a path or URL")
_CHARACTERS: Final = refuse("characters", "it has characters that are not allowed in a value of this kind")


def sounds(_user: Judged, value: bytes) -> Deny | None:
    """Sounds to play, joined by ``&`` (or by ``:`` if caller and callee hear one each)."""
    return None if _SOUNDS.match(value) else _SOUND_FILE


def image(_user: Judged, value: bytes) -> Deny | None:
    """An image to send."""
    return None if _IMAGE.match(value) else _SOUND_FILE


def language(_user: Judged, value: bytes) -> Deny | None:
    """The language of the sounds, which is a folder in their path."""
    return None if _LANGUAGE.match(value) else _SOUND_FILE


def time_zone(_user: Judged, value: bytes) -> Deny | None:
    """A time zone, which is a file below the system's time zone folder."""
    return None if _TIME_ZONE.match(value) else _SOUND_FILE


def timing(_user: Judged, value: bytes) -> Deny | None:
    """A time range with a time zone, as in IFTIME, and the values to choose between."""
    parts = _TIMING_PARTS.split(value)
    return None if all(b"/" not in part or _TIME_ZONE.match(part) for part in parts) else _SOUND_FILE


def date_format(_user: Judged, value: bytes) -> Deny | None:
    """How a date is spoken: letters, and sounds in single quotes."""
    return None if _DATE_FORMAT.match(value) else _SOUND_FILE


def tones(_user: Judged, value: bytes) -> Deny | None:
    """The name of a tone, or frequencies and their durations."""
    return None if _TONES.match(value) else _CHARACTERS


def shown_url(user: Judged, value: bytes) -> Deny | None:
    """A URL that the called telephone is asked to display; Asterisk does not fetch it."""
    if value and places.bounded(user):
        return places.beyond_lists(user)
    return None if _URL.match(value) else _CHARACTERS
