"""Configurations of earlier versions load, with a warning for each key that no longer has an effect."""

from pathlib import Path

import msgspec
import pytest

from amiproxy.config import Limits, load
from amiproxy.config.removed import REMOVED

#: The keys of ``limits`` that were removed, with their last defaults.
EARLIER = {
    "action_id_bytes": 1022,
    "handshake_bytes": 16384,
    "hash_cache_entries": 1000,
    "keepalive_count": 4,
    "keepalive_interval": 15,
    "login_bytes": 4096,
    "originate_grace": 5,
    "reconnect_jitter": 0.3,
    "rejected_max": 60,
    "rejected_min": 5,
}
CHANGELOG = (Path(__file__).parents[2] / "CHANGELOG.md").read_text()


def test_a_configuration_with_every_removed_key_loads_and_reports_their_lines(folder: Path) -> None:
    config = folder / "proxy.yaml"
    first = config.read_text().count("\n") + 2
    with config.open("a") as file:
        file.write("limits:\n" + "".join(f"  {key}: {value}\n" for key, value in EARLIER.items()))
    loaded = load(config)
    assert loaded.config.limits == Limits()
    said = [str(problem).replace(f"{folder}/", "") for problem in loaded.outdated]
    assert [text.partition("; ")[0] for text in said] == [
        f"proxy.yaml:{first + number}: limits.{key}: has no effect: this key was removed from ami-proxy"
        for number, key in enumerate(EARLIER)
    ]


@pytest.mark.parametrize("kind", REMOVED, ids=lambda kind: kind.__name__)
def test_a_removed_key_is_unknown_to_its_struct_and_has_a_remedy(kind: type[msgspec.Struct]) -> None:
    for key, remedy in REMOVED[kind].items():
        assert key not in kind.__struct_fields__
        assert remedy.startswith("remove it: ")
        assert f"`{key}`" in CHANGELOG


def test_the_list_of_removed_limits_is_complete() -> None:
    assert set(REMOVED[Limits]) == set(EARLIER)
