"""An OpenSSL that is configured or built in another way than this machine's."""

import pytest

from amiproxy.net.tls import tlspolicy


def without_any_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on OpenSSL refuses every list of suites, because it comes with a level that does not exist."""
    monkeypatch.setattr(tlspolicy, "_SECURITY_LEVEL", "@SECLEVEL=9")
