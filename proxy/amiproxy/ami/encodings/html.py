"""AJAM's HTML: a table with a row for each header, and the page around it, with a form for actions.

The rows are those of Asterisk 16 and 22 (measured), since programs read them; the page is our own.  Its form
has Asterisk's fields and refers to the page itself, so that it works behind any prefix.
"""

from collections.abc import Iterable
from typing import Final

from amiproxy.ami.encodings.tables import OPAQUE, escaped, rows

_RULE: Final = b'<tr><td colspan="2"><hr></td></tr>\r\n'
_END: Final = b"</table>\r\n</body></html>\r\n"


class HtmlForm:
    """Writes messages as rows, and the page; ``path`` is the last part of its path, such as ``manager``."""

    __slots__ = ("_begin",)

    def __init__(self, path: bytes) -> None:
        self._begin = _BEGIN.replace(b"@", path)

    def message(self, message: bytes) -> bytes:
        """The rows of one message, and a rule; b"" if it has no lines."""
        headers = rows(message)
        if not headers:
            return b""
        taken: dict[bytes, int] = {}
        parts: list[bytes] = []
        for name, value in headers:
            count = taken[name] = taken.get(name, 0) + 1
            number = b"-%d" % count if count > 1 else b""
            shown = escaped(value)
            if name == OPAQUE:
                shown = shown.replace(b"\n", b"<br>\n")
            parts.append(b"<tr><td>" + escaped(name) + number + b"</td><td>" + shown + b"</td></tr>\n")
        parts.append(_RULE)
        return b"".join(parts)

    def document(self, parts: Iterable[bytes]) -> bytes:
        """The whole page, of what ``message`` returned."""
        return b"".join((self._begin, *parts, _END))


def error_page(status: int, reason: bytes, text: bytes, server: bytes) -> bytes:
    """The body of an error of HTTP itself, with the elements that Asterisk's has."""
    return b"\r\n".join(
        [
            b'<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">',
            b"<html><head>",
            b"<title>%d %b</title>" % (status, escaped(reason)),
            b"</head><body>",
            b"<h1>%b</h1>" % escaped(reason),
            b"<p>%b</p>" % escaped(text),
            b"<hr />",
            b"<address>%b</address>" % escaped(server),
            b"</body></html>",
            b"",
        ]
    )


_BEGIN: Final = b"""\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<title>Asterisk Manager Interface</title></head>
<body bgcolor="#ffffff">
<h1>Asterisk Manager Interface</h1>
<form action="@" method="post">
<p><label>Action <select name="action">
<option value="">choose:</option>
<option value="login">Login</option>
<option value="command">Command</option>
<option value="waitevent">WaitEvent</option>
<option value="listcommands">ListCommands</option>
<option value="logoff">Logoff</option>
</select></label>
<label>or another: <input name="action"></label></p>
<p><label>Command <input name="command"></label></p>
<p><label>User <input name="username" autocomplete="username"></label>
<label>Secret <input type="password" name="secret" autocomplete="current-password"></label></p>
<p><input type="submit" value="Run"></p>
</form>
<table align="center" bgcolor="#f1f1f1" width="500">
""".replace(b"\n", b"\r\n")
