import os
import pwd
from types import SimpleNamespace

import pytest

from amiproxy.config.accounts import uid_of


def test_users_are_found_by_name_and_number() -> None:
    assert uid_of("root") == 0
    assert uid_of("4711") == 4711
    with pytest.raises(KeyError):
        uid_of("no such user")


def test_a_user_found_once_is_remembered_when_the_file_becomes_unreadable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uid_of.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(pwd, "getpwnam", lambda name: SimpleNamespace(pw_uid=os.getuid()))
        assert uid_of("somebody") == os.getuid()
    assert uid_of("somebody") == os.getuid()
    uid_of.cache_clear()
