"""Makes the pictures of the wallboard in README.md: ``make picture``.

The demo's proxy serves the page to a headless Chromium, in front of the demo's call centre.  Its day is the
same each time, because its seed is.
"""

import asyncio
import base64
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from amiproxy.tools.demo import accounts, service
from amiproxy.tools.demo.folder import HOST, opened
from amiproxy.tools.demo.pbx import simulated
from tests.deploy.pages import TOP
from tests.support import browser

FOLDER: Final = TOP / "deploy/images"
WIDTH, HEIGHT = 1280, 720
#: The queue whose callers and agents are shown too.
OPEN: Final = "support"
#: Bytes that a picture may have: everybody who looks at the repository loads it.
MOST_BYTES: Final = 150_000
_LOG_IN: Final = """
(async (name, secret) => {
  const form = document.querySelector("#login form");
  form.querySelector("[autocomplete=username]").value = name;
  form.querySelector("[autocomplete=current-password]").value = secret;
  form.requestSubmit();
})"""


@asynccontextmanager
async def board(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """A demo that runs: the address of its page, and the secret of its wallboard."""
    wallboard = accounts.wallboard()
    with opened(folder) as state:
        state.write_certificates()
        async with simulated(state) as pbx:
            upstream = pbx.upstream()
            async with service.running_on_free_ports(
                state, lambda ports: state.write_config(upstream, *ports, [wallboard])
            ) as ports:
                yield f"https://{HOST}:{ports.page}/", wallboard.secret


async def take(page: browser.Page, address: str, secret: str, scheme: str) -> bytes:
    """The picture of the queues in this colour scheme, as PNG."""
    await page.ask(
        "Emulation.setDeviceMetricsOverride", width=WIDTH, height=HEIGHT, deviceScaleFactor=1, mobile=False
    )
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    await page.ask("Emulation.setEmulatedMedia", features=features)
    await page.go(address, bypasses_csp=False)
    await _until(page, "document.body.dataset.view === 'login'")
    await page.run(f"{_LOG_IN}('wallboard', {secret!r})")
    await _until(page, "document.body.dataset.ready === 'yes' && !document.body.dataset.stale")
    await _until(page, "document.querySelectorAll('[data-table=queues] [data-key]').length > 3")
    await page.run(f"document.querySelector('[data-table=queues] [data-key*={OPEN}] button').click()")
    await _until(page, "document.querySelectorAll('[data-table=members] [data-key]').length > 3")
    await page.run("document.activeElement?.blur()")
    await page.run("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")
    shot = await page.ask("Page.captureScreenshot", format="png", optimizeForSpeed=False)
    return base64.b64decode(shot["data"])


async def _until(page: browser.Page, condition: str) -> None:
    for _ in range(600):
        if await page.run(condition):
            return
        await asyncio.sleep(0.1)
    raise SystemExit(f"the page never came to this: {condition}")


async def pictures() -> dict[str, bytes]:
    """Both pictures, by the name of their colour scheme."""
    found = {}
    with tempfile.TemporaryDirectory() as place:
        async with (
            board(Path(place) / "demo") as (address, secret),
            browser.chromium(Path(place)) as chromium,
        ):
            for scheme in ("light", "dark"):
                found[scheme] = await take(await chromium.page(), address, secret, scheme)
    return found


def main(folder: Path) -> None:
    """Write both pictures into this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for scheme, picture in asyncio.run(pictures()).items():
        if len(picture) > MOST_BYTES:
            raise SystemExit(f"the {scheme} picture has {len(picture)} bytes, more than {MOST_BYTES}")
        file = folder / f"wallboard-{scheme}.png"
        file.write_bytes(picture)
        sys.stdout.write(f"{file}: {len(picture)} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
