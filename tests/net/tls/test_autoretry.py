import pytest

from amiproxy.net.tls import autoretry


def test_auto_retry_is_off_here() -> None:
    assert autoretry.DisableAutoRetry().available


def test_an_unknown_layout_of_python_objects_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Another offset in the same object: the pointer there is not the context that belongs to it.
    monkeypatch.setattr(autoretry, "_CONTEXT", autoretry._CONNECTION)
    disable_auto_retry = autoretry.DisableAutoRetry()
    assert not disable_auto_retry.available
    assert "tls-auto-retry-stays" in caplog.text


def test_without_openssls_own_call_auto_retry_stays(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none(_name: object) -> None:
        raise OSError("no such library")

    monkeypatch.setattr(autoretry.ctypes, "CDLL", none)
    disable_auto_retry = autoretry.DisableAutoRetry()
    assert not disable_auto_retry.available
    assert "tls-auto-retry-stays" in caplog.text
