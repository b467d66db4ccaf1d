"""A real Prometheus that scrapes one target every second, and evaluates rules if it is given any."""

import asyncio
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from shutil import which
from types import TracebackType
from typing import Any, Self

import yaml

from tests.support.ports import free_port
from tests.support.requirements import give_up

#: Seconds that any one wait may take, and between two questions.
_SECONDS = 60.0
_LOOK_AGAIN = 0.1

Series = Mapping[str, str]


class Prometheus:
    """Scrapes ``target`` (host:port) as job ``ami-proxy`` while it is entered.

    Its files are in ``directory``, which it makes; ``rules`` is the text of a file of rules.
    """

    def __init__(self, directory: Path, target: str, rules: str = "") -> None:
        self._directory = directory
        directory.mkdir()
        self._url = f"127.0.0.1:{free_port()}"
        settings: dict[str, Any] = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "scrape_configs": [{"job_name": "ami-proxy", "static_configs": [{"targets": [target]}]}],
        }
        if rules:
            (directory / "rules.yml").write_text(rules)
            settings["rule_files"] = ["rules.yml"]
        (directory / "prometheus.yml").write_text(yaml.safe_dump(settings))

    def _start(self) -> None:
        tool = which("prometheus")
        if tool is None:
            give_up("TOOLS", "Debian's package prometheus is not installed")
        with (self._directory / "said").open("wb") as said:
            self._process = subprocess.Popen(
                [
                    tool,
                    f"--config.file={self._directory / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._directory / 'data'}",
                    f"--web.listen-address={self._url}",
                ],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    async def __aenter__(self) -> Self:
        self._start()
        try:
            await self.until_true("up == 1")
        except BaseException:
            self._end()
            raise
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()

    async def _ask(self, path: str, **parameters: str | float) -> Any:
        """The data of its answer; None while it does not answer yet.  Raises AssertionError for an error."""
        url = f"http://{self._url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"

        def ask() -> Any:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    return json.load(answer)["data"]
            except urllib.error.HTTPError as error:
                if error.code == 503:  # it has just started
                    return None
                raise AssertionError(f"{url}: {error.read().decode()}") from error
            except OSError:
                status = self._process.poll()
                assert status is None, (self._directory / "said").read_text()
                return None

        return await asyncio.to_thread(ask)

    async def values(self, expression: str) -> list[tuple[Series, float]]:
        """Labels and values that the expression has now."""
        data = await self._ask("query", query=expression)
        found = data["result"] if data else []
        return [(one["metric"], float(one["value"][1])) for one in found]

    async def history(self, expression: str, since: float, until: float) -> list[tuple[Series, list[float]]]:
        """Labels and values that it had, second by second, between two times since the epoch."""
        data = await self._ask("query_range", query=expression, start=since, end=until, step=1)
        return [(one["metric"], [float(value) for _, value in one["values"]]) for one in data["result"]]

    async def label(self, name: str, match: str) -> list[str]:
        """The values of a label in the series that match."""
        found: list[str] = await self._ask(f"label/{name}/values", **{"match[]": match})
        return found

    async def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        data = await self._ask("alerts")
        return {one["labels"]["alertname"] for one in data["alerts"] if one["state"] == "firing"}

    async def until_true(self, expression: str) -> None:
        """Wait until the expression has a value."""

        async def has_value() -> bool:
            return bool(await self.values(expression))

        await self._until(has_value, expression)

    async def until_firing(self, *names: str) -> None:
        """Wait until all these alerts fire."""

        async def do_fire() -> bool:
            return set(names) <= await self.firing()

        await self._until(do_fire, f"{names} fire")

    async def until_resolved(self, *names: str) -> None:
        """Wait until none of these alerts fires."""

        async def are_resolved() -> bool:
            return not set(names) & await self.firing()

        await self._until(are_resolved, f"{names} are resolved")

    async def _until(self, is_true: Callable[[], Awaitable[bool]], what: str) -> None:
        give_up = time.monotonic() + _SECONDS
        while not await is_true():
            assert time.monotonic() < give_up, f"waited {_SECONDS} s in vain: {what}"
            await asyncio.sleep(_LOOK_AGAIN)
