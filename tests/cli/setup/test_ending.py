"""The end of a setup, with a service and an Asterisk that are only described."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from amiproxy.cli.setup import ending
from amiproxy.config import Config, draft_config
from amiproxy.tools.setup import facts as state
from amiproxy.tools.setup.facts import UnitState
from amiproxy.tools.setup.texts import proxy_yaml
from amiproxy.tools.setup.wishes import SYSTEM, Wishes

RELOAD = ("systemctl", "reload", "ami-proxy.service")
RUNNING = UnitState(runs=True, exists=True, active=True, enabled=True)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "proxy.yaml").write_text(proxy_yaml(directory=SYSTEM))
    return draft_config(tmp_path / "proxy.yaml")


@pytest.mark.parametrize(
    ("link", "trouble", "wishes", "expected"),
    [
        ("login rejected", None, Wishes(), RELOAD),
        # Asterisk would refuse it again.
        ("login rejected", ("another secret", "correct it"), Wishes(), None),
        ("up", None, Wishes(), None),
        # No service answers.
        ("", None, Wishes(), None),
        ("login rejected", None, Wishes(start=False), None),
        ("login rejected", None, Wishes(directory=Path("/home/me/try")), None),
    ],
)
def test_a_service_that_can_log_in_by_now_is_reloaded(
    link: str,
    trouble: tuple[str, str] | None,
    wishes: Wishes,
    expected: Sequence[str] | None,
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ending, "_link", lambda _: ending._Link(link, "reason"))
    monkeypatch.setattr(ending, "_trouble", lambda _: trouble)
    monkeypatch.setattr(state, "unit_state", lambda: RUNNING)
    step = ending._retry(config, wishes)
    assert (step.command if step is not None else None) == expected
