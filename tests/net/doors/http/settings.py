"""Limits and settings of the listener of one test."""

from typing import Any

import pytest

from amiproxy.core.model.limits import Limits


def with_(limits: dict[str, Any] | None = None, **settings: Any) -> pytest.MarkDecorator:
    """Give the fixture ``house`` other limits, and settings of its listener."""
    return pytest.mark.parametrize("house", [(Limits(**limits or {}), settings)], indirect=True, ids=[""])
