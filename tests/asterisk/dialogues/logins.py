# ruff: noqa: E501 - a session is a line
"""Sessions about logging in and out: every spelling of a login, challenges, refusals, Logoff."""

from tests.asterisk.dialogues.script import (
    LOUD,
    QUIET,
    Dialogue,
    EndOfStream,
    Send,
    Until,
    act,
    dialogue,
    user,
)

_NAMED = ("Username: proxy", "Secret: proxysecret")
_SECURITY = Until(rb"^Event: SuccessfulAuth\r\n")
_CHALLENGE = act("Challenge", "AuthType: MD5", "ActionID: c")


def _events(mask: str, *heard: Until) -> Dialogue:
    """A login with this mask, then actions that show which events it lets through."""
    probes = (
        act("Events", "EventMask: user"),
        act("UserEvent", "UserEvent: Probe", "ActionID: probe"),
        Until(rb"^Event: UserEvent\r\n"),
    )
    return dialogue(f"login-events-{mask}", act("Login", *_NAMED, f"Events: {mask}"), *heard, *probes)


LOGINS = [
    dialogue("login", *LOUD),
    *(_events(mask, _SECURITY) for mask in ("On", "ON", "Yes", "tRue", "y", "4294967295")),
    *(_events(mask) for mask in ("off", "OFF", "No", "call,user", "none", "CALL", "-1", "256", "0x1")),
    _events("system", Until(rb"^Event: FullyBooted\r\n")),
    _events("1", Until(rb"^Event: FullyBooted\r\n")),
    _events("", _SECURITY),
    dialogue("login-in-lower-case", b"action:login\nusername:proxy\nsecret:proxysecret\nevents:off\n\n", act("Ping")),
    dialogue("login-name-in-capitals", act("Login", "Username: PROXY", "Secret: proxysecret"), _SECURITY),
    dialogue("login-with-id", act("Login", "ActionID: in", *_NAMED, "Events: off")),
    dialogue("login-secret-with-a-blank-behind", b"Action: Login\r\nUsername: proxy\r\nSecret: proxysecret \r\n\r\n", EndOfStream()),
    dialogue("login-by-md5", _CHALLENGE, act("Login", "AuthType: MD5", "Username: proxy", "Key: <<key>>", "Events: off")),
    dialogue("login-by-md5-in-small-letters", act("challenge", "authtype: md5"), act("login", "authtype: md5", "username: proxy", "key: <<key>>", "events: off")),
    dialogue("login-by-md5-key-in-capitals", _CHALLENGE, act("Login", "AuthType: MD5", "Username: proxy", "Key: <<KEY>>"), EndOfStream()),
    dialogue("login-by-md5-without-challenge", act("Login", "AuthType: MD5", "Username: proxy", "Key: 0"), EndOfStream()),
    dialogue("login-by-md5-ignores-the-secret", _CHALLENGE, act("Login", "AuthType: MD5", "Key: 1", *_NAMED), EndOfStream()),
    dialogue("login-by-another-authtype", act("Login", "AuthType: plain", *_NAMED, "Events: off")),
    dialogue("login-wrong-secret", act("Login", "ActionID: w", "Username: proxy", "Secret: x"), EndOfStream()),
    dialogue("login-unknown-user", user("nobody", "x"), EndOfStream()),
    dialogue("login-without-a-name", act("Login", "Secret: proxysecret"), EndOfStream()),
    dialogue("login-from-a-forbidden-address", user("lab-acl", "acl"), EndOfStream()),
    dialogue("login-twice", QUIET, user("nobody", "x", "ActionID: again"), act("Challenge", "AuthType: MD5")),
    dialogue("login-in-use", user("lab-single", "single"), EndOfStream(), watchers=("lab-single",), differences=("session-limit",)),
    dialogue("challenge-of-no-type", act("Challenge"), act("Challenge", "AuthType: SHA1", "ActionID: 1"), act("Logoff"), EndOfStream()),
    dialogue("before-the-login", act("Ping", "ActionID: 1"), act("NoSuchAction"), b"\r\n", act(""), act("Logoff", "ActionID: z"), EndOfStream()),
    dialogue("logoff", QUIET, act("Logoff"), EndOfStream()),
    dialogue("logoff-with-more-behind", QUIET, Send(act("Logoff", "ActionID: bye") + act("Ping")), EndOfStream()),
    dialogue("limited", user("limited", "lim"), act("CoreStatus"), act("Setvar", "Variable: X", "Value: 1"), act("Getvar", "Variable: SHELL(id)"), act("ListCommands"), differences=("refusals", "reasons", "hidden-actions")),
    dialogue("seen-by-others", *LOUD, act("UserEvent", "UserEvent: Seen", "ActionID: s", "A: 1"), Until(rb"^Event: UserEvent\r\n"), watchers=("lab-reader", "limited", "lab-filtered")),
]  # fmt: skip
