"""The text of the metrics is written in slices, complete and with no counter going back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from amiproxy.core.model.users import User, UserTable
from amiproxy.net.admin.exposition import Exposition, writing
from amiproxy.net.admin.metrics import ServiceCollector
from amiproxy.net.loop.gently import SliceRunner
from amiproxy.steps import finish, result_of
from tests.support.live_service import LiveService

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


class InParts(Collector):
    """Two families, the first one in parts; each part increments ``count``."""

    def __init__(self) -> None:
        self.count = 0
        self.collected = 0

    def collect(self) -> Iterator[Metric]:
        self.collected += 1
        for number in range(3):
            self.count += 1
            family = CounterMetricFamily("things", "Things", labels=["number"])
            family.add_metric([str(number)], self.count)
            yield family
        yield GaugeMetricFamily("other", "Another", 1.0)


@pytest.mark.parametrize("accept", ["", OPEN_METRICS])
def test_a_family_collected_in_parts_is_one_family(accept: str) -> None:
    text = result_of(writing(InParts(), choose_encoder(accept)[0])).decode()
    parse = openmetrics.text_string_to_metric_families if accept else text_string_to_metric_families
    families = {family.name: family for family in parse(text)}
    assert list(families) == ["things", "other"]
    assert [(s.labels["number"], s.value) for s in families["things"].samples] == [
        ("0", 1),
        ("1", 2),
        ("2", 3),
    ]
    assert text.count("# TYPE") == 2
    assert text.count("# EOF") == (1 if accept else 0)


async def test_requests_during_a_rendering_share_the_next_one() -> None:
    collector = InParts()
    exposition = Exposition(collector)
    short = SliceRunner(0.0)  # each step is a slice
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(exposition.text("", short))
        await asyncio.sleep(0)
        others = await asyncio.gather(*(exposition.text("", short) for _ in range(5)))
    assert collector.collected == 2
    assert len({text for text, _ in others}) == 1
    assert first.result()[0] != others[0][0]
    assert (await exposition.text(""))[0] not in {text for text, _ in others}  # no text is kept for later


async def test_each_of_many_users_is_in_the_text_and_every_step_is_short(tmp_path: Path) -> None:
    """However many users there are, a step renders a part of a family: other work runs in between."""
    names = [f"agent{number}" for number in range(2000)]
    service = LiveService(tmp_path, *(User(name, secret="plain:x") for name in names))
    for name in names:
        service.hub.stats.actions.count(b"Ping", name, "success")
    parts = list(ServiceCollector(service).collect())
    per_user = [part for part in parts if any("user" in sample.labels for sample in part.samples)]
    assert max(len(part.samples) for part in per_user) <= 64
    text = result_of(writing(ServiceCollector(service), choose_encoder("")[0])).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for family in ("amiproxy_sessions", "amiproxy_slow_consumers", "amiproxy_actions"):
        assert {sample.labels["user"] for sample in families[family].samples} >= set(names)


async def test_swapping_the_user_table_between_two_parts_breaks_nothing(tmp_path: Path) -> None:
    service = LiveService(tmp_path, *(User(f"u{number}", secret="plain:x") for number in range(200)))
    steps = writing(ServiceCollector(service), choose_encoder("")[0])
    old = service.hub.ctx.users
    for _ in range(4):
        next(steps)
    service.hub.adopt(UserTable([User("new", secret="plain:x")]))
    finish(old.letting_go())
    assert result_of(steps).startswith(b"# HELP")
