"""manager.conf: the account is added so that Asterisk reads it, and everything else means the same."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from amiproxy.config import Unfit
from amiproxy.tools.setup.manager import ManagerConf, advice, changes, is_loopback, secret_of

CONF = Path("/etc/asterisk/manager.conf")
_ENABLED = "[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = 5038\n"
_OTHER = "[panel]\nsecret = hunter2\nread = call\n"


def conf(text: str, included: dict[str, str] | None = None) -> ManagerConf:
    files = included or {}

    def find(name: str) -> Sequence[tuple[str, str]]:
        pattern = CONF.parent / name
        return [(path, said) for path, said in files.items() if Path(path).match(str(pattern))]

    folders = {Path(path).parent for path in files}
    return ManagerConf(CONF, text, find, lambda path: path in folders or str(path) in files)


def after(before: ManagerConf, username: str = "amiproxy") -> ManagerConf:
    """The configuration with all changes."""
    made = {change.path: change.text for change in changes(before, username, "s3cret", "127.0.0.1")}
    included = {str(path): text for path, text in made.items() if path != CONF}

    def find(name: str) -> Sequence[tuple[str, str]]:
        pattern = CONF.parent / name
        more = [(path, said) for path, said in included.items() if Path(path).match(str(pattern))]
        return [*before.files(name), *more]

    return ManagerConf(CONF, made.get(CONF, before.text), find, before.exists)


@pytest.mark.parametrize(
    "text",
    [
        _ENABLED,
        _ENABLED + _OTHER,
        _ENABLED.rstrip("\n"),
        "[general]\nenabled = no\n" + _OTHER,
        "[general]\n;enabled = yes\n",
        "",
        _OTHER,
        "[general]\nenabled = no\nbindaddr = 0.0.0.0\nport = 5038\n[t](!)\nread = all\n[a](t)\nsecret = x\n",
        "\ufeff[general]\nport = 5038\n",
        ";--\n[general]\nenabled = no\n--;\n[general]\nport = 5040\n",
    ],
)
def test_the_account_is_there_and_the_manager_enabled(text: str) -> None:
    changed = after(conf(text))
    account = changed.account("amiproxy")
    assert account is not None
    assert secret_of(account) == b"s3cret"
    assert changed.is_enabled()
    others = [section.name for section in conf(text).parsed().sections if section.name != "general"]
    assert [name for name in (one.name for one in changed.parsed().sections) if name in others] == others


def test_what_is_right_is_not_changed() -> None:
    text = _ENABLED + "[amiproxy]\nsecret = other\nread = all\n"
    assert changes(conf(text), "amiproxy", "s3cret", "127.0.0.1") == []


def test_an_account_in_an_included_file_is_found() -> None:
    included = {"/etc/asterisk/manager.d/x.conf": "[amiproxy]\nsecret = theirs\n"}
    given = conf(_ENABLED + '#include "manager.d/*.conf"\n', included)
    account = given.account("amiproxy")
    assert account is not None
    assert secret_of(account) == b"theirs"
    assert changes(given, "amiproxy", "s3cret", "127.0.0.1") == []


@pytest.mark.parametrize("directive", ['#include "manager.d/*.conf"', "#tryinclude manager.d/*.conf"])
def test_a_folder_that_is_included_as_a_whole_gets_a_file(directive: str) -> None:
    included = {"/etc/asterisk/manager.d/README.conf": "; nothing\n"}
    given = conf(f"{_ENABLED}{directive}\n", included)
    [change] = changes(given, "amiproxy", "s3cret", "127.0.0.1")
    assert (change.path, change.before) == (Path("/etc/asterisk/manager.d/ami-proxy.conf"), None)
    assert after(given).account("amiproxy") is not None


def test_an_include_that_is_commented_out_is_not_used() -> None:
    included = {"/etc/asterisk/manager.d/README.conf": "; nothing\n"}
    given = conf(f'{_ENABLED};#include "manager.d/*.conf"\n', included)
    [change] = changes(given, "amiproxy", "s3cret", "127.0.0.1")
    assert change.path == CONF


def test_an_include_within_a_block_comment_is_not_used() -> None:
    included = {"/etc/asterisk/manager.d/README.conf": "; nothing\n"}
    given = conf(f'{_ENABLED};--\n#include "manager.d/*.conf"\n--;\n', included)
    [change] = changes(given, "amiproxy", "s3cret", "127.0.0.1")
    assert change.path == CONF


def test_a_manager_that_was_off_is_bound_to_loopback_and_one_that_was_on_is_not_moved() -> None:
    off = after(conf("[general]\nenabled = no\nbindaddr = 0.0.0.0\n")).general()
    assert (off["enabled"].value, off["bindaddr"].value) == ("yes", "127.0.0.1")
    on = after(conf("[general]\nenabled = yes\nbindaddr = 0.0.0.0\n")).general()
    assert on["bindaddr"].value == "0.0.0.0"
    assert any("bypass" in text for text, _ in advice(conf("[general]\nenabled = yes\n"), 5038))


def test_a_setting_in_an_included_file_is_named_and_not_changed() -> None:
    included = {"/etc/asterisk/general.d/a.conf": "enabled = no\n"}
    given = conf("[general]\n#include general.d/a.conf\n", included)
    with pytest.raises(Unfit, match=r"general\.d/a\.conf:1"):
        changes(given, "amiproxy", "s3cret", "127.0.0.1")


def test_another_port_than_the_links_is_reported() -> None:
    given = conf("[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = 5040\n")
    assert given.port() == 5040
    [(text, _)] = advice(given, 5038)
    assert "manager.conf:4" in text
    assert list(advice(given, 5040)) == []


def test_a_file_that_asterisk_rejects_is_not_changed() -> None:
    with pytest.raises(Unfit):
        changes(conf(_ENABLED + "[broken\n"), "amiproxy", "s3cret", "127.0.0.1")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        *[(host, True) for host in ("127.0.0.1", "127.0.0.1:5038", "[::1]:5038", "::1")],
        *[(host, False) for host in ("0.0.0.0", "::", "[::]:5038", "pbx", "")],
    ],
)
def test_loopback_is_recognised(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected
