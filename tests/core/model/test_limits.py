import ast
import re
from pathlib import Path

import msgspec
import pytest

from amiproxy.core.model.limits import ORDERED, Limits, ServerLimits

#: The table of limits, as in the operator's guide.
DOCUMENTED = {
    "connections": 1024, "sessions_authenticated": 512, "unauthenticated": 128,
    "unauthenticated_per_address": 16, "connections_per_address": 64, "sessions_per_user": 32,
    "connection_rate": 20, "connection_burst": 60, "handshake_timeout": 5,
    "login_timeout": 10, "login_failure_burst": 5, "login_failure_interval": 6,
    "penalty": 30, "penalty_max": 900, "hash_threads": 2, "hash_queue": 128, "action_bytes": 65536,
    "in_flight_per_session": 32, "in_flight": 512,
    "list_items": 100000, "action_rate": 50, "action_burst": 200, "originate_rate": 2, "originate_burst": 10,
    "command_rate": 5, "command_burst": 10, "rate_wait": 30, "action_timeout": 15, "command_timeout": 60,
    "originate_timeout_max": 300,
    "list_item_timeout": 15, "list_timeout": 120, "outbox_soft": 1 << 20,
    "outbox_hard": 2 << 20, "outbox_stall": 10, "outbox_total": 64 << 20, "slow_consumer": "close",
    "keepalive_idle": 60, "unacknowledged_timeout": 30,
    "upstream_connect_timeout": 3, "upstream_login_timeout": 5, "upstream_boot_timeout": 60,
    "reconnect_min": 0.5, "reconnect_max": 10,
    "ping_interval": 15, "stall_timeout": 30,
    "upstream_message_bytes": 1 << 20, "upstream_unfinished_bytes": 4 << 20,
    "drain_timeout": 10, "stop_timeout": 25,
}  # fmt: skip


def test_defaults_are_those_of_the_guide() -> None:
    given = msgspec.structs.asdict(Limits())
    assert {name: given[name] for name in DOCUMENTED} == DOCUMENTED


@pytest.mark.parametrize(("low", "high"), ORDERED)
def test_defaults_are_in_order(low: str, high: str) -> None:
    assert getattr(Limits(), low) <= getattr(Limits(), high)


@pytest.mark.parametrize("field", msgspec.structs.fields(Limits), ids=lambda field: field.name)
def test_each_default_is_within_its_own_bounds(field: msgspec.structs.FieldInfo) -> None:
    if field.name != "exempt":
        assert msgspec.convert(field.default, field.type) == field.default
        for absurd in (-1, 1 << 62, "x"):
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert(absurd, field.type)


ROOT = Path(__file__).parents[3]


def read_by(tree: ast.AST) -> set[str]:
    """The names that are read from something called ``limits``."""
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and (getattr(node.value, "id", None) == "limits" or getattr(node.value, "attr", None) == "limits")
    }


@pytest.fixture(scope="module")
def read() -> set[str]:
    return set().union(*(read_by(ast.parse(path.read_text())) for path in ROOT.glob("proxy/**/*.py")))


@pytest.fixture(scope="module")
def tested() -> str:
    own = {Path(__file__), *ROOT.glob("tests/config/**/*.py")}
    return "\n".join(path.read_text() for path in ROOT.glob("tests/**/*.py") if path not in own)


@pytest.mark.parametrize("name", Limits.__struct_fields__)
def test_every_limit_is_read_somewhere(name: str, read: set[str]) -> None:
    assert name in read, f"nothing reads limits.{name}: implement it, or take it out"


@pytest.mark.parametrize("name", Limits.__struct_fields__)
def test_every_limit_has_a_test_of_its_effect(name: str, tested: str) -> None:
    assert re.search(rf"\b{name}\b", tested), f"no test outside tests/config says {name}"


@pytest.mark.parametrize("name", Limits.__struct_fields__)
def test_every_limit_is_explained(name: str) -> None:
    guide = (ROOT / "deploy/limits.md").read_text()
    assert f"`{name}`" in guide, f"deploy/limits.md has no line on {name}"


def test_limits_of_a_server_override_those_of_the_same_name() -> None:
    limits = Limits(action_timeout=7.0)
    assert ServerLimits().over(limits) is limits
    own = ServerLimits(ping_interval=2.0).over(limits)
    assert (own.ping_interval, own.action_timeout) == (2.0, 7.0)
    assert set(ServerLimits.__struct_fields__) < set(Limits.__struct_fields__)
