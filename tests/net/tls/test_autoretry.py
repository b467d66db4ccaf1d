import pytest

from amiproxy.net.tls import autoretry


def test_it_is_taken_off_here() -> None:
    assert autoretry.OneRecord().available


def test_a_python_that_keeps_its_connections_otherwise_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Another place of the same object: what is found there is not the context that belongs to it.
    monkeypatch.setattr(autoretry, "_CONTEXT", autoretry._CONNECTION)
    one_record = autoretry.OneRecord()
    assert not one_record.available
    assert "tls-auto-retry-stays" in caplog.text


def test_without_openssls_own_call_it_stays(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none(_name: object) -> None:
        raise OSError("no such library")

    monkeypatch.setattr(autoretry.ctypes, "CDLL", none)
    one_record = autoretry.OneRecord()
    assert not one_record.available
    assert "tls-auto-retry-stays" in caplog.text
