"""``ami-proxy shell`` as a process without a terminal, as scripts use it."""

import asyncio
import os
import sys
from pathlib import Path

SHELL = (sys.executable, "-m", "amiproxy", "shell")


def environment(home: Path) -> dict[str, str]:
    """The user's own folders are inside ``home``."""
    return {"XDG_CONFIG_HOME": f"{home}/config", "XDG_STATE_HOME": f"{home}/state", "HOME": str(home)}


def secret_file(home: Path, secret: str, mode: int = 0o600) -> list[str]:
    """The option for a file with this secret, which is written."""
    path = home / "a.secret"
    path.write_text(f"{secret}\n")
    path.chmod(mode)
    return ["--secret-file", str(path)]


async def run(home: Path, *arguments: str, stdin: str | None = None) -> tuple[int, str, str]:
    """Run it to its end: the exit status, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *SHELL,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | environment(home),
    )
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate(stdin.encode() if stdin is not None else None)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert "Traceback" not in err.decode(), err.decode()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
