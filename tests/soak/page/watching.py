"""Watching a page through DevTools: memory, nodes, draws, long tasks and messages."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from tests.asterisk.page.board import Board

#: Runs before the page's own scripts.  A draw is a callback of requestAnimationFrame; one that only asks for
#: the next frame has drawn nothing.
_COUNTING = """
(() => {
  const counted = window.counted = { messages: 0, frames: 0, draws: 0, twice: 0, long: [], opened: 0 };
  const ask = window.requestAnimationFrame.bind(window);
  let frame = -1, inFrame = 0, asked = 0;
  window.requestAnimationFrame = (callback) => {
    asked += 1;
    return ask((now) => {
      if (now !== frame) { frame = now; inFrame = 0; counted.frames += 1; }
      const before = asked;
      callback(now);
      if (asked !== before) return;
      inFrame += 1;
      counted.draws += 1;
      if (inFrame === 2) counted.twice += 1;
    });
  };
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given);
      counted.opened += 1;
      this.addEventListener("message", () => { counted.messages += 1; });
    }
  };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) counted.long.push(Math.round(entry.duration));
  }).observe({ type: "longtask", buffered: true });
})();
"""
VIEWS = ("queues", "agents", "lines", "wall", "calls")


@dataclass
class Seen:
    """Samples of one page: ``seconds`` since the first; ``heap`` in bytes after a collection of garbage."""

    seconds: list[float] = field(default_factory=list)
    heap: list[int] = field(default_factory=list)
    nodes: list[int] = field(default_factory=list)
    listeners: list[int] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    counted: dict[str, Any] = field(default_factory=dict)


class Watcher:
    """Watches a board that stays at its calls, and looks into the other views now and then."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.seen = Seen()
        self._began = 0.0

    async def begin(self) -> None:
        """Count from the next page on."""
        await self.board.page.ask("Page.addScriptToEvaluateOnNewDocument", source=_COUNTING)
        for domain in ("Performance", "HeapProfiler"):
            await self.board.page.ask(f"{domain}.enable")

    async def watch(self, seconds: float, every: float, round_every: float) -> None:
        """Take samples for so long."""
        await self._look_round()  # A view has its rows from the first time that somebody looks into it.
        self._began = time.monotonic()
        await self.board.run(
            "Object.assign(counted, { messages: 0, frames: 0, draws: 0, twice: 0, long: [] })"
        )
        looked = self._began
        while (now := time.monotonic()) - self._began < seconds:
            await self.sample()
            if now - looked > round_every:
                looked = now
                await self._look_round()
            await asyncio.sleep(max(0.0, every - (time.monotonic() - now)))
        await self.sample()

    async def sample(self) -> None:
        """Take a sample now."""
        ask = self.board.page.ask
        await ask("HeapProfiler.collectGarbage")
        heap = await ask("Runtime.getHeapUsage")
        metrics = {one["name"]: one["value"] for one in (await ask("Performance.getMetrics"))["metrics"]}
        seen = self.seen
        seen.seconds.append(time.monotonic() - self._began)
        seen.heap.append(int(heap["usedSize"]))
        seen.nodes.append(int(metrics["Nodes"]))
        seen.listeners.append(int(metrics["JSEventListeners"]))
        seen.busy.append(float(metrics["TaskDuration"]))
        seen.counted = json.loads(await self.board.run("JSON.stringify(counted)"))

    async def _look_round(self) -> None:
        for view in VIEWS:
            await self.board.go(f"#{view}")
            await asyncio.sleep(0.3)
        await self.board.has_rows("calls")
