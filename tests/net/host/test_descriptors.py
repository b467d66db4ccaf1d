import logging
import os
import resource

import pytest

from amiproxy.net.host.descriptors import raise_descriptors


def test_the_descriptor_limit_is_raised_as_far_as_allowed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    limits = {"now": (100, 1000)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.update(now=wanted))
    raise_descriptors(500)
    assert limits["now"] == (564, 1000)
    raise_descriptors(5000)
    assert limits["now"] == (1000, 1000)


def test_a_limit_that_cannot_be_raised_is_tolerated(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(resource, "getrlimit", lambda _: (100, 1000))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    raise_descriptors(500)


def test_a_sufficient_limit_is_left_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (4096, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda *_: os.abort())
    raise_descriptors(1024)
